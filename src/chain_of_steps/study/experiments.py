"""The experiments that a study can make, one row each. Cheap to import.

A row is all that is said of an experiment in one place: what the configuration accepts, the figures
and tables that the workflow draws and the tables that it keeps follow from it. Its stages lie in
the folder experiments/<name>/; what they need of other experiments they take as files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from chain_of_steps.experiments.behaviours.settings import WithBehaviours
from chain_of_steps.experiments.ensemble.settings import WithEnsemble
from chain_of_steps.experiments.front.settings import WithFront
from chain_of_steps.experiments.handover.settings import WithHandover
from chain_of_steps.experiments.layers.settings import WithLayers
from chain_of_steps.experiments.loops.settings import WithLoops
from chain_of_steps.experiments.noise.settings import WithPerturbation
from chain_of_steps.experiments.vbvr.settings import WithVbvr
from chain_of_steps.settings.base import View


@dataclass(frozen=True)
class Experiment:
    """A word of the field `experiments`, and what comes of it.

    title: for the report and the page of the configuration. needs_puzzles: whether it asks a
    puzzle's reader. forks: whether it forks or changes runs in between, which UniPC forbids.
    figures, tables: name -> what its notebook reads, files and folders of figures/tables.
    keeps: tables that no notebook reads but that are published with it. after: the experiments
    whose artifacts its stages take; they stand above it. settings: its section of the
    configuration.
    """

    name: str
    title: str
    needs_puzzles: bool = False
    forks: bool = False
    figures: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    keeps: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    settings: type[View] | None = None


_NOISE = ("noise.csv", "cka.csv", "sensitivity.csv", "noise_verdicts.csv")
EXPERIMENTS = (
    Experiment(
        "decision",
        "Figures 1, 2, S1",
        needs_puzzles=True,
        figures={
            "figure1": ("examples",),
            "figure2": ("examples",),
            "s1_timeline": ("timeline.parquet", "models.csv"),
        },
    ),
    Experiment(
        "noise",
        "Figure 3",
        needs_puzzles=True,
        forks=True,
        figures={"figure3": _NOISE, "s2_noise": _NOISE},
        after=("decision",),
        settings=WithPerturbation,
    ),
    Experiment(
        "behaviours",
        "Figures 4, 5, S3, S4",
        needs_puzzles=True,
        forks=True,
        figures={
            "figure4": ("behaviour_examples", "memory.csv", "correction.parquet"),
            "figure5": ("behaviour_examples", "perception.csv"),
            "s3_behaviours": (
                *("memory.csv", "memory_noise.csv", "correction.parquet", "correction_tests.csv"),
                "behaviour_verdicts.csv",
            ),
            "s4_posterior": ("posterior.parquet", "behaviour_verdicts.csv"),
        },
        after=("decision", "noise"),
        settings=WithBehaviours,
    ),
    Experiment(
        "layers",
        "Figure 6",
        needs_puzzles=True,
        forks=True,
        figures={
            "figure6": ("token_maps_runs.parquet", "layer_swap.csv"),
            "s6_causal_map": ("layer_swap.csv", "layer_patching.csv"),
            "s7_ablation": ("layer_ablation.csv",),
            "s8_energy": ("token_energy.csv",),
        },
        keeps=(
            "token_channels_runs.parquet",
            *("layer_swap_runs.parquet", "layer_patching_runs.parquet"),
            "layer_ablation_runs.parquet",
        ),
        settings=WithLayers,
    ),
    Experiment(
        "ensemble",
        "Table 1",
        needs_puzzles=True,
        forks=True,
        tables={"table1_ensemble": ("compare.csv", "published.csv")},
        after=("decision",),
        settings=WithEnsemble,
    ),
    Experiment(
        "front",
        "when each tile is decided",
        needs_puzzles=True,
        keeps=(
            *("front_slopes.csv", "front_order.csv", "needs.csv"),
            "tiles_runs.parquet",
        ),
        after=("decision",),
        settings=WithFront,
    ),
    Experiment(
        "handover",
        "Figure 8",
        needs_puzzles=True,
        forks=True,
        figures={
            "figure8": (
                *("handover_runs.parquet", "handover_tiles_runs.parquet"),
                "jacobian_runs.parquet",
            ),
        },
        keeps=("handover_contrasts.csv",),
        after=("decision",),
        settings=WithHandover,
    ),
    Experiment(
        "loops",
        "Figures 7, 9, S5",
        needs_puzzles=True,
        forks=True,
        figures={
            "figure7": (
                *("front.csv", "needs.csv", "front_order.csv", "few_steps.csv"),
                "models.csv",
            ),
            "figure9": ("loops.csv", "compare.csv"),
            "s5_compute": ("loop_contrasts.csv",),
        },
        keeps=("loop_runs.parquet",),
        after=("decision", "ensemble", "front"),
        settings=WithLoops,
    ),
    Experiment(
        "latents",
        "what latents show of any cases: the figures latents, latents_map, latents_energy, "
        "latents_flow, latents_scores",
        figures={
            "latents": ("latents.csv",),
            "latents_map": (*("latents_strips", "latents_settled_runs.parquet", "latents.csv"),),
            "latents_energy": ("latents_energy.csv",),
            "latents_flow": ("latents_flow.csv",),
            "latents_scores": ("latents_scores.csv",),
        },
        keeps=(
            *("latents_runs.parquet", "latents_guidance_runs.parquet"),
            "latents_energy_runs.parquet",
        ),
        after=("decision",),
    ),
    Experiment(
        "reading",
        "the figure reading: where a cheap decoder reads",
        needs_puzzles=True,
        figures={"reading": ("reading.csv",)},
        keeps=("reading_runs.parquet",),
        after=("decision",),
    ),
    Experiment(
        "calibration",
        "the figure calibration: what readers make of degraded videos",
        needs_puzzles=True,
        figures={"calibration": ("calibration.csv", "calibration_tasks.csv")},
        keeps=("calibration_readings.parquet",),
    ),
    Experiment("videos", "every case and condition", after=("decision",)),
    Experiment(
        "vbvr",
        "their scores by VBVR-Bench",
        tables={"table2_vbvr": ("vbvr.csv", "published_vbvr.csv")},
        keeps=("vbvr_scores.csv",),
        after=("videos",),
        settings=WithVbvr,
    ),
)
