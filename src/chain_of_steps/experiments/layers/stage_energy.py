"""The stage that measures token energy."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.experiments.layers.job import Settings, layer_stage, run_job

STAGE = layer_stage(
    "energy",
    "Token energy of every layer, step and frame.",
    *("token_energy", "token_maps", "token_channels"),
)


def measure(settings: Settings, adapter, mine, everyone, seeds, **options):
    """Tables by name and the ledger, see `run_job`."""
    from chain_of_steps.experiments.layers.energy import measure_energy

    fields = settings.layers
    options |= {"steps": settings.sampler.steps, "top": fields.massive}
    return measure_energy(adapter, mine, seeds, **options, branches=tuple(fields.branches))


def run(settings: Settings, *, model: str, cases: Path, job: int, out: Path) -> None:
    place = {"model": model, "cases": cases, "job": job, "out": out}
    run_job(settings, "energy", measure, **place, per_split=settings.layers.energy_cases)
