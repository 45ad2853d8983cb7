"""The section `cases`: what the models are asked."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from chain_of_steps.settings.base import Distinct, Section, Seed, View, refusal


class BoardSize(Section):
    """The board that puzzles are drawn on; it decides the size of the videos, and their length."""

    rows: int = Field(5, ge=3, description="Rows of tiles, 16 pixels each by default.")
    columns: int = Field(5, ge=3, description="Columns of tiles, 16 pixels each by default.")
    beats: int = Field(4, ge=3, description="Four frames each, after the first frame.")


class DrawingOf(Section):
    """How puzzles are drawn; how long their videos are says `video.frames`."""

    side: int = Field(
        16, ge=16, description="Pixels a side of a tile: 96 for Wan, 128 for TI2V-5B and LTX."
    )
    width: int | None = Field(
        None,
        ge=48,
        description="Pixels of a frame; null takes the board's. Bare ground is around the board.",
    )
    height: int | None = Field(None, ge=48, description="As width.")
    style: Literal["plain", "white"] = Field(
        "plain",
        description=(
            "plain, or white as in VBVR: white ground, and in maze and grid a dot that moves and "
            "leaves no trail."
        ),
    )
    prompt: Literal["short", "paragraph"] = Field(
        "short", description="One sentence, or a paragraph as video models are trained on."
    )


class Cases(Section):
    """
    The evaluation cases: puzzles drawn anew for each study and never seen in training, VBVR-Bench,
    or your own folder.
    """

    source: Literal["puzzles", "vbvr-bench", "folder"] = Field(
        "puzzles", description="Where the cases come from."
    )
    path: str | None = Field(
        None,
        min_length=1,
        description=(
            "Folder of the cases, for the sources vbvr-bench (it holds In-Domain_50 and "
            "Out-of-Domain_50) and folder (pictures with a text of the same name, or case folders)."
        ),
    )
    tasks: Distinct[str] | None = Field(
        min_length=1, description="Names of the tasks; null takes all of the source."
    )
    in_domain: int = Field(
        12,
        alias="in-domain",
        ge=0,
        description="Cases of each in-domain task, the first ones; a folder gives all it has.",
    )
    out_of_domain: int = Field(
        8,
        alias="out-of-domain",
        ge=0,
        description="Cases of each out-of-domain task, the first ones.",
    )
    times: dict[str, Annotated[int, Field(ge=1)]] = Field(
        default_factory=dict,
        description="Puzzles of which there are several times as many cases, and how many times.",
    )
    seed: Seed = Field(0, description="Seed of the drawing.")
    board: BoardSize = Field(
        default_factory=BoardSize,
        description="The board of the puzzles; bounce and occlude have none but the default.",
    )

    drawing: DrawingOf = Field(
        default_factory=DrawingOf, description="How the puzzles are drawn on their board."
    )

    def number(self, task: str, split: str) -> int:
        """Cases of a task in a split, in-domain or out-of-domain."""
        once = {"in-domain": self.in_domain, "out-of-domain": self.out_of_domain}[split]
        return once * self.times.get(task, 1)

    @model_validator(mode="after")
    def _there_are_some(self) -> Cases:
        if self.source != "puzzles" and self.path is None:
            raise refusal(f"cases.path is missing: write the folder of {self.source}.")
        if self.source == "puzzles" and not self.in_domain:
            raise refusal("cases.in-domain is 0: write 1 or more, as puzzles are drawn.")
        return self


class WithCases(View):
    cases: Cases
