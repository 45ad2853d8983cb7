"""What a stage declares is what its jobs do: the modules that they use, the settings they read."""

import pytest

from chain_of_steps.fingerprints import modules_of
from chain_of_steps.stage import stage_modules, stage_of

pytestmark = pytest.mark.slow


def check(jobs: list[dict], tasks: list[str]) -> None:
    """Every job stays within its stage's fingerprint; its stage declares what its jobs read."""
    modules, read = {}, {}
    for job in jobs:
        name = job["words"][0]
        modules.setdefault(name, set()).update(job["modules"])
        settings = stage_of(name).settings
        prefix = f"{settings.__module__}:{settings.__qualname__}."
        found = {one.removeprefix(prefix) for one in job["read"] if one.startswith(prefix)}
        read.setdefault(name, set()).update(found)
    outside = {
        name: sorted(used - modules_of(stage_modules()[name], tasks))
        for name, used in modules.items()
    }
    assert not any(outside.values()), outside
    declared = {name: set(stage_of(name).settings.model_fields) for name in read}
    assert read == declared


def test_jobs_of_the_smoke_study_do_what_their_stages_declare(smoke):
    tasks = ["maze", "grid", "tictactoe", "reappear", "occlude", "move", "identify"]
    check(smoke.jobs, tasks)
