"""Runs under noise with a known answer."""

import numpy as np
import pandas as pd

from chain_of_steps.experiments.noise.propagation import ESTIMATE
from chain_of_steps.experiments.noise.tables import (
    effects,
)
from chain_of_steps.experiments.noise.verdicts import verdict_table
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
                        **{
                            "injected_l2": 2.0,
                            "injected_l2_sigma": 3.0,
                            "dose": 1.5,
                            "correct": True,
                        },
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
        indices = STEPS if key[1] == "step" else (np.nan,) if "tokens" in name else (0, 1, 2)
        found[key] = constant(value, indices)
    return found


def flows(peak_of, mode="replace"):
    """Comparisons whose last step is largest for injections at peak_of(number of the case)."""
    rows = []
    for number, (task, case) in enumerate(CASES):
        for injected in STEPS:
            for step in range(injected, N_STEPS):
                size = 1 / (1 + abs(injected - peak_of(number))) if step == N_STEPS - 1 else 0.9
                size *= 1 - number / 1000  # no two cases are alike
                rows.append(
                    {
                        **{"model": "m", "case": case, "task": task, "split": "s", "seed": 0},
                        **{"part": "sweep", "kind": "step", "mode": mode, "injected": injected},
                        **{"site": ESTIMATE, "step": step, "sigma": 1 - step / N_STEPS},
                        **{"dissimilarity": size, "relative_l2": 2 * size},
                        **{"tiles_dissimilarity": size, "tiles_l2": 2 * size},
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
