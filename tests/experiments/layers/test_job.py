"""Which cases a job of the layer experiment takes, and the interval of a rate."""

import itertools

import pandas as pd
import pytest

from chain_of_steps.errors import UserError
from chain_of_steps.experiments.layers import job as layers
from chain_of_steps.statistics.rates import mean_or_rate_ci, wilson
from chain_of_steps.statistics.resampling import Resampling


def test_jobs_share_the_first_cases_of_each_split(small):
    assert layers.pick_cases(small.index, "swap", 1) == [
        "in-domain/identify/00000",
        "out-of-domain/identify/00000",
    ]
    everyone = layers.pick_cases(small.index, "ablation", 2)
    assert sorted(everyone) == sorted(small.cases)
    parts = [layers.share_of_job(everyone, job, 2) for job in (0, 1)]
    assert sorted(itertools.chain(*parts)) == sorted(everyone)
    for job, jobs in ((2, 2), (-1, 2), (9, 10)):
        with pytest.raises(UserError, match=f"job {job} of {jobs}"):
            layers.share_of_job(everyone, job, jobs)
    with pytest.raises(UserError, match="no identify"):
        layers.pick_cases(small.index[small.index["task"] == "maze"], "swap", 1)


def test_a_rate_that_is_always_0_or_1_has_wilsons_interval_over_clusters():
    frame = pd.DataFrame(
        {"g": list("aaaabbbb"), "c": [1, 1, 2, 2] * 2, "v": [1.0, 1, 1, 1, 0, 1, 0, 0]}
    )
    found = mean_or_rate_ci(frame, ["g"], "v", "c", resampling=Resampling(100, 0)).set_index("g")
    assert found.loc["a", ["low", "high"]].tolist() == [wilson(2, 2).low, 1.0]
    assert found.loc["b", "mean"] == 0.25
    unchanged = frame.assign(v=0.0)
    found = mean_or_rate_ci(unchanged, ["g"], "v", "c", resampling=Resampling(100, 0), signed=True)
    bound = wilson(0, 2).high
    assert found[["low", "high"]].to_numpy().tolist() == [[-bound, bound]] * 2
