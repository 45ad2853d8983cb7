"""Tables of latents against means that are written out, and studies that lack a part."""

import numpy as np
import pandas as pd
import pytest

from chain_of_steps.experiments.latents.commitment import ALL
from chain_of_steps.experiments.latents.summaries import (
    summarise_energy,
    summarise_flow,
    summarise_latents,
    summarise_scores,
)
from chain_of_steps.statistics.resampling import STANDARD

RNG = np.random.default_rng(0)
CASES = [f"in-domain/t{n // 2}/{n}" for n in range(4)]


def long(**columns) -> pd.DataFrame:
    """Every combination of the columns, of four cases of two tasks."""
    table = pd.MultiIndex.from_product([CASES, *columns.values()], names=["case", *columns])
    table = table.to_frame(index=False)
    task = table["case"].str.split("/").str[1]
    return table.assign(model="m", split="in-domain", task=task, seed=0)


def test_guidance_stands_beside_what_is_measured_of_latents():
    rows = long(step=[0, 1], frame=[0, 1, 2]).assign(sigma=lambda t: 1 - t["step"] / 2)
    rows = rows.assign(
        **{name: RNG.random(len(rows)) for name in ("distance", "settled", "motion")}
    )
    guidance = rows[["model", "split", "case", "step", "sigma", "frame"]]
    guidance = guidance.assign(gap=RNG.random(len(rows)))
    found = summarise_latents(rows, guidance, STANDARD)
    assert set(found["quantity"]) == {"distance", "settled", "motion", "gap"}
    at = found.set_index(["quantity", "frame", "step"])
    some = guidance[(guidance["frame"] > 0) & (guidance["step"] == 1)]
    assert at.loc[("gap", ALL, 1), "mean"] == pytest.approx(some["gap"].mean())
    row = at.loc[("gap", 2, 0)]
    assert row["n"] == 4 and row["low"] < row["mean"] < row["high"]
    alone = summarise_latents(rows, guidance.iloc[:0], STANDARD)
    pd.testing.assert_frame_equal(alone, found[found["quantity"] != "gap"].reset_index(drop=True))


def test_energy_by_frame_at_some_steps_and_of_all_later_frames_at_every_step():
    rows = long(step=range(5), frame=[0, 1, 2], layer=[0, 1])
    rows = rows.assign(sigma=1 - rows["step"] / 5, energy=RNG.random(len(rows)) + 1)
    rows = rows.assign(energy_rest=rows["energy"] / 2)
    found = summarise_energy(rows, STANDARD)
    assert not found.duplicated(["quantity", "frame", "step", "layer"]).any()
    assert set(found.loc[found["frame"] != ALL, "step"]) == {0, 2, 4}
    assert set(found.loc[found["frame"] == ALL, "step"]) == set(range(5))
    at = found.set_index(["quantity", "frame", "step", "layer"])["mean"]
    for step in range(5):
        some = rows[(rows["step"] == step) & (rows["layer"] == 1) & (rows["frame"] > 0)]
        assert at[("energy", ALL, step, 1)] == pytest.approx(some["energy"].mean())
        assert at[("energy_rest", ALL, step, 1)] == pytest.approx(some["energy"].mean() / 2)


def test_flow_is_of_clean_estimates_alone():
    rows = long(injected=[1, 3], step=[3, 4]).assign(part="sweep", kind="step", mode="replace")
    rows = rows.assign(sigma=1 - rows["step"] / 5, site="clean estimate")
    rows = rows.assign(dissimilarity=RNG.random(len(rows)), relative_l2=RNG.random(len(rows)))
    rows = rows.assign(tiles_dissimilarity=np.nan, tiles_l2=np.nan)
    inside = rows.assign(site="layer 1", dissimilarity=9.0)
    floor = rows[rows["injected"] == 1].assign(kind="other seed", mode=None, injected=np.nan)
    found = summarise_flow(pd.concat([rows, inside, floor], ignore_index=True), STANDARD)
    assert set(found["quantity"]) == {"dissimilarity", "relative_l2"}
    some = rows[(rows["injected"] == 3) & (rows["step"] == 4)]
    mine = found[(found["kind"] == "step") & (found["injected"] == 3) & (found["step"] == 4)]
    assert mine.set_index("quantity")["mean"].to_dict() == pytest.approx(
        some[["dissimilarity", "relative_l2"]].mean().to_dict()
    )
    assert (found["kind"] == "other seed").sum() == 2 * 2


def test_scores_by_step_resample_tasks():
    steps = long(step=[0, 2]).assign(condition="steps", sigma=lambda t: 1 - t["step"] / 4)
    result = long().assign(condition="clean", step=np.nan, sigma=np.nan)
    rows = pd.concat([steps, result], ignore_index=True)
    rows["score"] = RNG.random(len(rows))
    rows.loc[0, "score"] = np.nan  # a video that the scorer refused
    others = result.assign(condition="noise", score=7.0)
    unscored = result.assign(model="other", score=0.5)  # has no steps
    found = summarise_scores(pd.concat([rows, others, unscored], ignore_index=True), STANDARD)
    assert set(found["model"]) == {"m"} and len(found) == 3
    for step in (0, 2):
        mine = rows[(rows["step"] == step) & rows["score"].notna()]
        row = found[found["step"] == step].iloc[0]
        assert row["n"] == len(mine) and row["mean"] == pytest.approx(mine["score"].mean())
    # two tasks: an end of the interval is the mean of one of them
    last = rows[rows["step"] == 2].groupby("task")["score"].mean()
    row = found[found["step"] == 2].iloc[0]
    assert sorted([row["low"], row["high"]]) == pytest.approx(sorted(last))
    assert found["step"].isna().sum() == 1


def test_what_a_study_lacks_has_no_rows_but_columns():
    assert summarise_flow(pd.DataFrame(), STANDARD).empty
    clean = long().assign(condition="clean", step=np.nan, sigma=np.nan, score=0.5)
    for rows in (pd.DataFrame(), clean):
        found = summarise_scores(rows, STANDARD)
        assert found.empty and {"model", "split", "step", "mean"} <= set(found)
