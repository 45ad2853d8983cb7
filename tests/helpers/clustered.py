"""Runs in clusters, with a known mean."""

import numpy as np
import pandas as pd


def clustered(n_clusters: int, size: int, seed: int, mean: float = 0.0) -> tuple:
    """Values whose clusters differ as much as rows within a cluster do; and the cluster labels."""
    rng = np.random.default_rng(seed)
    values = mean + rng.normal(size=(n_clusters, 1)) + rng.normal(size=(n_clusters, size))
    return values.ravel(), np.repeat(np.arange(n_clusters), size)


def runs(seed: int = 0) -> pd.DataFrame:
    """Two conditions of 3 tasks x 6 cases x 2 seeds; case numbers start at 0 in every task."""
    rng = np.random.default_rng(seed)
    rows = [
        {"task": task, "case": case, "seed": s, "arm": arm}
        for task in ("ball", "maze", "shelf")
        for case in range(6)
        for s in range(2)
        for arm in ("plain", "ensemble")
    ]
    frame = pd.DataFrame(rows)
    frame["score"] = rng.normal(size=len(frame)) + 0.5 * (frame["arm"] == "ensemble")
    return frame.sample(frac=1, random_state=1).reset_index(drop=True)
