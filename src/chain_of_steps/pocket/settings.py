"""The sections `card` and `train`: of the pocket reasoner."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from chain_of_steps.settings.base import NAME, Distinct, Section, Seed, View
from chain_of_steps.settings.cases import BoardSize


class Card(Section):
    """The evaluation in the model card."""

    cases: int = Field(200, ge=1, description="Unseen cases of each task, in domain.")
    elsewhere: int | None = Field(
        None, ge=1, description="The same out of domain; null takes as many."
    )
    steps: int = Field(16, ge=1, description="Denoising steps of the card's runs.")
    tasks: Distinct[str] | None = Field(
        None, min_length=1, description="Tasks it is measured on; default those of its training."
    )


class Phase(Section):
    """A phase of training."""

    steps: int = Field(ge=1, description="Optimiser steps.")
    constant: float = Field(
        0.5,
        ge=0,
        le=1,
        description=("Share of the steps after which the learning rate falls linearly to zero."),
    )
    mix: dict[str, Annotated[float, Field(gt=0)]] | None = Field(
        None,
        min_length=1,
        description="How often each task is drawn, relative to the others; default alike.",
    )


class Training(Section):
    """How one pocket model is trained (`snakemake train_<name>`)."""

    batch: int = Field(32, ge=1, description="Puzzles a step.")
    layers: int = Field(8, ge=1, description="Transformer blocks.")
    z_dim: int = Field(
        36, ge=1, description="Channels of a latent: components that the codec keeps of a tile."
    )
    threads: int = Field(2, ge=1, description="CPU threads.")
    seed: Seed = Field(0, description="Seed of weights, puzzles and noise.")
    checkpoints: Distinct[Annotated[int, Field(ge=1)]] = Field(
        [], description="Steps of the first phase at which it is saved as a model of its own, too."
    )
    tasks: Distinct[str] | None = Field(
        None,
        min_length=1,
        description="Tasks whose drawings the codec, and whose words the tokenizer knows; default "
        "those of the mixes.",
    )
    board: BoardSize = Field(
        default_factory=BoardSize, description="The board of the puzzles, as that of the cases."
    )
    phases: list[Phase] = Field(
        [Phase(steps=6600)],
        min_length=1,
        description="Phases of training, each with fresh optimisers and its own mix of puzzles.",
    )


class WithCard(View):
    card: Card = Field(default_factory=Card)


class WithTrain(View):
    train: dict[Annotated[str, Field(pattern=NAME)], Training] = Field(
        {}, description="The pocket models that can be trained, by name."
    )
