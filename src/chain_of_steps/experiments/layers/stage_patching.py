"""The stage that patches clean states into perturbed mazes, and the reverse."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.experiments.layers.job import Settings, layer_stage, run_job

STAGE = layer_stage(
    "patching", "Clean hidden states in runs of a maze under noise, and back.", "layer_patching"
)


def run(settings: Settings, *, model: str, cases: Path, job: int, out: Path) -> None:
    from chain_of_steps.experiments.layers.maze_patching import patch_mazes

    fields = settings.layers

    def measure(adapter, mine, everyone, seeds, **options):
        table, ledger = patch_mazes(
            adapter,
            mine,
            seeds,
            steps=fields.steps,
            noise_at=fields.noise_at,
            branches=tuple(fields.branches),
            **options,
        )
        return {"layer_patching": table}, ledger

    place = {"model": model, "cases": cases, "job": job, "out": out}
    run_job(settings, "patching", measure, **place, per_split=fields.patching_cases, task="maze")
