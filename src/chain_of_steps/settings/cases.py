"""The section `cases`: what the models are asked."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from chain_of_steps.settings.base import Distinct, Section, View, refusal


class BoardSize(Section):
    """The board that puzzles are drawn on; it decides the size of the videos, and their length."""

    rows: int = Field(5, ge=3, description="Rows of tiles, 16 pixels each.")
    columns: int = Field(5, ge=3, description="Columns of tiles, 16 pixels each.")
    beats: int = Field(4, ge=3, description="Four frames each, after the first frame.")


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
    seed: int = Field(0, ge=0, description="Seed of the drawing.")
    board: BoardSize = Field(
        default_factory=BoardSize,
        description="The board of the puzzles; bounce and occlude have none but the default.",
    )

    def number(self, split: str) -> int:
        """Cases of each task of a split, in-domain or out-of-domain."""
        return {"in-domain": self.in_domain, "out-of-domain": self.out_of_domain}[split]

    @model_validator(mode="after")
    def _there_are_some(self) -> Cases:
        if self.source != "puzzles" and self.path is None:
            raise refusal(f"cases.path is missing: write the folder of {self.source}.")
        if self.source == "puzzles" and not self.in_domain:
            raise refusal("cases.in-domain is 0: write 1 or more, as puzzles are drawn.")
        return self


class WithCases(View):
    cases: Cases
