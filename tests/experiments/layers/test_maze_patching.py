"""Patches of mazes: pairs of clean and perturbed runs, and the size of an effect."""

import numpy as np

from chain_of_steps.experiments.layers import job as layers
from chain_of_steps.experiments.layers import maze_patching
from chain_of_steps.patching import PARTS
from chain_of_steps.statistics.resampling import Resampling

N_STEPS, N_LAYERS, N_FRAMES, SIZE = 4, 3, 5, 32


def test_effects_are_0_where_nothing_changes_and_1_where_all_is_restored():
    clean, perturbed = np.array([0.9, 0.9, 0.9, 0.5]), np.array([0.1, 0.1, 0.1, 0.4])
    found = maze_patching.effects(np.array([0.1, 0.5, 1.0, 0.5]), clean, perturbed, "denoising")
    assert np.allclose(found, [0, 0.5, 1, np.nan], equal_nan=True)
    found = maze_patching.effects(np.array([0.9, 0.3, 0.0, 0.5]), clean, perturbed, "noising")
    assert np.allclose(found, [0, 0.75, 1, np.nan], equal_nan=True)


def test_maze_patches_start_at_the_noise_and_pair_clean_with_perturbed(small):
    cases = [small.cases[name] for name in layers.pick_cases(small.index, "patching", 2)]
    table, ledger = maze_patching.patch_mazes(
        small.model, cases, [0], steps=4, noise_at=0.5, shift=3.0, n_frames=17, batch=5
    )
    assert sorted(table["step"].unique()) == [2, 3]
    assert len(table) == 2 * 3 * 2 * len(PARTS) * N_LAYERS * 2
    sides = table.groupby("direction")[["clean_score", "perturbed_score"]].mean()
    assert np.allclose(sides.loc["noising"], sides.loc["denoising"])
    assert 0 < ledger.evaluated < ledger.naive
    assert (table.loc[table["part"] == "all", "dose"] > 0).all()
    summary = maze_patching.summarise_patching(
        table.assign(effect=0.25, dose=0.5), resampling=Resampling(100, 0)
    )
    assert (summary["n"] == 3).all() and np.allclose(summary["mean"], 0.25)
    assert (summary["dose"] == 0.5).all()
