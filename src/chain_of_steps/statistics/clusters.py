"""Rows, clusters and strata as numbers, whatever their labels are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

Columns = str | Sequence[str]
FEW_CASES = 5  # of a task; drawing from fewer within it would make intervals much too narrow


def strata_of(rows: pd.DataFrame, by: Sequence[str]) -> pd.Series:
    """The task of each row, or "all" in groups of `by` where its task has few cases."""
    cases = rows.groupby([*by, "task"], dropna=False)["case"].transform("nunique")
    return rows["task"].where(cases >= FEW_CASES, "all")


def numbers(values: ArrayLike) -> NDArray[Any]:
    """Values (n,) as float. Raises ValueError for nan, or more than one column."""
    found = np.asarray(values, dtype=float)
    if found.ndim != 1 or np.isnan(found).any():
        raise ValueError("values must be one column without nan: drop or fill missing rows first")
    return found


def codes(labels: ArrayLike, length: int) -> NDArray[Any]:
    """Labels as numbers from 0 in sorted order, so that the order of rows does not count.

    Raises ValueError unless there are `length` labels without nan.
    """
    found: NDArray[Any] = pd.factorize(pd.Series(labels), sort=True)[0]
    if len(found) != length or (found < 0).any():
        raise ValueError(f"{length} values need as many labels without nan, got {len(found)}")
    return found


def column_codes(frame: pd.DataFrame, columns: Columns) -> NDArray[Any]:
    """Each combination of labels in `columns` as a number from 0, in sorted order."""
    groups = frame.groupby(listed(columns), sort=True, observed=True, dropna=False)
    numbered: NDArray[Any] = groups.ngroup().to_numpy()
    return numbered


def listed(columns: Columns | None) -> list[str]:
    """Names of columns as a list; none for None."""
    if columns is None:
        return []
    return [columns] if isinstance(columns, str) else list(columns)


def cluster_sums(
    values: NDArray[Any], clusters: NDArray[Any], strata: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Sum of values, number of rows and stratum of each cluster, in the order of their codes.

    A cluster's code in two strata is two clusters.
    """
    width = clusters.max(initial=0) + 1
    keys, inverse = np.unique(strata * width + clusters, return_inverse=True)
    counts = np.bincount(inverse, minlength=len(keys))
    return np.bincount(inverse, weights=values, minlength=len(keys)), counts, keys // width
