"""The stage that leaves layers out."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.experiments.layers.job import Settings, layer_stage, run_job

STAGE = layer_stage(
    "ablation", "Layers skipped or replaced by their mean update.", "layer_ablation"
)


def measure(settings: Settings, adapter, mine, everyone, seeds, **options):
    """Tables by name and the ledger, see `run_job`."""
    from chain_of_steps.experiments.layers.ablation import ablate

    fields = settings.layers
    table, ledger = ablate(adapter, mine, everyone, seeds, steps=fields.steps, **options)
    return {"layer_ablation": table}, ledger


def run(settings: Settings, *, model: str, cases: Path, job: int, out: Path) -> None:
    place = {"model": model, "cases": cases, "job": job, "out": out}
    run_job(settings, "ablation", measure, **place, per_split=settings.layers.ablation_cases)
