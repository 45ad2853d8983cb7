"""The stage that swaps hidden states between runs."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.experiments.layers.job import Settings, layer_stage, run_job

STAGE = layer_stage(
    "swap", "Hidden states of one run in place of its twin's, layer by layer.", "layer_swap"
)


def measure(settings: Settings, adapter, mine, everyone, seeds, **options):
    """Tables by name and the ledger, see `run_job`."""
    from chain_of_steps.experiments.layers.swap import swap_identify

    fields = settings.layers
    table, ledger = swap_identify(
        adapter,
        mine,
        seeds,
        steps=settings.sampler.steps,
        first_steps=fields.steps,
        stride=fields.stride,
        counts=fields.swap_steps,
        final_parts=fields.final_parts,
        branches=tuple(fields.branches),
        **options,
    )
    return {"layer_swap": table}, ledger


def run(settings: Settings, *, model: str, cases: Path, job: int, out: Path) -> None:
    place = {"model": model, "cases": cases, "job": job, "out": out}
    run_job(settings, "swap", measure, **place, per_split=settings.layers.swap_cases)
