"""Measures what the design promises, each pair in one process: `make benchmarks`.

    python benchmarks/bench.py --config config.yaml --out benchmarks

prints one table and writes it as results.csv and results.md. A ratio is ours / the other way.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from bench_layers import layers_overhead

from chain_of_steps.artifacts import write_table
from chain_of_steps.cases.folders import Case, load_cases, make_cases
from chain_of_steps.experiments.noise.perturbation import Perturbation, fork
from chain_of_steps.files import atomic_path
from chain_of_steps.interventions import NoiseAtStep, by_row
from chain_of_steps.manifests import package_versions
from chain_of_steps.models.adapters import load_model
from chain_of_steps.models.wan import WanModel
from chain_of_steps.runs import Runs, edits_of, run_shard
from chain_of_steps.sampling import flow_sigmas, sample
from chain_of_steps.settings.models import main_model
from chain_of_steps.study.config import Study, load_config
from chain_of_steps.trajectory import Recorder

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Line:
    """One measurement: ours against another way, in `unit`; bound: what the ratio may be."""

    what: str
    ours: float
    other: float
    unit: str
    bound: float | None = None

    def row(self) -> dict[str, object]:
        return {**vars(self), "ratio": self.ours / self.other}


def seconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def fork_sweep(model: WanModel, cases: Sequence[Case], config: Study) -> list[Line]:
    """Noise at every step: forked from the stored runs, and run again from the start."""
    n_steps, n_frames = config.sampler.steps, config.video.frames
    shift, batch = config.sampler.shift, len(cases)
    clean = run_shard(model, cases, [0], steps=n_steps, shift=shift, n_frames=n_frames, batch=batch)
    condition = Runs.stored(model, clean, cases).condition()
    nfe, taken = [0, 0], [0.0, 0.0]
    for k in range(n_steps):
        perturbation = Perturbation("step", k, NoiseAtStep(step=k))
        started = time.perf_counter()
        forked = fork(model, condition, clean, perturbation)
        middle = time.perf_counter()
        velocity = model.velocity(condition)
        edit = by_row(edits_of(perturbation.noise, clean))
        whole = sample(velocity, clean.x[:, 0].to(model.device), clean.sigmas, edit=edit)
        taken[0] += middle - started
        taken[1] += time.perf_counter() - middle
        nfe[0] += forked.nfe
        nfe[1] += velocity.nfe
        assert torch.equal(forked.end, whole.cpu()), "a fork must give the bits of the whole run"
    name = f"sweep of all {n_steps} steps, {len(cases)} cases: forked / run again from the start"
    return [Line(name, *nfe, "NFE", 0.52), Line(name, *taken, "s")]


def loop(model: WanModel, case: Case, config: Study, batch: int = 8, rounds: int = 5) -> Line:
    """Our loop with every step recorded, and the plain diffusers pipeline; same latents."""
    n_steps, n_frames = config.sampler.steps, config.video.frames
    image, seeds = case.image, list(range(batch))
    pipe = model.pipe
    pipe.set_progress_bar_config(disable=True)

    def ours() -> torch.Tensor:
        condition = model.condition([image] * batch, [case.prompt] * batch, n_frames)
        recorder = Recorder()
        noise = model.noise_batch(seeds, n_frames, image.height, image.width)
        sigmas = flow_sigmas(n_steps, config.sampler.shift)
        last = sample(model.velocity(condition), noise, sigmas, watch=recorder)
        return recorder.stacked(last)[0][:, -1]

    def plain() -> torch.Tensor:
        return pipe(
            image=image,
            prompt=[case.prompt] * batch,
            height=image.height,
            width=image.width,
            num_frames=n_frames,
            num_inference_steps=n_steps,
            guidance_scale=model.guidances[0],
            generator=[torch.Generator().manual_seed(seed) for seed in seeds],
            max_sequence_length=model.max_sequence_length,
            output_type="latent",
        ).frames

    difference = (ours() - plain()).abs().max().item()  # warms both up
    assert difference < 1e-3, f"the two loops differ by {difference}"
    taken: dict[Callable, list[float]] = {ours: [], plain: []}
    for n in range(rounds):
        for action in (ours, plain) if n % 2 else (plain, ours):
            taken[action].append(seconds(action))
    name = f"{batch} videos, {n_steps} steps: own loop, all steps kept / plain diffusers pipeline"
    return Line(name, *(statistics.median(taken[action]) for action in (ours, plain)), "s")


def job_start(config_files: Sequence[Path], name: str, per_nfe: float, config: Study) -> Line:
    """A fresh process until the model is loaded, as share of a whole sampling job."""
    code = (
        "import sys; from pathlib import Path; from chain_of_steps.study.config import load_config;"
        " from chain_of_steps.models.adapters import load_model;"
        " load_model(load_config(map(Path, sys.argv[2:])), sys.argv[1])"
    )
    command = [sys.executable, "-c", code, name, *map(str, config_files)]
    start = seconds(lambda: subprocess.run(command, check=True, capture_output=True))
    runs = config.execution.shard * len(config.seeds)
    work = runs * config.sampler.steps * per_nfe
    return Line(
        "job start: import and load / whole sampling job of one shard", start, start + work, "s"
    )


def snakemake_share() -> Line:
    """Time of the smoke study, up to its readouts, in which no job ran, as share of the whole."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        for name in ("workflow", "config", "src"):
            shutil.copytree(ROOT / name, tree / name)
        for name in ("Snakefile", "config.yaml"):
            shutil.copy(ROOT / name, tree / name)
        (tree / "models").symlink_to(ROOT / "models")
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        target = ["results/smoke/tables/readouts.parquet", "--configfile", "config/smoke.yaml"]
        command = [sys.executable, "-m", "snakemake", "--cores", "1", *target]
        whole = seconds(
            lambda: subprocess.run(
                command,
                cwd=tree,
                env={**os.environ, "PATH": path, "PYTHONPATH": str(tree / "src")},
                check=True,
                capture_output=True,
            )
        )
        records = [json.loads(p.read_text()) for p in (tree / ".snakemake/metadata").iterdir()]
    spans = {(record["starttime"], record["endtime"]) for record in records}
    own = whole - sum(end - start for start, end in spans)  # one core: jobs do not overlap
    return Line(
        f"smoke study, {len(spans)} jobs on one core: snakemake's own time / all", own, whole, "s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, nargs="+", default=[ROOT / "config.yaml"])
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks")
    parser.add_argument("--cases", type=int, default=4, help="cases of the step sweep")
    arguments = parser.parse_args()
    config = load_config(arguments.config)
    name = main_model(config)
    model = load_model(config, name)
    with tempfile.TemporaryDirectory() as folder:
        index = make_cases(
            Path(folder), ["maze"], {"in-domain": arguments.cases, "out-of-domain": 0}, 0
        )
        cases = load_cases(Path(folder), index["case"].tolist())
        lines = [*fork_sweep(model, cases, config), loop(model, cases[0], config)]
    per_nfe = lines[1].other / lines[0].other
    ratio = layers_overhead(Path(config.models[name].path))
    lines.append(Line("hooks and reductions on all layers / the plain run", ratio, 1.0, "", 1.03))
    lines.append(job_start(arguments.config, name, per_nfe, config))
    lines.append(snakemake_share())

    table = pd.DataFrame([line.row() for line in lines]).round(4)
    write_table(arguments.out / "results.csv", table)
    facts = {"model": name, "digest": model.digest[:12], "threads": torch.get_num_threads()}
    facts |= {"ms_per_nfe": round(1000 * per_nfe, 2)} | package_versions()
    text = _markdown(table)
    with atomic_path(arguments.out / "results.md") as path:
        listed = ", ".join(f"{key} {value}" for key, value in facts.items())
        path.write_text(f"# Benchmarks\n\n{text}\n\nMeasured with {listed}.\n", encoding="utf-8")
    print(text)


def _markdown(table: pd.DataFrame) -> str:
    rows = [list(table.columns), ["---"] * table.shape[1], *table.astype(object).values.tolist()]
    cells = (["" if pd.isna(value) else str(value) for value in row] for row in rows)
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)


if __name__ == "__main__":
    main()
