"""The sentences on swaps follow their table."""

import pandas as pd

from chain_of_steps.experiments.layers.sentences import (
    NOTHING,
    estimate_sentence,
    flips_by_dose,
    swap_sentences,
)

DOSES = {1: 0.01, 8: 0.2, 20: 1.3}


def table(flips, own=0.0):
    """flips: (part, layer) -> share at all 20 steps; all tokens flip from 8 steps on."""
    rows = []
    for quantity, value in (("flipped", own), ("dose", 7e-4), ("moved", 6.6e-4)):
        where = {"span": "one", "steps": 50, "look": "final", "part": "all", "step": 0}
        rows.append({**where, "quantity": quantity, "swapped": 1, "layer": 0, "mean": value})
    for step, sigma in ((0, 1.0), (30, 0.7), (40, 0.5)):
        where = {"span": "one", "steps": 50, "look": "estimate", "part": "all", "step": step}
        where |= {"swapped": 1, "layer": 0, "sigma": sigma}
        rows.append({**where, "quantity": "moved", "mean": sigma - 0.001})
        rows.append({**where, "quantity": "flipped", "mean": float(sigma > 0.6)})
    for swapped, dose in DOSES.items():
        for part, layer in [*flips, ("all", 0)]:
            share = float(swapped >= 8) if part == "all" else flips[part, layer] * (swapped == 20)
            where = {"span": "first", "steps": 20, "look": "final", "part": part, "step": 0}
            where |= {"swapped": swapped, "layer": layer, "until": 1 - swapped / 20}
            rows.append({**where, "quantity": "flipped", "mean": share})
            rows.append({**where, "quantity": "dose", "mean": dose * (1 + layer)})
    found = pd.DataFrame(rows).assign(n=6, low=0.0, high=1.0)
    return found.fillna({"sigma": 1.0, "until": 0.9})


FLIPS = {("picture", 0): 1.0, ("picture", 1): 0.25, ("picture", 2): 0.0}
FLIPS |= {("video", 0): 0.0, ("video", 1): 0.75, ("video", 2): 1.0}


def test_flips_stand_beside_their_own_dose():
    found = flips_by_dose(table(FLIPS)).set_index(["part", "layer", "swapped"])
    assert found.loc[("picture", 1, 20), ["mean", "dose"]].tolist() == [0.25, 2.6]
    assert found.loc[("all", 0, 8), ["mean", "dose"]].tolist() == [1.0, 0.2]


def test_the_sentences_say_at_which_dose_and_layer_answers_flip():
    text = " ".join(swap_sentences(table(FLIPS)))
    assert "all tokens at one step of 50, 0.00 [0.00 to 1.00] flip" in text
    assert "changes the latent by 7.0e-04 (|Δx|/|x|) and the result by 6.6e-04" in text
    assert "answers from 8 of 20 steps on (σ 0.60, dose 0.20)" in text
    picture, video = text.split("At all steps: ")[1].split("; ")
    assert "layer 0 1.00" in picture and "layer 1 0.25" in picture and "layer 2 0.00" in picture
    assert "layer 1 0.75 [0.00 to 1.00] (dose 2.60)" in video
    assert "1.00 [0.00 to 1.00] flip" in " ".join(swap_sentences(table(FLIPS, own=1.0)))


def test_the_estimate_of_a_step_is_told_as_arithmetic():
    text = estimate_sentence(table(FLIPS))
    assert "0.999 at σ 1.000, 0.699 at σ 0.700, 0.499 at σ 0.500; at most 1.0e-03 off" in text
    assert "1.00 at σ 1.00, 1.00 at σ 0.70, 0.00 at σ 0.50" in text


def test_without_runs_that_end_right_nothing_is_claimed():
    empty = table(FLIPS).iloc[:0]
    assert swap_sentences(empty) == [NOTHING]
    assert estimate_sentence(empty) == NOTHING
