"""Outcomes of noise on rows whose drops are known."""

import numpy as np
import pandas as pd
import pytest
from disturbed import CASES, N_STEPS, STEPS, drops, flows, run_rows

from chain_of_steps.experiments.noise.outcomes import noise_outcomes
from chain_of_steps.experiments.noise.tables import effects, run_means, weighed, with_drop

INDEX = pd.DataFrame({"case": [case for _, case in CASES], "solutions": 1})


def outcomes(rows, peak=4):
    return noise_outcomes(rows, flows(lambda number: peak), INDEX, N_STEPS)


def of(table, name, condition):
    rows = table[(table["outcome"] == name) & (table["condition"] == condition)]
    return rows[rows["step"].isna()]["value"]


def test_drops_are_those_of_runs_each_step_standing_for_its_neighbours():
    rows = run_rows(drops(0.5, 0.2, last_clean=0.1, add_step=0.3))
    rows.loc[(rows["kind"] == "step") & (rows["index"] == 0), "score"] -= 0.2
    table = outcomes(rows)
    step = rows[(rows["part"] == "sweep") & (rows["kind"] == "step")]
    expected = run_means(weighed(with_drop(step), N_STEPS), ["case"], ["drop"])["drop"]
    assert sorted(of(table, "drop", "step, replace")) == pytest.approx(sorted(expected))
    assert of(table, "drop", "frame, replace").tolist() == pytest.approx(
        [0.2] * len(CASES), abs=0.02
    )
    assert of(table, "drop", "step, add").tolist() == pytest.approx([0.3] * len(CASES), abs=0.05)
    by_step = table[(table["outcome"] == "drop") & table["step"].notna()]
    assert set(by_step["step"]) == set(STEPS)


def test_frames_that_are_read_are_on_their_own():
    rows = run_rows(drops(0.5, 0.2))
    rows.loc[(rows["kind"] == "frame") & (rows["index"] == 2), "score"] -= 0.6
    table = outcomes(rows)
    assert of(table, "drop", "frame that is read, replace").tolist() == pytest.approx(
        [0.8] * 12, abs=0.02
    )


def test_the_peak_is_that_of_each_run_and_thirds_are_means():
    rows = run_rows(drops(0.5, 0.2))
    for peak in (0, 4, 8):
        table = outcomes(rows, peak)
        assert set(of(table, "peak_step", "replace")) == {peak}
        found = effects(rows, flows(lambda number, peak=peak: peak))
        early = found[found["step"] < N_STEPS / 3].groupby("case")["dissimilarity"].mean()
        assert np.allclose(
            sorted(of(table, "dissimilarity", "replace, first third")), sorted(early)
        )


def test_doses_are_those_of_runs_and_the_exact_posterior_is_apart():
    rows = run_rows(drops(0.5, 0.2))
    ideal = rows[rows["kind"].isin(["clean", "step"])].assign(part="ideal", dose=0.7)
    ideal["score"] = ideal["clean_score"]
    table = outcomes(pd.concat([rows, ideal], ignore_index=True))
    assert of(table, "dose", "step, replace").tolist() == pytest.approx([1.5] * len(CASES))
    plain = outcomes(rows)
    ours = table[~table["condition"].str.startswith("ideal")].reset_index(drop=True)
    pd.testing.assert_frame_equal(ours, plain)
    assert of(table, "drop", "ideal, step, replace").tolist() == [0] * len(CASES)
    assert of(table, "dose", "ideal, step, replace").tolist() == pytest.approx([0.7] * len(CASES))


def test_the_whole_latent_has_a_peak_of_its_own():
    found = flows(lambda number: 4)
    found["dissimilarity"] = np.where(found["injected"] == 8, 2.0, found["dissimilarity"])
    table = noise_outcomes(run_rows(drops(0.5, 0.2)), found, INDEX, N_STEPS)
    assert set(of(table, "peak_step", "replace")) == {4}
    assert set(of(table, "whole peak_step", "replace")) == {8}
