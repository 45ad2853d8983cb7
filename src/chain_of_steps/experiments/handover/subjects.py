"""Which of the stored runs are taken."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.artifacts import read_table
from chain_of_steps.cases.folders import INDEX, Case, cases_of, first_of_each, need_puzzles
from chain_of_steps.errors import UserError
from chain_of_steps.experiments.handover.mistakes import KINDS
from chain_of_steps.tasks.puzzle import kind_of
from chain_of_steps.trajectory import Trajectory


def runs_of(cases: Path, trajectory: Path, n: int) -> tuple[Trajectory, list[Case]]:
    """The runs of the first n cases of each task and split of KINDS in a shard, and these cases.

    A shard may have none. Raises UserError where the study has none.
    """
    index = read_table(cases / INDEX)
    index = index[index["task"].map(kind_of).isin(KINDS)]
    if index.empty:
        raise UserError(
            f"cases.tasks has none of {', '.join(KINDS)}: add one, as mistakes and loops are "
            "studied where inferences can be counted."
        )
    runs = Trajectory.checked(trajectory)
    chosen = runs.runs["case"].isin(first_of_each(index, n))
    runs = runs.select(chosen.to_numpy().nonzero()[0].tolist())
    mine = cases_of(cases, runs.runs)
    need_puzzles(mine)
    return runs, mine
