"""Tables, verdicts and sentences of the noise experiments, on runs with a known answer."""

import numpy as np
import pandas as pd
import pytest

from chain_of_steps.experiments.noise.propagation import ESTIMATE
from chain_of_steps.experiments.noise.tables import (
    AS_IN_PAPER,
    control_sentences,
    effects,
    main_sentences,
    means,
    noise_table,
    peaks,
    sensitivity_sentences,
    sensitivity_table,
    steps_stood_for,
    verdict_table,
)
from chain_of_steps.statistics.clusters import strata_of
from chain_of_steps.statistics.resampling import Resampling

FEW = Resampling(300, 0)
N_STEPS = 10
STEPS = (0, 2, 4, 6, 8)
CASES = [(task, f"{task}/{i}") for task in ("t", "u") for i in range(6)]


def run_rows(drops, same=True):
    """Rows of perturbation.csv; drops: (part, kind, mode) -> drop of the score, by index."""
    rows = []
    for number, (task, case) in enumerate(CASES):
        clean = 0.8 + 0.01 * number
        for (part, kind, mode), by_index in drops.items():
            for index, drop in by_index.items():
                rows.append(
                    {
                        **{"model": "m", "case": case, "task": task, "split": "s", "seed": 0},
                        **{"part": part, "kind": kind, "mode": mode, "index": index},
                        **{"sigma": 1 - index / N_STEPS if kind == "step" else np.nan},
                        **{"injected_l2": 2.0, "injected_l2_sigma": 3.0, "correct": True},
                        **{"score": clean - drop - 0.001 * number, "clean_score": clean},
                        **{"answer_same_as_clean": same, "frame_is_read": index == 2},
                    }
                )
    return pd.DataFrame(rows)


def constant(value, indices=STEPS):
    return dict.fromkeys(indices, value)


def drops(step, frame, **controls):
    found = {
        ("sweep", "clean", None): {np.nan: 0.0},
        ("sweep", "step", "replace"): constant(step),
        ("sweep", "frame", "replace"): constant(frame, (0, 1, 2)),
    }
    names = {
        "last_clean": ("controls", "frame_last_clean", "replace"),
        "tokens_step": ("controls", "tokens_step", "replace"),
        "tokens_frame": ("controls", "tokens_frame", "replace"),
        "energy": ("controls", "frame_energy", "replace"),
        "add_step": ("controls", "step", "add"),
        "add_frame": ("controls", "frame", "add"),
    }
    for name, value in controls.items():
        key = names[name]
        indices = STEPS if key[1] == "step" else (np.nan,) if "tokens" in name else (0, 2)
        found[key] = constant(value, indices)
    return found


def flows(peak_of, mode="replace"):
    """Comparisons whose last step is largest for injections at peak_of(number of the case)."""
    rows = []
    for number, (task, case) in enumerate(CASES):
        for injected in STEPS:
            for step in range(injected, N_STEPS):
                size = 1 / (1 + abs(injected - peak_of(number))) if step == N_STEPS - 1 else 0.9
                rows.append(
                    {
                        **{"model": "m", "case": case, "task": task, "split": "s", "seed": 0},
                        **{"part": "sweep", "kind": "step", "mode": mode, "injected": injected},
                        **{"site": ESTIMATE, "step": step, "sigma": 1 - step / N_STEPS},
                        **{"dissimilarity": size, "relative_l2": 2 * size},
                    }
                )
    return pd.DataFrame(rows)


def references():
    rows = [
        {"case": case, "task": task, "split": "s", "kind": kind, "score": score, "correct": True}
        for task, case in CASES
        for kind, score in (("truth", 1.0), ("static", 0.1))
    ]
    return pd.DataFrame(rows)


def verdicts(rows, found=None):
    found = effects(rows, flows(lambda number: 4)) if found is None else found
    return verdict_table(rows, found, N_STEPS, FEW)


def verdict(table, claim, control):
    rows = table[(table["claim"] == claim) & (table["control"] == control)]
    assert len(rows) == 1
    return rows.iloc[0]


# Tables


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
        found = verdict(verdicts(rows), "step_worse_than_frame", AS_IN_PAPER)
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
    assert by_step[4] == 1
    assert by_step[2] == by_step[6] == pytest.approx(1 / 3)
    assert found["answer_changed"].all()


def test_the_peak_and_its_interval_come_from_the_cases():
    rows = run_rows(drops(0.5, 0.2))
    sure = peaks(effects(rows, flows(lambda number: 6)), FEW)
    sure = sure[sure["quantity"] == "dissimilarity"].iloc[0]
    assert (sure["step"], sure["low"], sure["high"]) == (6, 6, 6)
    assert sure["sigma"] == pytest.approx(0.4)
    # half of each task's cases peaks at 2, the other half at 8: either may win a resample
    split = peaks(effects(rows, flows(lambda number: 2 if number % 2 else 8)), FEW)
    split = split[split["quantity"] == "relative_l2"].iloc[0]
    assert (split["low"], split["high"]) == (2, 8)


def test_where_nothing_changes_there_is_no_peak():
    found = peaks(effects(run_rows(drops(0.5, 0.2)), flows(lambda number: 4)), FEW)
    assert "answer_changed" not in set(found["quantity"])


# Verdicts


@pytest.mark.parametrize(
    ("step", "frame", "expected"), [(0.5, 0.2, "holds"), (0.2, 0.5, "reversed")]
)
def test_step_against_frame(step, frame, expected):
    found = verdict(verdicts(run_rows(drops(step, frame))), "step_worse_than_frame", AS_IN_PAPER)
    assert found["verdict"] == expected
    assert found["mean"] == pytest.approx(step - frame)
    assert found["n"] == len(CASES)


def test_a_difference_within_its_interval_is_undecided():
    rows = run_rows(drops(0.3, 0.3))
    sign = np.where(rows["case"].str[-1].astype(int) % 2 == 0, 0.2, -0.2)
    rows["score"] += np.where(rows["kind"] == "step", sign, 0)
    found = verdict(verdicts(rows), "step_worse_than_frame", AS_IN_PAPER)
    assert found["verdict"] == "undecided"


def test_a_verdict_needs_the_test_as_well_as_the_interval():
    """Four cases that all agree: an interval above 0, but p = 1/8."""
    rows = run_rows(drops(0.5, 0.2))
    rows = rows[rows["case"].isin([case for _, case in CASES[:4]])]
    found = verdict(verdicts(rows), "step_worse_than_frame", AS_IN_PAPER)
    assert found["low"] > 0
    assert found["p"] == pytest.approx(1 / 8)
    assert found["verdict"] == "undecided"


def test_each_control_is_judged_against_its_own_counterpart():
    rows = run_rows(
        drops(
            0.5, 0.2, last_clean=0.1, tokens_step=0.6, tokens_frame=0.4, energy=0.45, add_step=0.1,
            add_frame=0.3,
        )
    )  # fmt: skip
    table = verdicts(rows)
    differences = {
        "last step left clean": 0.4,
        "equal count, random tokens": -0.1,
        "equal energy, mode replace": 0.05,
        "mode add": -0.2,
    }
    for control, difference in differences.items():
        found = verdict(table, "step_worse_than_frame", control)
        assert found["mean"] == pytest.approx(difference), control
        assert found["verdict"] == ("holds" if difference > 0 else "reversed")
    found = verdict(table, "frame_worse_than_tokens", "equal count")
    assert found["mean"] == pytest.approx(-0.2)


def test_frames_that_are_read_are_compared_on_their_own():
    rows = run_rows(drops(0.5, 0.2))
    rows.loc[(rows["kind"] == "frame") & (rows["index"] == 2), "score"] -= 0.6
    table = verdicts(rows)
    assert verdict(table, "step_worse_than_frame", AS_IN_PAPER)["mean"] == pytest.approx(0.1)
    read = verdict(table, "step_worse_than_frame", "only frames that are read")
    assert read["mean"] == pytest.approx(-0.3)


def test_controls_on_few_cases_are_compared_on_those_alone():
    rows = run_rows(drops(0.5, 0.2, last_clean=0.1))
    chosen = [case for _, case in CASES[:3]]
    rows = rows[(rows["part"] == "sweep") | rows["case"].isin(chosen)]
    table = verdicts(rows)
    assert verdict(table, "step_worse_than_frame", "last step left clean")["n"] == 3
    same = verdict(table, "step_worse_than_frame", f"{AS_IN_PAPER}, cases of the controls")
    assert same["n"] == 3
    assert verdict(table, "step_worse_than_frame", AS_IN_PAPER)["n"] == len(CASES)


@pytest.mark.parametrize(("peak", "expected"), [(4, "holds"), (0, "reversed"), (8, "reversed")])
def test_the_published_band_of_the_peak(peak, expected):
    rows = run_rows(drops(0.5, 0.2))
    table = verdicts(rows, effects(rows, flows(lambda number: peak)))
    found = verdict(table, "peak_in_the_middle", "mode replace, 1 − CKA")
    assert found["verdict"] == expected
    assert found["mean"] == peak


@pytest.mark.parametrize(("peak", "expected"), [(0, "holds"), (8, "reversed")])
def test_early_against_late(peak, expected):
    rows = run_rows(drops(0.5, 0.2))
    table = verdicts(rows, effects(rows, flows(lambda number: peak)))
    assert verdict(table, "early_worse_than_late", "mode replace")["verdict"] == expected


# Sentences


def said(rows, peak=4):
    found = effects(rows, flows(lambda number: peak))
    table = verdicts(rows, found)
    noise = noise_table(rows, references(), N_STEPS, FEW)
    sensitivity = sensitivity_table(found, FEW)
    return {
        "main": " ".join(main_sentences(noise, table, "m")),
        "sensitivity": " ".join(sensitivity_sentences(table, sensitivity, "m", "replace", N_STEPS)),
        "controls": " ".join(control_sentences(table, "m")),
    }


def test_the_main_sentence_follows_the_table():
    worse, better = said(run_rows(drops(0.5, 0.2)))["main"], said(run_rows(drops(0.2, 0.5)))["main"]
    assert "Noise at a step does more harm than noise at a frame, as in the paper" in worse
    assert "Noise at a frame does more harm than noise at a step, unlike in the paper" in better
    assert "noise at a step lowers that by 0.51 [0.50 to 0.51]" in worse
    assert "noise at a step lowers that by 0.21 [0.20 to 0.21]" in better
    assert "n = 12" in worse
    assert "looks at, noise at a step does more harm" in worse
    assert "looks at, noise at a step does less harm" in better


def test_the_sensitivity_sentence_follows_the_table():
    rows = run_rows(drops(0.5, 0.2))
    middle, early, late = (said(rows, peak)["sensitivity"] for peak in (4, 0, 8))
    assert "peaks at step 4 of 10" in middle
    assert "inside the published band (40% to 60% of the run)" in middle
    assert "peaks at step 0 of 10" in early
    assert "outside the published band" in early
    assert "peaks at step 8 of 10, the last one disturbed" in late
    assert "first third of the steps leave more behind" in early
    assert "changed answers" not in middle, "nothing changed, so no peak is claimed"


def test_the_control_sentence_sorts_controls_by_verdict():
    text = said(run_rows(drops(0.5, 0.2, last_clean=0.1, energy=0.9)))["controls"]
    claim = text.split("A whole frame")[0].split("Early")[0]
    holds, fails = claim.split("does not hold:")
    assert "last step left clean (0.40" in holds
    assert "equal energy, mode replace (-0.40" in fails
    text = said(run_rows(drops(0.5, 0.2, last_clean=0.9, energy=0.1)))["controls"]
    holds, fails = text.split("Early")[0].split("does not hold:")
    assert "equal energy" in holds
    assert "last step left clean" in fails
