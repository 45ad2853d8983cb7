"""The fields `study` and `experiments`: the name of a study, and what it makes."""

from __future__ import annotations

from pydantic import Field

from chain_of_steps.settings.base import NAME, View


class WithStudy(View):
    study: str = Field(
        pattern=NAME, description="Name of the study; its results go to results/<study>/."
    )


class WithExperiments(View):
    """Which words there are is known to the table of experiments only, above (study/config.py)."""

    experiments: list[str]
