"""Outcomes of the layers against contrasts and swaps that are made here."""

import itertools

import numpy as np
import pandas as pd
import pytest

from chain_of_steps.experiments.layers.outcomes import layer_outcomes

INDEX = pd.DataFrame({"case": ["a", "b"], "solutions": 1, "need": [3, 4]})
N_LAYERS = 8


def energy(inside):
    """Two tokens a frame, one of them in the region; inside(case, layer) is its energy, else 1."""
    rows = []
    for case, step, layer, frame in itertools.product("ab", (0, 1), range(N_LAYERS), (0, 1)):
        run = {"model": "m", "case": case, "task": "maze", "split": "in-domain", "seed": 0}
        where = {"branch": "cond", "step": step, "sigma": 1 - step, "layer": layer, "frame": frame}
        value = inside(case, layer) * (1 + step)
        for region, tokens, mean in (("all", 2, (value + 1 + step) / 2), ("path", 1, value)):
            quantities = dict.fromkeys(("energy", "energy_rest", "variance"), mean)
            rows.append({**run, **where, "region": region, "tokens": tokens, **quantities})
    return pd.DataFrame(rows)


def values(table, name, **labels):
    rows = table[table["outcome"] == name]
    for column, wanted in labels.items():
        rows = rows[rows[column] == wanted]
    return rows.set_index("case")["value"].to_dict()


def test_contrasts_are_those_of_each_run_and_layer():
    table = layer_outcomes(energy(lambda case, layer: 2.0**layer), None, INDEX)
    for layer in range(N_LAYERS):
        for condition in ("first step", "all steps"):
            found = values(table, "energy of path", layer=layer, condition=condition)
            assert found == pytest.approx({"a": layer, "b": layer})
    assert set(table["need"]) == {3, 4}


def test_middle_layers_are_held_against_the_others():
    flat = layer_outcomes(energy(lambda case, layer: 4.0), None, INDEX)
    name = "energy of path, middle against others"
    assert values(flat, name, condition="first step") == pytest.approx({"a": 0, "b": 0})
    bump = layer_outcomes(energy(lambda case, layer: 4.0 if 2 <= layer < 6 else 1.0), None, INDEX)
    assert values(bump, name, condition="first step") == pytest.approx({"a": 2, "b": 2})
    late = layer_outcomes(energy(lambda case, layer: 2.0**layer), None, INDEX)
    assert values(late, name, condition="first step") == pytest.approx({"a": 0, "b": 0})


def test_swaps_are_those_of_eligible_runs():
    run = {"model": "m", "case": "a", "task": "identify", "split": "in-domain", "seed": 0}
    where = {"look": "final", "part": "all", "step": 0, "steps": 20}
    outcomes = {"kept": 0.0, "flipped": 1.0, "moved": 0.3, "dose": 0.1}
    spans = {("one", 1): "final, all", ("first", 4): "4 first steps, all"}
    spans["first", 20] = "all steps, all"
    rows = [
        {**run, **where, "span": span, "swapped": swapped}
        | {"layer": layer, "eligible": eligible, **outcomes}
        for layer in (0, 4)
        for eligible in (True, False)
        for span, swapped in spans
    ]
    table = layer_outcomes(energy(lambda case, layer: 1.0), pd.DataFrame(rows), INDEX)
    flipped = table[table["outcome"] == "flipped"]
    for condition in spans.values():
        assert flipped.loc[flipped["condition"] == condition, "layer"].tolist() == [0, 4]
    assert set(flipped["condition"]) == set(spans.values())
    assert (table.loc[table["outcome"] == "dose", "value"] == 0.1).all()
    moved = table[table["outcome"] == "moved"]["value"]
    assert np.allclose(moved, 0.3)
