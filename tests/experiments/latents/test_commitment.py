"""Distance, settling and motion of latents whose course is known, with no puzzle anywhere."""

import numpy as np
import pandas as pd
import pytest
import torch

from chain_of_steps.artifacts import read_table
from chain_of_steps.cli import main
from chain_of_steps.experiments.latents.commitment import (
    ALL,
    CLOSE,
    MEASURED,
    commitment_rows,
    measured,
    settle_steps,
    summarise_by_frame,
)
from chain_of_steps.manifests import write_manifest
from chain_of_steps.statistics.resampling import STANDARD
from chain_of_steps.trajectory import Trajectory

N, C, F, H, W = 4, 3, 3, 2, 2


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def trajectory(n_runs=2):
    """Cases that belong to no puzzle; the result is the last clean estimate."""
    names = [f"own/own/{n}" for n in range(n_runs)]
    runs = pd.DataFrame({"model": "m", "case": names, "task": "own", "split": "own", "seed": 0})
    clean = random(n_runs, N, C, F, H, W)
    x = random(n_runs, N + 1, C, F, H, W, seed=1)
    x[:, -1] = clean[:, -1]
    sigmas = torch.tensor([1.0, 0.8, 0.5, 0.2, 0.0])
    return Trajectory(runs, sigmas, x, clean, [0] * N, {"frames": 9, "batch": 1})


def test_measures_are_those_of_a_loop_over_positions():
    clean, end = random(N, C, F, H, W), random(C, F, H, W, seed=2)
    found = measured(clean, end).numpy()
    a, b = clean.double().numpy(), end.double().numpy()
    scale = np.sqrt(np.mean([(b[:, f, y, x] ** 2).sum() for f, y, x in np.ndindex(F, H, W)]))
    for k, f in np.ndindex(N, F):
        places = list(np.ndindex(H, W))
        far = [np.linalg.norm(a[k, :, f, y, x] - b[:, f, y, x]) for y, x in places]
        assert found[0, k, f] == pytest.approx(np.mean(far) / scale)
        if f == 0:
            assert np.isnan(found[2, k, f])
        else:
            moved = [np.linalg.norm(a[k, :, f, y, x] - a[k, :, f - 1, y, x]) for y, x in places]
            assert found[2, k, f] == pytest.approx(np.mean(moved) / scale)


def test_a_position_is_settled_once_it_never_leaves_again():
    end = random(C, F, H, W)
    clean = end.repeat(N, 1, 1, 1, 1)
    clean[0] += 5  # all far at first
    clean[2, :, 1, 0, 0] += 5  # one comes near, and leaves once more
    clean[3, :, 2, 1, 1] += CLOSE / 1000
    settled = measured(clean, end)[1]
    assert settled[0].tolist() == [0, 0, 0]
    assert settled[1].tolist() == settled[2].tolist() == [1, 0.75, 1]
    assert settled[3].tolist() == [1, 1, 1]
    steps = settle_steps(clean, end)
    assert steps[1, 0, 0] == 3 and steps.flatten().bincount().tolist() == [0, F * H * W - 1, 0, 1]
    clean[3, :, 0, 0, 0] += 5
    assert settle_steps(clean, end)[0, 0, 0] == N  # with the result alone


def test_nothing_has_no_scale():
    found = measured(torch.zeros(N, C, F, H, W), torch.zeros(C, F, H, W))
    assert found.isnan().all()
    one = measured(random(N, C, 1, H, W), random(C, 1, H, W))
    assert one[2].isnan().all() and one[0].isfinite().all()


def test_a_stage_measures_any_cases_which_are_summed_up(tmp_path):
    runs = trajectory()
    stored, rows = tmp_path / "t.safetensors", tmp_path / "r.parquet"
    runs.save(stored)
    write_manifest(stored, parameters={}, nfe=0, seconds=0.0)
    config = ["--config", "config.yaml", "config/smoke.yaml"]
    assert main(["latents", *config, "--trajectory", str(stored), "--out", str(rows)]) == 0
    table = read_table(rows)
    assert len(table) == 2 * N * F
    pd.testing.assert_frame_equal(table, commitment_rows(runs), check_dtype=False)
    found = summarise_by_frame(table, MEASURED, resampling=STANDARD)
    found = found.set_index(["quantity", "frame", "step"])
    wanted = table[(table["frame"] > 0) & (table["step"] == 1)]["distance"].mean()
    assert found.loc[("distance", ALL, 1), "mean"] == pytest.approx(wanted)
    assert found.loc[("distance", ALL, 1), "n"] == 2
    last = found.xs(N - 1, level="step")
    assert (last.loc["distance", "mean"] == 0).all() and (last.loc["settled", "mean"] == 1).all()
    assert ("motion", 0) not in last.index
