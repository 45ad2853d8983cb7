"""The methods of Table 1 on the same cases: what right answers each gives for its forward passes.

Their kinds are

    single run         of any number of steps
    loop               passes at one noise level, of a run of few steps
    ensemble           the paper's, and what averages hidden states of several seeds like it
    self-consistency   the answer of most runs at the end, as of language models (Wang et al. 2022,
                       arXiv 2203.11171), or at an early step, where all runs but one are stopped
    chance             any one of several runs: what their NFE buy without a choice among them
    ceiling            the best of several runs by the truth, which no choice can beat
    reference          videos that no model made
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from chain_of_steps.errors import UserError
from chain_of_steps.measures import vote
from chain_of_steps.statistics.cases import CaseSample, detectable, interval, p_at
from chain_of_steps.statistics.rates import wilson
from chain_of_steps.statistics.resampling import Resampling

SINGLE, LOOP, ENSEMBLE = "single run", "loop", "ensemble"
VOTE, CHANCE, CEILING = "self-consistency", "chance", "ceiling"
REFERENCE = "reference"
CASE = ["model", "case", "task", "split"]
CHOSEN = [*CASE, "kind", "method", "answer", "correct", "score", "nfe"]


def single_run(steps: int) -> str:
    """The method that takes one run of so many steps; `SINGLE` alone is that of the study."""
    return f"{SINGLE}, {steps} step{'s' if steps > 1 else ''}"


def methods(
    readouts: pd.DataFrame,
    runs: pd.DataFrame,
    seeds: Sequence[int],
    early: Sequence[float],
    passes: int = 1,
) -> pd.DataFrame:
    """One row for each case and method: model, case, task, split, kind, method, answer, ...

    answer (the accepted candidate; nan where no one run is chosen), correct, score, nfe, dose.
    readouts: the study's clean runs, of all steps. runs: as `run_ensembles` and `run_plain` give
    them; their cases are those of all methods. passes: forward passes of one step, 2 with guidance.
    """
    looks = readouts[readouts["case"].isin(runs["case"]) & readouts["seed"].isin(seeds)]
    n_steps = looks["step"].max()
    full = looks[looks["step"] == n_steps].assign(kind=SINGLE, method=SINGLE, nfe=n_steps * passes)
    single = pd.concat([full, runs[runs["kind"] == SINGLE]], ignore_index=True)
    made = pd.concat([full, runs], ignore_index=True)
    columns = [*CHOSEN, "dose"]
    tables = [
        made.loc[made["seed"] == seeds[0], columns],
        pd.DataFrame(_among(single, seeds), columns=columns),
        pd.DataFrame(_stopped(looks, seeds, early, passes), columns=columns),
    ]
    table = pd.concat([one for one in tables if len(one)], ignore_index=True)
    return table.astype({name: float for name in ("answer", "correct", "score", "nfe", "dose")})


def _among(single: pd.DataFrame, seeds: Sequence[int]) -> Iterator[dict]:
    """What is chosen among the results of runs of as many steps, one of each seed."""
    k = len(seeds)
    if k < 2:
        return
    ordered = single.sort_values("seed", key=lambda s: s.map(list(seeds).index))
    for key, found in ordered.groupby([*CASE, "method"], sort=False):
        _need_all(found, seeds, key[1])
        labels = dict(zip(CASE, key, strict=False)) | {"nfe": found["nfe"].sum()}
        steps = str(key[-1]).removeprefix(SINGLE)
        of = {name: found[name].astype(float) for name in ("correct", "score")}
        means = {name: values.mean() for name, values in of.items()}
        yield labels | means | {"kind": CHANCE, "method": f"best of {k} by chance{steps}"}
        for kind, method, at in (
            (VOTE, f"majority of {k}{steps}", vote(found["answer"].to_numpy())),
            (CEILING, f"oracle of {k}{steps}", int(of["score"].to_numpy().argmax())),
        ):
            yield labels | {"kind": kind, "method": method} | _one(found, at)


def _stopped(
    looks: pd.DataFrame, seeds: Sequence[int], early: Sequence[float], passes: int
) -> Iterator[dict]:
    """Runs that are compared at an early step, where all but the chosen one stop."""
    k, n_steps = len(seeds), int(looks["step"].max())
    if k < 2:
        return
    stops = sorted({max(1, round(share * n_steps)) for share in early})
    ordered = looks.sort_values("seed", key=lambda s: s.map(list(seeds).index))
    for key, found in ordered.groupby(CASE, sort=False):
        final = found[found["step"] == n_steps]
        for stop in stops:
            # after step stop - 1 every run has spent `stop` passes and shows that clean estimate
            look = found[found["step"] == stop - 1]
            evidence = np.stack(look["evidence"].tolist())
            labels = dict(zip(CASE, key, strict=True)) | {"kind": VOTE}
            labels |= {"nfe": (k * stop + n_steps - stop) * passes}
            at = vote(look["answer"].to_numpy())
            yield labels | {"method": f"vote after step {stop}"} | _one(final, at)
            at = most_agreed(evidence)
            yield labels | {"method": f"most agreed after step {stop}"} | _one(final, at)


def _one(runs: pd.DataFrame, at: int) -> dict:
    return runs.iloc[at][["answer", "correct", "score"]].to_dict()


def _need_all(found: pd.DataFrame, seeds: Sequence[int], case: str) -> None:
    if len(found) != len(seeds):
        raise UserError(f"{case} has {len(found)} of {len(seeds)} seeds: sample them all first.")


def most_agreed(evidence: np.ndarray) -> int:
    """Index of the run whose evidence (K, candidates) is nearest to the mean of all runs."""
    return int(np.linalg.norm(evidence - evidence.mean(0), axis=1).argmin())


def control_of(rows: pd.DataFrame, method: str) -> str | None:
    """The single run that a method is set against: of as many passes, or the most below that.

    Runs of fewer steps are set against the full one, which has none to be set against.
    """
    nfe = rows.groupby("method")["nfe"].mean()
    singles = rows.loc[rows["kind"] == SINGLE, "method"].unique()
    if method == SINGLE or not nfe[method]:
        return None
    if method in singles:
        return SINGLE
    below = [one for one in singles if nfe[one] <= nfe[method]]
    return max(below, key=lambda one: nfe[one], default=None)


def compare(rows: pd.DataFrame, *, resampling: Resampling, by: Sequence[str] = ()) -> pd.DataFrame:
    """Share of right answers of each method, and its difference from a single run.

    rows: as `methods` gives them. Columns: `by`, kind, method, nfe, n (cases), mean, low, high;
    against (see `control_of`), difference, difference_low, difference_high, p, detectable (see
    statistics.cases); changed: cases whose answer is another than the full single run's, and
    changed_high, the upper end of the 95 % interval of their share (Wilson); dose: the mean.
    """
    tables = []
    groups = rows.groupby(list(by), sort=False) if by else [((), rows)]
    for key, mine in groups:
        labels = dict(zip(by, key if isinstance(key, tuple) else (key,), strict=True))
        for method, some in mine.groupby("method", sort=False):
            sample = CaseSample.of(some["correct"], some["task"], (0.0, 1.0))
            low, high = interval(sample, resampling=resampling)
            entry = {**labels, "kind": some["kind"].iloc[0], "method": method}
            entry |= {"nfe": some["nfe"].mean(), "n": len(sample)}
            entry |= {"mean": sample.mean, "low": low, "high": high}
            against = control_of(mine, method)
            if against is not None:
                other = mine[mine["method"] == against]
                entry |= {"against": against, **_difference(some, other, resampling)}
            entry |= _changed(some, mine[mine["method"] == SINGLE])
            tables.append(entry | {"dose": some["dose"].mean()})
    return pd.DataFrame(tables)


def _difference(
    some: pd.DataFrame, other: pd.DataFrame, resampling: Resampling
) -> dict[str, float]:
    off = some.set_index("case")["correct"] - other.set_index("case")["correct"]
    sample = CaseSample.of(off, some["task"], (-1.0, 1.0))
    low, high = interval(sample, resampling=resampling)
    return {
        **{"difference": sample.mean, "difference_low": low, "difference_high": high},
        **{"p": p_at(sample, 0), "detectable": detectable(sample, resampling)},
    }


def _changed(some: pd.DataFrame, single: pd.DataFrame) -> dict[str, float]:
    """Where no one run is chosen there is no answer to compare."""
    both = some.merge(single, on="case", suffixes=("", "_single"))
    both = both[both["answer"].notna() & both["answer_single"].notna()]
    if both.empty:
        return {"changed": np.nan, "changed_high": np.nan}
    changed = int((both["answer"] != both["answer_single"]).sum())
    return {"changed": changed, "changed_high": wilson(changed, len(both)).high}
