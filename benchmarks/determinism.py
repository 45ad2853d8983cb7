"""How much the numbers of a run depend on threads, batch layout and processor: `make determinism`.

    python benchmarks/determinism.py --config config.yaml

samples the same cases again and again with one thing changed, in a fresh process each time, and
compares latents and answers with those of the reference. Writes benchmarks/determinism.csv and
docs/determinism.md, whose numbers are all from that table.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import torch
import yaml

from chain_of_steps.artifacts import read_table, write_table
from chain_of_steps.files import atomic_path
from chain_of_steps.manifests import package_versions
from chain_of_steps.study.config import load_config
from chain_of_steps.trajectory import Trajectory

ROOT = Path(__file__).resolve().parents[1]
BATCH = 13


@dataclass(frozen=True)
class Variant:
    """One change: fields of `execution`, and variables that hold back a processor's commands."""

    what: str
    execution: Mapping[str, object] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)


VARIANTS = (
    Variant("nothing: the same run again"),
    Variant("2 threads instead of 1", {"threads": 2}),
    Variant(f"batches of 26 instead of {BATCH}", {"batch": 26}),
    Variant(f"batches of 1 instead of {BATCH}", {"batch": 1}),
    Variant(
        "a processor without AVX-512",
        variables={"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}
        | {"MKL_ENABLE_INSTRUCTIONS": "AVX2"},
    ),
    Variant(
        "a processor without AVX2",
        variables={"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"}
        | {"MKL_ENABLE_INSTRUCTIONS": "SSE4_2"},
    ),
    Variant("bfloat16 instead of float32", {"dtype": "bfloat16"}),
)

TEXT = """\
# What makes two runs equal, and what does not

This file is written by `benchmarks/determinism.py`; every number in it is from
[benchmarks/determinism.csv](../benchmarks/determinism.csv).

On one machine, equal configurations give equal bits: latents, tables, pictures and videos. For that
the noise is drawn on the CPU from the seed, the number of threads (`execution.threads`), the batch
layout (`execution.batch`, `execution.shard`) and the precision (`execution.dtype`) are fields of
the configuration, and all are recorded in the manifest beside each artifact. However often a study
is interrupted, and whether a shard runs here or on a cluster of equal machines, it ends with the
same numbers; `make test` and `make soak` show that.

Change one of these, or the machine, and sums are taken in another order: low bits differ, and the
sampler carries the difference on. What that comes to was measured on {runs} runs of {steps} steps
of the {model} model ({cases} cases, seed 0; 1 thread, batches of {batch}), all else being equal:

{table}

A latent's standard deviation is about 1. An answer is what is read from the clean estimate of a
step, or at the end from the result; {looks} were read.

{verdict}
Measured on {machine}, Python {python}, torch {torch}.
"""


def run(variant: Variant, config: Path, root: Path, out: Path) -> tuple[Trajectory, pd.DataFrame]:
    """Samples and reads the cases below `root` in fresh processes."""
    over = out.with_suffix(".yaml")
    over.write_text(yaml.safe_dump({"execution": dict(variant.execution)}))
    given = ["--config", str(config), str(over), "--model", "main", "--cases", str(root / "cases")]
    latents, table = out.with_suffix(".safetensors"), out.with_suffix(".parquet")
    cos("sample", *given, "--shard", "0", "--out", str(latents), variables=variant.variables)
    # read alike, so that only the sampling differs
    given[2] = str(config)
    cos("read", *given, "--trajectory", str(latents), "--out", str(table))
    return Trajectory.load(latents), read_table(table)


def cos(*arguments: str, variables: Mapping[str, str] | None = None) -> None:
    command = [sys.executable, "-m", "chain_of_steps.cli", *arguments]
    # waiting threads sleep: two on a busy machine would else take minutes a step
    environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE", **(variables or {})}
    subprocess.run(command, env=environment, check=True)


def compare(what: str, reference: tuple, other: tuple) -> dict[str, object]:
    """Largest and typical difference of latents, and how many answers are others."""
    (latents, looks), (latents_2, looks_2) = reference, other
    difference = (latents.x - latents_2.x).abs()
    last = looks["step"] == looks["step"].max()
    changed = looks["answer"].to_numpy() != looks_2["answer"].to_numpy()
    return {
        "changed": what,
        "largest": difference.max().item(),
        "rms_of_results": difference[:, -1].square().mean().sqrt().item(),
        "same_bits": bool(torch.equal(latents.x, latents_2.x)),
        "answers": len(looks),
        "other_answers": int(changed.sum()),
        "final_answers": int(last.sum()),
        "other_final_answers": int(changed[last].sum()),
    }


def document(table: pd.DataFrame, facts: Mapping[str, object]) -> str:
    lines = [
        "| changed | largest difference of a latent | RMS of the results | other answers "
        "| other final answers |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in table.itertuples():
        numbers = (
            ["0, the same bits", "0"]
            if row.same_bits
            else [f"{row.largest:.2g}", f"{row.rms_of_results:.2g}"]
        )
        answers = (
            f"{row.other_answers} of {row.answers}",
            f"{row.other_final_answers} of {row.final_answers}",
        )
        lines.append(f"| {' | '.join([row.changed, *numbers, *answers])} |")
    full = table[~table["changed"].str.contains("bfloat16")]
    moved = int(full["other_final_answers"].max())
    verdict = (
        "In float32 no change of threads, batches or processor changed a final answer.\n"
        if moved == 0
        else f"In float32 a change of threads, batches or processor changed up to {moved} of "
        f"{full['final_answers'].max()} final answers.\n"
    )
    return TEXT.format(
        table="\n".join(lines), verdict=verdict, looks=table["answers"].max(), **facts
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, default=ROOT / "config.yaml")
    arguments = parser.parse_args()
    config = load_config([arguments.config]).resolved()
    name, model = next(iter(config["models"].items()))
    config["models"] = {"main": {**model, "seeds": [0], "path": str(Path(model["path"]).resolve())}}
    config["cases"] |= {"in-domain": 1, "out-of-domain": 1}
    n_cases = 2 * len(config["cases"]["tasks"])
    config["execution"] |= {"shard": n_cases, "batch": BATCH, "threads": 1}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        path = root / "config.yaml"
        path.write_text(yaml.safe_dump(config))
        cos("cases", "--config", str(path), "--out", str(root / "cases"))
        reference = run(Variant("reference"), path, root, root / "reference")
        rows = [
            compare(variant.what, reference, run(variant, path, root, root / str(n)))
            for n, variant in enumerate(VARIANTS)
        ]
    table = pd.DataFrame(rows)
    write_table(ROOT / "benchmarks/determinism.csv", table)
    versions = package_versions()
    facts = {"model": name, "steps": config["sampler"]["steps"], "cases": n_cases, "batch": BATCH}
    facts |= {"runs": len(reference[0].runs), "machine": processor()}
    facts |= {key: versions[key] for key in ("python", "torch")}
    text = document(table, facts)
    with atomic_path(ROOT / "docs/determinism.md") as temporary:
        temporary.write_text(text, encoding="utf-8")
    print(text)


def processor() -> str:
    info = Path("/proc/cpuinfo")
    names = [
        line.split(":", 1)[1].strip()
        for line in (info.read_text().splitlines() if info.is_file() else [])
        if line.startswith("model name")
    ]
    return f"{names[0] if names else platform.processor()}, {platform.system()}"


if __name__ == "__main__":
    main()
