"""A table with every kind of column."""

import math
from pathlib import Path

import pandas as pd

SUFFIXES = [".parquet", ".csv", ".csv.gz"]


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "task": ["maze", "None", "a,b", 'say "x"'],
            "step": [0, 1, 2, 3],
            "sigma": [1.0, 1 / 3, math.nan, 1e-17],
            "right": [True, False, True, True],
        },
        index=[5, 6, 7, 8],
    )
