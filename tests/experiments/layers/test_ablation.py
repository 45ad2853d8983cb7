"""Blocks that are left out in a band of the steps."""

import numpy as np
import pandas as pd
import pytest
import torch

from chain_of_steps.experiments.layers import ablation
from chain_of_steps.probes import Site, hooked, skip
from chain_of_steps.sampling import flow_sigmas, sample
from chain_of_steps.statistics.rates import wilson
from chain_of_steps.statistics.resampling import Resampling


def test_bands_are_the_thirds_of_a_run():
    assert ablation.step_bands(50) == {
        "early": range(0, 17),
        "middle": range(17, 33),
        "late": range(33, 50),
    }
    assert ablation.step_bands(1)["late"] == range(1, 1)


def test_ablation_skips_the_block_in_its_band_only(small):
    case = [small.cases["in-domain/move/00000"]]
    ends = {}

    def read(model, readers, looks):
        ends["all"] = looks
        return {name: np.zeros(looks.shape[:2]) for name in ("score", "correct", "answer")}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ablation, "read_looks", read)
        table, ledger = ablation.ablate(
            small.model, case, case, [2], steps=3, shift=3.0, n_frames=17, batch=4
        )
    condition = small.model.condition([case[0].image], [case[0].prompt], 17)
    noise, sigmas = small.model.noise(2, 17, 80, 80), flow_sigmas(3, 3.0)
    clean = sample(small.model.velocity(condition), noise, sigmas)
    assert torch.equal(ends["all"][0], clean)
    for n, row in enumerate(table.itertuples(), start=1):
        step = ["early", "middle", "late"].index(row.band)
        site = Site(step, 0, "cond", row.layer)
        velocity = small.model.velocity(condition)
        with hooked(velocity, small.model.blocks, write=skip(lambda s, site=site: s == site)):
            skipped = sample(velocity, noise, sigmas)
        if row.mode == "skip":
            assert torch.equal(ends["all"][n], skipped)
            assert not torch.equal(skipped, clean)
        else:  # the mean over one case is that case's own update
            assert torch.allclose(ends["all"][n], clean, atol=1e-4)
        if row.band == "late" and row.mode == "skip":
            moved = (skipped - clean).norm() / clean.norm()
            assert row.dose == pytest.approx(moved.item(), rel=1e-4)
    assert len(table) == 2 * 3 * 3
    assert (table.loc[table["mode"] == "skip", "dose"] > 0).all()
    assert ledger.evaluated == 3 * (3 + 3 + 2 * 3 * (3 + 2 + 1))
    assert ledger.naive == 3 * (3 + 3 + 2 * 3 * 3 * 3)


def test_the_mean_update_is_over_all_runs_of_all_batches():
    generator = torch.Generator().manual_seed(0)
    before, after = (torch.randn(5, 4, 3, generator=generator) for _ in range(2))
    site, mean = Site(0, 0, "cond", 1), ablation.MeanUpdate()
    for rows in (slice(0, 3), slice(3, 5)):
        mean(site, before[rows], after[rows])
    write = ablation.replace_update(mean.means(), lambda s: s == site)
    expected = before + torch.from_numpy((after - before).numpy().mean(0))
    assert torch.allclose(write(site, before, after), expected, atol=1e-6)
    assert write(site._replace(layer=2), before, after) is after


def test_ablation_summary_compares_with_the_clean_run():
    table = pd.DataFrame(
        {
            "model": "m", "steps": 3, "mode": "skip", "layer": 0, "band": "late",
            "case": list("abcd"), "task": ["t", "t", "u", "u"], "split": "s",
            "dose": 0.2, "score": [0.5, 0.7, 1.0, 1.0], "clean_score": [1.0, 0.9, 1.0, 1.0],
            "correct": [False, False, True, True], "clean_correct": True,
            "answer": [0, -1, 2, 2], "clean_answer": [0, 1, 2, 2],
        }
    )  # fmt: skip
    found = ablation.summarise_ablation(table, resampling=Resampling(100, 0)).set_index(
        ["task", "quantity"]
    )
    assert found.loc[("t", "score_change"), "mean"] == pytest.approx(-0.35)
    assert found.loc[("all", "correct_change"), "mean"] == pytest.approx(-0.5)
    assert found.loc[("t", "answer_kept"), "mean"] == 0.5
    assert found.loc[("u", "correct"), "low"] == pytest.approx(wilson(2, 2).low)
    assert found.loc[("u", "score_change"), "low"] == pytest.approx(-wilson(0, 2).high)
