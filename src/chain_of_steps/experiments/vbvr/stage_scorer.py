"""The stage that makes the scorer's environment."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.settings.base import View
from chain_of_steps.stage import OUT_FOLDER, Stage

STAGE = Stage(
    name="scorer",
    text="Make the environment of the scorer of VBVR-Bench, a folder; needs a network.",
    settings=View,
    options=(OUT_FOLDER,),
)


def run(settings: View, *, out: Path) -> None:
    from chain_of_steps.experiments.vbvr.scorer import make_environment

    make_environment(out)
