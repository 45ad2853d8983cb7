"""The section `perturbation`: noise at steps and frames."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from chain_of_steps.settings.base import Distinct, Index, Section, View

Level = Annotated[float, Field(gt=0, lt=1)]


class Perturbation(Section):
    """Noise at steps and frames of the main model, and its controls (Figure 3)."""

    modes: Distinct[Literal["replace", "matched", "renoise", "add"]] = Field(
        ["replace", "renoise", "add"],
        min_length=1,
        description=(
            "What noise does to the latent; the first mode is swept over cases, the others "
            "over the control cases."
        ),
    )
    add_strength: float = Field(
        1.0, ge=0, description="Standard deviation of the noise in mode add."
    )
    cases: int | None = Field(
        None,
        ge=1,
        description=(
            "Cases of each task and split that are swept, the first ones; null takes all of them."
        ),
    )
    seeds: Distinct[Index] | None = Field(
        None,
        min_length=1,
        description="Seeds whose runs are perturbed; null takes the main model's first.",
    )
    steps: Distinct[Index] | None = Field(
        None,
        min_length=1,
        description="Steps to perturb, from 0; null takes those of levels.",
    )
    levels: Distinct[Level] | None = Field(
        None,
        min_length=1,
        description=(
            "Noise levels at which steps are perturbed; the nearest steps of the schedule are "
            "taken, but never step 0, where noise is another seed. null takes every "
            "steps_every-th."
        ),
    )
    steps_every: int = Field(
        5, ge=1, description="Distance between perturbed steps, the first being step 0."
    )
    frames: Distinct[Annotated[int, Field(ge=-1)]] | None = Field(
        None,
        min_length=1,
        description=(
            "Latent frames to perturb in every case, from 0, -1 for the last; null takes all of "
            "them. Those left out are perturbed in the control cases."
        ),
    )
    control_cases: int = Field(
        1,
        ge=0,
        description=("Cases of each task and split that the controls cover; 0 leaves them out."),
    )
    control_cases_per: Literal["task", "study"] = Field(
        "task",
        description=(
            "study counts control_cases over the whole study, evenly among the cases that are "
            "swept: where a task has few cases, controls of each would be most of the work."
        ),
    )
    layers: Distinct[Index] = Field(
        [],
        description=(
            "Blocks whose hidden states are compared as well, from 0; any at all adds twice the "
            "NFE of the perturbed steps."
        ),
    )


class WithPerturbation(View):
    perturbation: Perturbation = Field(default_factory=Perturbation)
