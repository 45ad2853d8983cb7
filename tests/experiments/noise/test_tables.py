"""Tables of the noise experiments, on runs with a known answer."""

import numpy as np
import pandas as pd
import pytest
from disturbed import (
    CASES,
    FEW,
    N_STEPS,
    STEPS,
    drops,
    flows,
    references,
    run_rows,
    verdict,
    verdicts,
)

from chain_of_steps.experiments.noise.tables import (
    cka_table,
    effects,
    every_frame,
    means,
    noise_table,
    normalised,
    peaks,
    steps_stood_for,
)
from chain_of_steps.experiments.noise.verdicts import ALL_FRAMES, READ
from chain_of_steps.statistics.clusters import strata_of


def test_means_of_conditions_and_of_their_indices():
    rows = run_rows(drops(0.5, 0.2))
    table = noise_table(rows, references(), N_STEPS, FEW)
    drop = table[(table["quantity"] == "drop") & (table["kind"] == "step")]
    at = drop[drop["index"] == 4].iloc[0]
    expected = (rows["clean_score"] - rows["score"])[
        (rows["kind"] == "step") & (rows["index"] == 4)
    ]
    assert at["mean"] == pytest.approx(expected.mean())
    assert at["low"] < at["mean"] < at["high"]
    assert at["n"] == len(CASES)
    pooled = drop[drop["index"].isna()].iloc[0]
    assert pooled["n"] == len(CASES), "runs, not runs times steps"
    assert pooled["mean"] == pytest.approx(expected.mean())
    static = table[(table["kind"] == "static") & (table["quantity"] == "score")].iloc[0]
    assert static["mean"] == pytest.approx(0.1)
    clean = table[(table["kind"] == "clean") & (table["quantity"] == "score")]
    assert len(clean) == 1


def test_a_mean_over_steps_does_not_depend_on_where_the_disturbed_ones_lie():
    """The drop is 0 up to step 5 and 1 from then on; a plain mean of steps 0, 7, 8, 9 says 3/4."""
    for steps in (range(N_STEPS), (0, 9), (2, 7), (0, 7, 8, 9)):
        assert steps_stood_for(steps, N_STEPS).sum() == N_STEPS
        wanted = drops(0.0, 0.2)
        wanted["sweep", "step", "replace"] = {step: float(step >= 5) for step in steps}
        rows = run_rows(wanted)
        rows["score"] += 0.001 * rows["case"].map({case: n for n, (_, case) in enumerate(CASES)})
        table = noise_table(rows, references(), N_STEPS, FEW)
        at = table[(table["quantity"] == "drop") & table["index"].isna()].set_index("kind")["mean"]
        nearest = [min(steps, key=lambda step: (abs(step - k), step)) for k in range(N_STEPS)]
        expected = np.mean([step >= 5 for step in nearest])
        assert at["step"] == pytest.approx(expected) and abs(expected - 0.5) <= 0.1
        assert at["frame"] == pytest.approx(0.2)
        found = verdict(verdicts(rows), "step_worse_than_frame", ALL_FRAMES)
        assert found["mean"] == pytest.approx(expected - 0.2)


def test_cases_are_drawn_within_their_task_only_where_there_are_five():
    rows = pd.DataFrame(
        [("a", "many", f"m{i}", i) for i in range(5)]
        + [("a", "few", f"f{i}", 10 + i) for i in range(4)]
        + [("b", "many", f"m{i}", i) for i in range(2)],
        columns=["group", "task", "case", "value"],
    )
    found = strata_of(rows, ["group"])
    assert found.tolist() == ["many"] * 5 + ["all"] * 4 + ["all"] * 2
    pairs = rows[rows["group"] == "b"].assign(value=[0.0, 1.0])
    lonely = pairs.assign(task=["many", "few"])  # two tasks of one case: within, no spread at all
    table = means(lonely, ["group"], ["value"], FEW)
    assert table["low"].item() == 0
    assert table["high"].item() == 1


def test_effects_take_the_last_step_of_the_latents():
    hidden = flows(lambda number: 8).assign(site="layer 3", dissimilarity=7.0)
    both = pd.concat([flows(lambda number: 4), hidden])
    found = effects(run_rows(drops(0.5, 0.2), same=False), both)
    assert len(found) == len(CASES) * len(STEPS)
    by_step = found.groupby("step")["dissimilarity"].mean()
    assert by_step[4] == pytest.approx(1, abs=0.01)
    assert by_step[2] == by_step[6] == pytest.approx(by_step[4] / 3)
    assert found["answer_changed"].all()


def test_the_peak_and_its_interval_come_from_the_cases():
    rows = run_rows(drops(0.5, 0.2))
    sure = peaks(effects(rows, flows(lambda number: 6)), FEW)
    sure = sure[sure["quantity"] == "dissimilarity"].iloc[0]
    assert (sure["step"], sure["low"], sure["high"]) == (6, 5, 7)
    assert sure["sigma"] == pytest.approx(0.4)
    # half of each task's cases peaks at 2, the other half at 8: either may win a resample
    split = peaks(effects(rows, flows(lambda number: 2 if number % 2 else 8)), FEW)
    split = split[split["quantity"] == "relative_l2"].iloc[0]
    assert (split["low"], split["high"]) == (1, 8)  # half way on to 0; no later one is disturbed


def test_where_nothing_changes_there_is_no_peak():
    found = peaks(effects(run_rows(drops(0.5, 0.2)), flows(lambda number: 4)), FEW)
    assert "answer_changed" not in set(found["quantity"])


def floored(seed, case):
    """Flows of injections at step 4, and the floors of the same runs, from step 4 on."""
    rows = flows(lambda number: 4)
    rows = rows[rows["injected"] == 4]
    others = [
        rows.assign(kind=kind, mode=np.nan, injected=np.nan, tiles_dissimilarity=value)
        for kind, value in (("other seed", seed), ("other case", case))
    ]
    return pd.concat([rows, *others], ignore_index=True)


def test_0_of_a_normalised_difference_is_another_seed_and_1_another_case():
    table = floored(0.2, 0.7)
    step = table["kind"] == "step"
    for value, expected in ((0.2, 0.0), (0.7, 1.0), (0.45, 0.5), (0.1, -0.2)):
        table.loc[step, "tiles_dissimilarity"] = value
        found = normalised(table, FEW)
        assert found["step"].tolist() == [4, 5, 6, 7, 8, 9]
        assert np.allclose(found[["mean", "low", "high"]], expected)
        assert (found["n"] == len(CASES)).all()


def test_a_normalised_difference_is_one_of_means_over_runs_that_have_all_three():
    table = floored(0.2, 0.7)
    step = table["kind"] == "step"
    sizes = {case: 0.2 + 0.1 * (n % 3) for n, (_, case) in enumerate(CASES)}
    table.loc[step, "tiles_dissimilarity"] = table["case"].map(sizes)
    lost = CASES[0][1]
    table.loc[(table["case"] == lost) & (table["kind"] == "other case"), "tiles_dissimilarity"] = (
        np.nan
    )
    found = normalised(table, FEW).iloc[0]
    kept = [size for case, size in sizes.items() if case != lost]
    assert found["mean"] == pytest.approx((np.mean(kept) - 0.2) / 0.5)
    assert found["low"] < found["mean"] < found["high"]
    assert found["n"] == len(CASES) - 1
    assert normalised(table[table["kind"] != "other case"], FEW).empty
    named = cka_table(floored(0.2, 0.7), FEW)
    assert {"normalised", "tiles_dissimilarity", "dissimilarity"} <= set(named["quantity"])


def test_all_frames_are_those_of_the_controls_where_all_cases_have_some():
    rows = run_rows(drops(0.5, 0.2))
    assert set(every_frame(rows, "replace")["part"]) == {"sweep"}
    wanted = drops(0.5, 0.2)
    wanted["sweep", "frame", "replace"] = {2: 0.6}
    wanted["controls", "frame", "replace"] = {0: 0.0, 1: 0.0, 2: 0.6}
    found = every_frame(run_rows(wanted), "replace")
    assert set(found["part"]) == {"controls"}
    assert set(found["index"]) == {0, 1, 2}
    table = verdicts(run_rows(wanted))
    whole = verdict(table, "step_worse_than_frame", ALL_FRAMES)
    read = verdict(table, "step_worse_than_frame", READ)
    assert whole["mean"] == pytest.approx(0.3, abs=0.01)
    assert read["mean"] == pytest.approx(-0.1, abs=0.01)
