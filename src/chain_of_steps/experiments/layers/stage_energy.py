"""The stage that measures token energy."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.experiments.layers.job import Settings, layer_stage, run_job

STAGE = layer_stage(
    "energy",
    "Token energy of every layer, step and frame.",
    *("token_energy", "token_maps", "token_channels"),
)


def run(settings: Settings, *, model: str, cases: Path, job: int, out: Path) -> None:
    from chain_of_steps.experiments.layers.energy import measure_energy

    fields = settings.layers

    def measure(adapter, mine, everyone, seeds, **options):
        options |= {"steps": settings.sampler.steps, "top": fields.massive}
        return measure_energy(adapter, mine, seeds, **options, branches=tuple(fields.branches))

    place = {"model": model, "cases": cases, "job": job, "out": out}
    run_job(settings, "energy", measure, **place, per_split=fields.energy_cases)
