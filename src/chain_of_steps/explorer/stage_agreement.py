"""The stage that compares labels made by hand."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.errors import UserError
from chain_of_steps.settings.statistics import WithStatistics
from chain_of_steps.stage import Option, Stage

STAGE = Stage(
    name="agreement",
    text="Cohen's kappa between label files of the explorer, and with what was measured.",
    settings=WithStatistics,
    options=(
        Option("--out", {"type": Path, "required": True, "help": "table to write"}),
        Option("--readouts", {"type": Path, "help": "table `cos join` wrote, to compare with"}),
        *(
            Option(
                f"--{name}",
                {"type": Path, "help": f"the study's table {name}_runs, to compare with, too"},
            )
            for name in ("memory", "perception")
        ),
        Option("labels", {"nargs": "+", "type": Path, "metavar": "LABELS", "help": "CSV files"}),
    ),
)


def run(
    settings: WithStatistics,
    *,
    out: Path,
    labels: list[Path],
    readouts: Path | None = None,
    memory: Path | None = None,
    perception: Path | None = None,
) -> None:
    from chain_of_steps.artifacts import read_table, write_table
    from chain_of_steps.explorer.agreement import agreement, measured, read_labels
    from chain_of_steps.statistics.resampling import Resampling

    found = read_labels(labels)
    given = [readouts, memory, perception]
    if readouts is None and any(given):
        raise UserError("--memory and --perception go with --readouts: give that, too.")
    measures = None
    if readouts is not None:
        measures = measured(*(path and read_table(path) for path in given))
    resampling = Resampling.of(settings.statistics)
    table = agreement(found, measures, resampling=resampling)
    write_table(out, table)
    print(table.round(2).to_string(index=False))
