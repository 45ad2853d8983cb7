"""The table of the model card, by hand."""

import numpy as np
import pytest

from chain_of_steps.pocket.card import accuracy_table


def test_accuracy_by_hand():
    rows = [
        {"task": task, "split": split, "correct": n < right, "score": 0.5, "answered": n < answered}
        for task, split, total, right, answered in (
            ("maze", "in-domain", 200, 180, 190),
            ("maze", "out-of-domain", 50, 0, 10),
            ("odd", "in-domain", 10, 10, 10),
        )
        for n in range(total)
    ]
    table = accuracy_table(rows)
    assert table[["task", "split", "n", "accuracy"]].values.tolist() == [
        ["maze", "in-domain", 200, 0.9],
        ["maze", "out-of-domain", 50, 0.0],
        ["odd", "in-domain", 10, 1.0],
    ]
    assert table["no_answer"].tolist() == pytest.approx([0.05, 0.8, 0.0])
    assert table["score"].tolist() == [0.5] * 3
    # Wilson intervals from their formula
    for row in table.itertuples():
        z, n, p = 1.959964, row.n, row.accuracy
        centre = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        assert (row.low, row.high) == pytest.approx((centre - half, centre + half), abs=1e-6)
