"""The stage that leaves layers out."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.experiments.layers.job import Settings, layer_stage, run_job

STAGE = layer_stage(
    "ablation", "Layers skipped or replaced by their mean update.", "layer_ablation"
)


def run(settings: Settings, *, model: str, cases: Path, job: int, out: Path) -> None:
    from chain_of_steps.experiments.layers.ablation import ablate

    fields = settings.layers

    def measure(adapter, mine, everyone, seeds, **options):
        table, ledger = ablate(adapter, mine, everyone, seeds, steps=fields.steps, **options)
        return {"layer_ablation": table}, ledger

    place = {"model": model, "cases": cases, "job": job, "out": out}
    run_job(settings, "ablation", measure, **place, per_split=fields.ablation_cases)
