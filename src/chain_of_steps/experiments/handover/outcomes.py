"""What runs came to into which something was put, as rows that claims are judged on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from chain_of_steps.measures import NO_ANSWER
from chain_of_steps.outcomes import RUN, joined, outcome

CHANGES = {"swap_picture": "swap", "fresh_noise": "fresh noise", "u_turn": "U-turn"}


def handover_outcomes(ends: pd.DataFrame, cases: pd.DataFrame, steps: int) -> pd.DataFrame:
    """Rows as `outcomes` has them. ends: as `ends.ends_of` gives them; cases: their index.

        commitment          step from which the answer leads (is accepted) to the end; N for never
        causal_commitment   first step from which on the run keeps its answer whatever is changed:
                            condition swap (the picture), fresh noise, U-turn; N where it never does
        recovered, kept     0 or 1, by what was put in (right, direct, indirect) and step
        follows, keeps      0 or 1 of a swap, by step: the end is right for the new picture, is the
                            answer to the old one
        bottleneck          right behind the bottleneck minus right without it

    steps: N, of the runs that were forked.
    """
    return joined(_tables(ends, steps), cases)


def _tables(ends: pd.DataFrame, steps: int) -> Iterator[pd.DataFrame]:
    plain = ends[(ends["intervention"] == "plain") & (ends["step"] == 0)]
    for reading in ("leads", "accepted"):
        since = plain[f"{reading}_from"].to_numpy(float)
        yield outcome(plain, "commitment", np.minimum(since, steps), condition=reading)
    answered = ends[ends["before"] != NO_ANSWER]
    for intervention, words in CHANGES.items():
        some = answered[answered["intervention"] == intervention]
        found = [(*key, _kept_from(rows, steps)) for key, rows in some.groupby(list(RUN))]
        table = pd.DataFrame(found, columns=[*RUN, "from"])
        yield outcome(table, "causal_commitment", table["from"], condition=words)
    put = ends[ends["intervention"] == "inject"]
    for answer, rows in put.groupby("put"):
        for name, column in (("recovered", "right"), ("kept", "kept")):
            value = rows[column].astype(float)
            yield outcome(rows, name, value, condition=str(answer), step=rows["step"])
    swaps = answered[answered["intervention"] == "swap_picture"]
    for name, column in (("follows", "right"), ("keeps", "kept")):
        yield outcome(swaps, name, swaps[column].astype(float), step=swaps["step"])
    narrow = ends[ends["intervention"] == "bottleneck"]
    both = narrow.merge(plain[[*RUN, "right"]], on=list(RUN), suffixes=("", "_plain"))
    lost = both["right"].astype(float) - both["right_plain"].astype(float)
    yield outcome(both, "bottleneck", lost)


def _kept_from(rows: pd.DataFrame, steps: int) -> int:
    """The first step that was tried from which on the answer is kept; N for none."""
    kept = rows.groupby("step")["kept"].min().astype(bool)
    lost = np.flatnonzero(~kept.to_numpy())
    after = kept.index[lost[-1] + 1 :] if len(lost) else kept.index
    return int(after[0]) if len(after) else steps
