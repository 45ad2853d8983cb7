"""Makes every number of figures/claims.md again, from the tables of single runs: `make recompute`.

For whoever does not believe them. This one file is all of it: it imports pandas, numpy, scipy and a
reader of YAML, and nothing of chain_of_steps, and it was written from the definitions below.

    python docs/recompute.py [--figures FOLDER] [--expected FILE] [--seed N]

It reads
    tables/*_outcomes.parquet   raw readings, one row a run and outcome; no verdicts
    tables/tiles_runs.parquet   when each tile is decided, behind the slopes among those readings
    tables/cases.csv            the cases, which the labels of those rows must agree with
    verdicts.json               names of models and training seeds, number of steps, seed
    expected.yaml               the claims
and compares what it makes with claims.csv, claims.md and verdicts.json, which it takes nothing
else from. It ends with status 1 and a list if anything differs.

Definitions
    value of a run    mean of its rows that the claim names (or its difference between two sides)
    value of a case   mean over its runs, of all training seeds that count; the case is the unit
    estimate          mean over cases
    stratum           a task; tasks of fewer than 5 cases are one stratum
    interval (95 %)   bootstrap-t within strata, and never beyond the interval that holds for any
                      values in the range of the measure (Learned-Miller and Thomas, 1905.06208);
                      the latter alone where half of the cases or more have one value
    p                 binomial if all cases are at the ends of the range, else by sign flips
    trend             least-squares slope on the need within strata, HC3 errors, Student's t; p of
                      no slope by permutation
    detectable        effect that shows in 80 % of samples like this one
    room              right at the last step minus right at step 0, on the cases of the claim
    verdict           see `decide`

Random numbers: numpy's default_rng, seeded as verdicts.json says, strata in the order of their
names, so that the numbers agree to rounding. With `--seed N` others are drawn: what hangs on them
(intervals, p, what is detectable) is then not compared number by number, but its Monte-Carlo error
is told, as are the verdicts that come out otherwise.
"""

import argparse
import json
import math
import re
import sys
from collections import Counter
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from scipy.stats import binomtest, norm, t

RUN = ["model", "case", "task", "split", "seed", "need"]
OF_CASES = ["task", "split", "solutions", "need"]
PLACES = {"first": 0, "middle": 0.5, "last": 1}
FEW, EPS = 5, 1e-9
HOLDS, FAILS, UNDECIDED = "holds", "does not hold", "undecided"
NO_ROOM, UNMEASURED = "no room", "cannot be measured here"


# Which rows


def pick(rows: pd.DataFrame, wanted: dict) -> pd.DataFrame:
    """The rows that have what is wanted; first, middle and last among those that are left."""
    places = {}
    for name, value in wanted.items():
        column = rows[name]
        if isinstance(value, str) and value in PLACES and name in ("step", "layer", "need"):
            places[name] = PLACES[value]
        elif isinstance(value, dict):
            low, high = value.get("above", -math.inf), value.get("below", math.inf)
            rows = rows[(column > low) & (column < high)]
        elif isinstance(value, list):
            rows = rows[column.isin(value)]
        elif value is None:
            rows = rows[column.isna() | (column == "")]
        else:
            rows = rows[column == value]
    for name, place in places.items():
        known = np.unique(rows[name].dropna())
        if len(known):
            rows = rows[rows[name] == known[min(int(place * len(known)), len(known) - 1)]]
    return rows


def runs_of(rows: pd.DataFrame, wanted: dict, against: dict) -> pd.DataFrame:
    """One value a run: RUN, value. A difference needs both of its sides."""

    def side(which: dict) -> pd.Series:
        return pick(rows, which).groupby(RUN, dropna=False)["value"].mean()

    values = side(wanted)
    if against:
        values = (values - side({**wanted, **against})).dropna()
    return values.reset_index()


# A number over cases


class Cases:
    """values (n,), stratum of each, limits of the measure; sorted by task and case."""

    def __init__(self, table: pd.DataFrame, limits: tuple[float, float]) -> None:
        self.limits = limits
        self.x = table["value"].clip(*limits).to_numpy(float)
        if (abs(self.x - table["value"]) > EPS).any():
            raise SystemExit(f"a value lies outside of its range {limits}: {table}")
        size = table.groupby("task")["case"].transform("size")
        # tasks of few cases come first, as one
        self.stratum = np.unique(table["task"].where(size >= FEW, ""), return_inverse=True)[1]
        self.n, self.mean = len(self.x), self.x.mean()
        error = self.stratified_error(self.x[None])[0]
        self.error = 0.0 if error <= EPS else error  # equal cases, but for rounding

    def stratified_error(self, x: np.ndarray) -> np.ndarray:
        """Standard error of the mean of each row of x (resamples, n)."""
        total, known = np.zeros(len(x)), False
        for one in np.unique(self.stratum):
            mine = x[:, self.stratum == one]
            if mine.shape[1] > 1:
                known = True
                total += mine.shape[1] * mine.var(1, ddof=1)
        return np.sqrt(total) / self.n if known else np.full(len(x), math.nan)

    @cache  # noqa: B019
    def resampled(self, draws: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Means and standard errors of resamples, drawn within strata."""
        rng, x = np.random.default_rng(seed), np.empty((draws, self.n))
        for one in np.unique(self.stratum):
            members = np.flatnonzero(self.stratum == one)
            x[:, members] = self.x[members][rng.integers(len(members), size=(draws, len(members)))]
        errors = self.stratified_error(x)
        return x.mean(1), np.where(errors > 1e-6 * self.error, errors, 0)


@cache
def uniform(n: int, seed: int) -> np.ndarray:
    return np.sort(np.random.default_rng(seed).random((4000, n)), axis=1)


def bounded(cases: Cases, seed: int) -> tuple[float, float]:
    """Holds for any values in the limits; without a limit there is no end."""
    u, x, (low, high) = uniform(cases.n, seed), np.sort(cases.x), cases.limits
    ends = [-math.inf, math.inf]
    if math.isfinite(high):
        ends[1] = np.quantile(high - u @ np.diff([*x, high]), 0.975)
    if math.isfinite(low):  # the same, seen in a mirror
        ends[0] = -np.quantile(-low - u @ np.diff([*-x[::-1], -low]), 0.975)
    return ends[0], ends[1]


def bootstrap_t(cases: Cases, draws: int, seed: int) -> tuple[float, float]:
    means, errors = cases.resampled(draws, seed)
    off = means - cases.mean
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(errors > 0, off / errors, np.where(np.signbit(off), -math.inf, math.inf))
    ratio = np.sort(ratio)
    least, most = (ratio[f(q * (draws - 1))] for f, q in ((_floor, 0.025), (_ceil, 0.975)))
    return cases.mean - most * cases.error, cases.mean - least * cases.error


def _floor(x: float) -> int:
    return math.floor(x + EPS)


def _ceil(x: float) -> int:
    return math.ceil(x - EPS)


def interval(cases: Cases, seeds: "Seeds") -> tuple[float, float]:
    nothing = (math.nan, math.nan)
    if cases.n < 2:
        return nothing
    wide = bounded(cases, seeds.uniform)
    apart = np.sort(cases.x)
    commonest = np.bincount(np.cumsum(np.diff(apart, prepend=-math.inf) > EPS)).max()
    if commonest >= cases.n / 2 and all(map(math.isfinite, wide)):
        return wide
    if np.ptp(cases.x) <= EPS:
        return nothing
    low, high = (
        bootstrap_t(cases, seeds.draws, seeds.bootstrap)
        if cases.error > 0
        else (-math.inf, math.inf)
    )
    low, high = max(low, wide[0]), min(high, wide[1])
    return (low, high) if math.isfinite(low) and math.isfinite(high) else nothing


def p_value(cases: Cases, bound: float, seeds: "Seeds") -> float:
    """Two-sided, of the mean being at the bound."""
    low, high = cases.limits
    at_high, at_low = abs(cases.x - high) <= EPS, abs(cases.x - low) <= EPS
    if (at_high | at_low).all() and math.isfinite(high - low):
        if not low <= bound <= high:
            return 0.0
        return binomtest(int(at_high.sum()), cases.n, (bound - low) / (high - low)).pvalue
    off = cases.x - bound
    off = off[abs(off) > EPS]
    n, reached = len(off), abs(off.sum()) - EPS * abs(off).sum()
    if 2**n <= 10_000:  # all patterns of signs
        signs = 1 - 2 * (np.arange(2**n)[:, None] >> np.arange(n) & 1)
        return float((abs(signs @ off) >= reached).mean())
    rng, hits, left, most = np.random.default_rng(seeds.bootstrap), 0, 10_000, 4_000_000 // n
    while left:
        some = min(left, most)
        signs = 2.0 * rng.integers(2, size=(some, n), dtype=np.int8) - 1
        hits, left = hits + int((abs(signs @ off) >= reached).sum()), left - some
    return (hits + 1) / 10_001


def detectable(cases: Cases, low: float, high: float, seeds: "Seeds") -> float:
    if cases.n < 2:
        return math.nan
    if not cases.error > 0:  # equal cases: as far as their interval goes
        ends = [end for end in (cases.mean - low, high - cases.mean) if end > EPS]
        return min(ends, default=math.nan)
    low, high = bootstrap_t(cases, seeds.draws, seeds.bootstrap)
    if not math.isfinite(high - low):
        return math.nan
    means, errors = cases.resampled(seeds.draws, seeds.bootstrap)
    critical = (high - low) / 2 / cases.error
    found = np.quantile(critical * errors - (means - cases.mean), 0.8)
    return found if found <= cases.limits[1] - cases.limits[0] else math.nan


def slope(cases: Cases, need: np.ndarray, seeds: "Seeds") -> tuple[float, float, float, float]:
    """Slope, its interval and standard error, and p of no slope."""
    design = np.column_stack([need, cases.stratum[:, None] == np.unique(cases.stratum)])
    freedom = cases.n - design.shape[1]
    x = need - design[:, 1:] @ np.linalg.lstsq(design[:, 1:], need, rcond=None)[0]
    if freedom < 2 or x @ x <= EPS:
        return (math.nan,) * 4
    inverse = np.linalg.inv(design.T @ design)
    weights = inverse @ design.T @ cases.x
    residual = cases.x - design @ weights
    left = np.maximum(1 - np.einsum("ij,jk,ik->i", design, inverse, design), 1e-6)
    covariance = inverse @ (design.T * (residual / left) ** 2) @ design @ inverse  # HC3
    half = t.ppf(0.975, freedom) * math.sqrt(covariance[0, 0])
    y = cases.x - design[:, 1:] @ (np.bincount(cases.stratum, cases.x) / design[:, 1:].sum(0))
    rng, hits, order = (
        np.random.default_rng(seeds.uniform),
        0,
        np.argsort(cases.stratum, kind="stable"),
    )
    for _ in range(1000):
        mixed = np.empty_like(x)
        mixed[order] = x[np.lexsort((rng.random(len(x)), cases.stratum))]
        hits += abs(mixed @ y) >= abs(x @ y) - EPS
    return weights[0], weights[0] - half, weights[0] + half, (hits + 1) / 1001


class Seeds:
    """draws: of the bootstrap. Of what the configuration does not seed, the seed is 0."""

    def __init__(self, draws: int, configured: int, other: int | None) -> None:
        self.draws = draws
        self.bootstrap = configured if other is None else other
        self.uniform = 0 if other is None else other


class Number:
    """value, low, high, detectable, p(bound), and of how many runs and cases it is."""

    def __init__(self, runs: pd.DataFrame, trend: bool, limits, seeds: Seeds) -> None:
        table = runs.groupby(["task", "case", "need"], dropna=False, as_index=False)["value"].mean()
        self.runs, self.cases, self.seeds = len(runs), len(table), seeds
        each = runs.groupby(["model", "case"])["value"].mean().groupby("model").mean()
        self.by_model = ", ".join(f"{name} {value:.3g}" for name, value in each.items())
        self.n_models = len(each)
        self.sample = Cases(table, (-math.inf, math.inf) if trend else limits)
        self.slope = slope(self.sample, table["need"].to_numpy(float), seeds) if trend else None
        self.value = self.slope[0] if self.slope else self.sample.mean

    @cached_property
    def ends(self) -> tuple[float, float]:
        return self.slope[1:3] if self.slope else interval(self.sample, self.seeds)

    @property
    def low(self) -> float:
        return self.ends[0]

    @property
    def high(self) -> float:
        return self.ends[1]

    @property
    def error(self) -> float:
        """Standard error of a slope, as its interval has it."""
        return (self.high - self.low) / 2 / norm.ppf(0.975)

    @property
    def detectable(self) -> float:
        if self.slope:
            return (norm.ppf(0.975) + norm.ppf(0.8)) * self.error
        return detectable(self.sample, self.low, self.high, self.seeds)

    def p(self, bound: float) -> float:
        if self.slope is None:
            return p_value(self.sample, bound, self.seeds)
        return self.slope[3] if bound == 0 else 2 * norm.sf(abs(self.value - bound) / self.error)


# What follows from it


def region(claim: dict, unit: int, bound: float | None = None) -> tuple[float, float]:
    test = claim["test"]
    low, high = test.get("within", (test.get("above", -math.inf), test.get("below", math.inf)))
    if bound is not None:
        low, high = (bound, high) if "above" in test else (low, bound)
    return low * unit, high * unit


def decide(number: Number, wanted: tuple[float, float], effect: float) -> tuple[str, float]:
    """Verdict, and the p that it rests on.

    holds: the interval lies where the test wants it, the estimate at least the effect inside (of
    a band: anywhere in it). does not hold: the interval lies short of the effect; a band is wider
    by it. Either needs p < 0.05 at the bound that decides. Else, or without a proper interval:
    undecided.
    """
    (start, end), low, high = wanted, number.low, number.high
    if math.isnan(number.value):
        return UNMEASURED, math.nan
    if math.isnan(low) or math.isnan(high) or low == high:
        return UNDECIDED, math.nan
    band = math.isfinite(start) and math.isfinite(end)
    near = (start - effect, end + effect) if band else (start + effect, end - effect)
    if band:
        inside = start <= low and high <= end
    else:
        inside = start < low and high < end and near[0] <= number.value <= near[1]
    if inside:
        word, edges = HOLDS, [edge for edge in wanted if math.isfinite(edge)]
    elif high < near[0] or low > near[1]:
        finite = [edge for edge in near if math.isfinite(edge)]
        word, edges = FAILS, [min(finite, key=lambda edge: abs(number.value - edge))]
    else:
        return UNDECIDED, math.nan
    p = max(number.p(edge) for edge in edges)
    return (word if p < 0.05 else UNDECIDED), p


def holm(p: list[float]) -> list[float]:
    order = [n for n in np.argsort(p) if not math.isnan(p[n])]
    found = [math.nan] * len(p)
    for rank, n in enumerate(order):
        before = found[order[rank - 1]] if rank else 0
        found[n] = max(before, min(1, (len(order) - rank) * p[n]))
    return found


class Study:
    """What is read, and the rows of claims.csv that are made of it."""

    def __init__(self, figures: Path, expected: Path, seed: int | None) -> None:
        self.said = json.loads((figures / "verdicts.json").read_text("utf-8"))
        self.chosen = {one for model in self.said["models"] for one in model["chosen_by"]}
        resampling = self.said["resampling"]
        self.seeds = Seeds(resampling["resamples"], resampling["seed"], seed)
        self.steps = self.said["steps"]
        self.claims = {claim["id"]: claim for claim in yaml.safe_load(expected.read_text("utf-8"))}
        self.tables, self.numbers = {}, {}
        for path in sorted((figures / "tables").glob("*_outcomes.*")):
            rows = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
            text = rows.select_dtypes(exclude="number").columns
            rows[text] = rows[text].astype(object).fillna("")
            # rows by outcome and model, as every claim names one and is judged on each
            self.tables[path.name] = dict(iter(rows.groupby(["outcome", "model"])))
        self.decision = self.tables.get("decision_outcomes.parquet")
        self.last = max((rows["step"].max() for rows in (self.decision or {}).values()), default=0)

    def rows_of(self, table: str, outcome: str, models: list[str]) -> list[pd.DataFrame]:
        parts = self.tables[table]
        return [parts[outcome, model] for model in models if (outcome, model) in parts]

    def number(self, claim, models, *, rows=None, against=None, trend=None, limits=None):
        """None where there are no such runs. Equal questions are answered once."""
        rows = claim["rows"] if rows is None else rows
        against = claim.get("against", {}) if against is None else against
        trend = bool(claim.get("trend")) if trend is None else trend
        limits = self.limits(claim) if limits is None else limits
        key = json.dumps([claim["table"], models, rows, against, trend, limits])
        if key not in self.numbers:
            self.numbers[key] = self._number(claim["table"], models, rows, against, trend, limits)
        return self.numbers[key]

    def _number(self, table, models, rows, against, trend, limits):
        outcomes = sorted({rows["outcome"], against.get("outcome", rows["outcome"])})
        here = [part for name in outcomes for part in self.rows_of(table, name, models)]
        if not here:
            return None
        runs = runs_of(pd.concat(here), rows, against)
        return Number(runs, trend, limits, self.seeds) if len(runs) else None

    def unit(self, claim: dict) -> int:
        return self.steps if claim.get("scale") == "steps" else 1

    def limits(self, claim: dict) -> tuple[float, float]:
        least, most = claim["range"]
        unit = self.unit(claim)
        least = -math.inf if least is None else least * unit
        return least, math.inf if most is None else most * unit

    def room(self, claim: dict, models: list[str]):
        """(room, runs not right at step 0, runs), or None."""
        if self.decision is None:
            return None
        rows = {name: value for name, value in claim["rows"].items() if name in OF_CASES}
        rows = {"outcome": "right", "condition": "accepted", "threshold": 0.6, **rows}
        asked = {**claim, "table": "decision_outcomes.parquet"}
        found = self.number(
            asked, models, rows={**rows, "step": self.last}, against={"step": 0.0}, trend=False,
            limits=(-1, 1),
        )  # fmt: skip
        if found is None:
            return None
        right = pd.concat(self.rows_of("decision_outcomes.parquet", "right", models))
        first = pick(right, {**rows, "step": 0.0})
        return found, int((first["value"] == 0).sum()), len(first)

    def judged(self, claim: dict, names: list[str], main: bool) -> dict:
        """Everything of one claim on one model, but what needs the others."""
        row = {"found": None, "room": None, "plain": UNMEASURED, "p": math.nan, "sweep": ""}
        row |= {"training_seeds": len(names), "by_training_seed": "", "published": None}
        row["published"] = claim["published"]["value"]
        if claim.get("untestable"):
            return row | {"verdict": UNMEASURED}
        unit = self.unit(claim)
        wanted, effect = region(claim, unit), claim["sesoi"] * unit
        row["sesoi"] = effect
        # what a model was chosen by counts on its other training seeds
        models = [name for name in names if not (claim.get("held_out") and name in self.chosen)]
        if not models or claim["table"] not in self.tables:
            return row | {"verdict": UNMEASURED}
        if not main and not any(model in names for _, model in self.tables[claim["table"]]):
            return row | {"verdict": UNMEASURED}
        rows, over = dict(claim["rows"]), claim.get("threshold")
        if over:
            rows["threshold"] = over["at"]
        found, room = self.number(claim, models, rows=rows), self.room(claim, models)
        row["room"] = room
        if room is not None:
            row |= {"room_value": room[0].value, "room_low": room[0].low}
            row |= {"room_high": room[0].high}
            row |= {"could_change": room[1], "could_change_of": room[2]}
        if found is None:
            return row | {"verdict": UNMEASURED}

        def gated(plain: str) -> str:
            if claim.get("about") != "steps" or plain == UNMEASURED:
                return plain
            if room is None:
                return UNMEASURED
            return plain if room[0].low > 0 else NO_ROOM

        plain, p = decide(found, wanted, effect)
        row |= {"found": found, "plain": plain, "verdict": gated(plain)}
        row |= {"ours": found.value, "ci_low": found.low, "ci_high": found.high}
        row |= {"n": found.runs, "cases": found.cases, "detectable": found.detectable}
        row |= {"training_seeds": found.n_models, "by_training_seed": found.by_model}
        if row["verdict"] not in (NO_ROOM, UNMEASURED):
            edges = [edge for edge in wanted if math.isfinite(edge)]
            row["p"] = max(found.p(edge) for edge in edges) if math.isnan(p) else p
        wide = (-math.inf, math.inf)
        if "dose" in claim:
            other = {**rows, **claim["dose"]["rows"]}
            dose = self.number(claim, models, rows=other, against={}, limits=wide)
            row["dose"] = math.nan if dose is None else dose.value
        base = None
        if "baseline" in claim:
            base = self.number(claim, models, rows={**rows, **claim["baseline"]["rows"]})
        elif claim.get("against") and not claim.get("trend"):
            other = {**rows, **claim["against"]}
            base = self.number(claim, models, rows=other, against={}, limits=wide)
        if base is not None:
            row |= {"baseline": base.value, "baseline_low": base.low, "baseline_high": base.high}
        words = []
        for value in over["over"] if over else ():
            again = self.number(claim, models, rows={**rows, "threshold": value})
            word = UNMEASURED if again is None else gated(decide(again, wanted, effect)[0])
            words.append(f"{over['name']} {value:g}: {word}")
        for bound in claim.get("bounds", ()):
            word = gated(decide(found, region(claim, unit, bound), effect)[0])
            words.append(f"bound {bound * unit:g}: {word}")
        return row | {"sweep": "; ".join(words)}

    def rows(self) -> dict[tuple[str, str], dict]:
        """(claim, model) -> what claims.csv should have."""
        models = {model["name"]: model["training_seeds"] for model in self.said["models"]}
        main, chosen = next(iter(models)), self.said["experiments"]
        ours = [
            claim
            for claim in self.claims.values()
            if claim.get("untestable") or claim.get("primary") or claim["experiment"] in chosen
        ]
        found = {
            (claim["id"], name): self.judged(claim, seeds, name == main)
            for name, seeds in models.items()
            for claim in ours
        }
        for name in models:
            primary = [(one["id"], name) for one in ours if one.get("primary")]
            together = holm([found[key]["p"] for key in primary])
            for key, p in zip(primary, together, strict=True):
                found[key]["p_holm"] = p
                if found[key]["verdict"] in (HOLDS, FAILS) and p >= 0.05:
                    found[key]["verdict"] = UNDECIDED
        for (identity, name), row in found.items():
            others = [found[identity, other] for other in models if other != name]
            row["tells"] = tells(row, others)
        return found


def shows_room(row: dict) -> bool:
    return row["room"] is not None and row["room"][0].low > 0


def tells(row: dict, others: list[dict]) -> str:
    """Whether a claim comes out otherwise, room apart, on each model that has no room."""
    if row["found"] is None or not shows_room(row):
        return ""
    controls = [o for o in others if o["found"] and o["room"] is not None and not shows_room(o)]
    if not controls:
        return "no control"
    alike = any(other["plain"] == row["plain"] for other in controls)
    return "no: it comes out alike without room" if alike else "yes"


# Comparison


EXACT = (
    *("published", "sesoi", "ours", "n", "cases", "room", "could_change", "could_change_of"),
    *("dose", "baseline", "training_seeds"),
)
DRAWN = (
    *("ci_low", "ci_high", "detectable", "p", "p_holm", "room_low", "room_high"),
    *("baseline_low", "baseline_high"),
)
WORDS = ("by_training_seed", "verdict", "ungated", "tells", "sweep")


def compare(study: Study, figures: Path, drawn: bool) -> tuple[list[str], list[str], int]:
    """What differs; what hangs on random numbers, if others are drawn; how much was compared."""
    table = pd.read_csv(figures / "claims.csv", keep_default_na=False, na_values=[""])
    made, wrong, loose, moved, count = study.rows(), [], [], [], 0
    shipped = {(row["id"], row["model"]): row for row in table.to_dict("records")}
    for key in sorted(made.keys() ^ shipped.keys()):
        wrong.append(f"{' on '.join(key)}: in one of the two alone")
    for key in filter(made.__contains__, shipped):
        mine, theirs, name = made[key], shipped[key], " on ".join(key)
        mine = {**mine, "room": mine.get("room_value", math.nan), "ungated": mine["plain"]}
        for column in EXACT if drawn else (*EXACT, *DRAWN):
            one, other = (side.get(column) for side in (mine, theirs))
            one, other = (math.nan if v is None else float(v) for v in (one, other))
            count += not math.isnan(other)
            same = abs(one - other) <= 1e-9 + 1e-7 * abs(other)
            if not (same or (math.isnan(one) and math.isnan(other))):
                wrong.append(f"{name}: {column} is {other:.6g}, made again {one:.6g}")
        for column in WORDS:
            one, other = mine[column], theirs[column]
            other = "" if isinstance(other, float) else other
            count += column in ("verdict", "sweep") and other != ""
            if one != other:
                into = loose if drawn and column != "by_training_seed" else wrong
                into.append(f"{name}: {column} is {other!r}, made again {one!r}")
        width = theirs["ci_high"] - theirs["ci_low"]
        if drawn and width > 0 and "ci_low" in mine:
            moved += [abs(mine[end] - theirs[end]) / width for end in ("ci_low", "ci_high")]
    if moved:
        half, most = np.nanquantile(moved, [0.5, 0.95])
        loose.append(
            f"ends of intervals, half of which move by up to {half:.1%} of the interval's width, "
            f"and 19 of 20 by up to {most:.1%}"
        )
    return wrong, loose, count


def compare_texts(study: Study, figures: Path) -> tuple[list[str], int]:
    """Numbers that claims.md and verdicts.json print, against claims.csv, which is compared."""
    table = pd.read_csv(figures / "claims.csv", keep_default_na=False, na_values=[""])
    page, wrong, count = (figures / "claims.md").read_text("utf-8"), [], 0
    lines, main = page.splitlines(), table["model"].iloc[0]

    def ends(low: float, high: float, form: str) -> str:
        if math.isnan(low):
            return "no interval"
        return "no spread" if low == high else f"{low:{form}} to {high:{form}}"

    matrix = [line for line in lines if line.startswith("| ") and "**" in line]
    for line, (name, mine) in zip(matrix, _in_order(table), strict=False):
        for cell, row in zip(line.strip("| ").split(" | ")[-len(mine) :], mine, strict=True):
            said = f"**{row['verdict']}**"
            if not math.isnan(row["ours"]):
                said += f" {row['ours']:.3g} [{ends(row['ci_low'], row['ci_high'], '.3g')}]"
            count += 1
            if cell.strip() != said:
                wrong.append(
                    f"claims.md: {name} on {row['model']} is {cell!r}, made again {said!r}"
                )
    if len(matrix) != table["id"].nunique():
        wrong.append(f"claims.md: {len(matrix)} rows for {table['id'].nunique()} claims")
    details = {line.split("`")[1]: line for line in lines if line.startswith("| `")}
    for row in table[table["model"] == main].to_dict("records"):
        said = []
        if not math.isnan(row["ours"]):
            said.append(f"| {row['cases']:.0f} ({row['n']:.0f}) |")
        for number in (row["p"], row["p_holm"]):
            said += (
                [] if math.isnan(number) else [f"{number:.3f}" if number >= 0.001 else "< 0.001"]
            )
        said += [] if math.isnan(row["detectable"]) else [f"| {row['detectable']:.2g} |"]
        if not math.isnan(row["room"]):
            about = ends(row["room_low"], row["room_high"], ".2g")
            runs = f"{row['could_change']:.0f} of {row['could_change_of']:.0f} runs"
            said.append(f"| {row['room']:.2g} [{about}] ({runs}) |")
        said += [] if math.isnan(row["dose"]) else [f": {row['dose']:.3g} |"]
        if not math.isnan(row["baseline"]):
            about = ends(row["baseline_low"], row["baseline_high"], ".3g")
            said.append(f": {row['baseline']:.3g} [{about}] |")
        said += [row[name] for name in ("sweep", "by_training_seed") if isinstance(row[name], str)]
        count += len(said)
        line = details.get(row["id"], "")
        wrong += [f"claims.md: {row['id']} lacks {one!r}" for one in said if one not in line]
    text = " ".join(page.split())
    alone = table[(table["model"] == main) & table["same_as"].isna()]
    for name, some in (("primary endpoints", alone[alone["primary"]]), ("claims in all", alone)):
        found = re.search(rf"Of (\d+) {name}: ([^.]*)\.", text)
        if found is None:
            wrong += [f"claims.md: nothing on {name}"] if len(some) else []
            continue
        told = {w: int(n) for w, n in (part.rsplit(" ", 1) for part in found[2].split(", "))}
        count += 1 + len(told)
        if int(found[1]) != len(some) or told != Counter(some["verdict"]):
            wrong.append(f"claims.md: {name}: {found[0]!r}, made again {Counter(some['verdict'])}")
    shipped = {(row["id"], row["model"]): row for row in table.to_dict("records")}
    entries = {(entry["id"], entry["model"]): entry for entry in study.said["verdicts"]}
    wrong += [f"verdicts.json: {key} in one alone" for key in shipped.keys() ^ entries.keys()]
    for key in shipped.keys() & entries.keys():
        row, entry = shipped[key], entries[key]
        low, high = entry["interval"] or (math.nan, math.nan)
        scale = entry["scale"]
        pairs = {"ours": entry["estimate"], "ci_low": low, "ci_high": high, "p": entry["p"]}
        pairs |= {"cases": scale["cases"], "n": scale["runs"], "parameters": scale["parameters"]}
        pairs |= {"sesoi": entry["smallest_effect_of_interest"]}
        for column, value in pairs.items():
            value = math.nan if value is None else value
            count += 1
            if not (value == row[column] or (math.isnan(value) and math.isnan(row[column]))):
                wrong.append(f"verdicts.json: {key}: {column} is {value}, not {row[column]}")
        if entry["outcome"] != row["verdict"]:
            wrong.append(f"verdicts.json: {key}: outcome is {entry['outcome']}")
    return wrong, count


def _in_order(table: pd.DataFrame):
    """Claims as claims.md has them: primary endpoints first, then the others."""
    for primary in (True, False):
        some = table[table["primary"] == primary]
        for name, mine in some.groupby("id", sort=False):
            yield name, mine.to_dict("records")


def compare_cases(study: Study, figures: Path) -> list[str]:
    """Labels of the runs that are not those of cases.csv."""
    if not study.tables:
        return []
    wrong, index = [], pd.read_csv(figures / "tables/cases.csv")
    if "solutions" in index:  # of puzzles alone
        index["solutions"] = np.where(index["solutions"] > 1, "several", "one")
    # drawings of one puzzle are one case where they are compared, by its digest
    puzzles = index.drop(columns="task").drop_duplicates("digest").set_index("digest")
    cases = pd.concat([index.set_index("case"), puzzles])
    for table, parts in study.tables.items():
        names = [name for name in OF_CASES if name in cases]
        rows = pd.concat(parts.values())[["case", *names]].drop_duplicates()
        known = cases.reindex(rows["case"])
        for name in names:
            one, other = rows[name].reset_index(drop=True), known[name].reset_index(drop=True)
            same = (
                (one == other)
                | one.isna()
                | (other.isna() & rows["case"].isin(puzzles.index).to_numpy())
            )
            some = ", ".join(rows["case"].to_numpy()[~same][:3])
            wrong += [f"{table}: {name} of {some} is not that of cases.csv"] if some else []
    return wrong


def compare_order(study: Study, figures: Path) -> tuple[list[str], int]:
    """The outcomes hops and frames, from the step at which each tile is decided.

    They are the two slopes, with a level, of that step on the number of inferences that the tile
    takes (depth) and the latent frame that first shows it (drawn), over all runs of the drawings
    of a puzzle that end with every tile decided, and those tiles of them that are decided in that
    frame, too. A puzzle counts with two such drawings or more.
    """
    path, parts = figures / "tables/tiles_runs.parquet", study.tables.get("front_outcomes.parquet")
    if parts is None or not path.is_file():
        return [], 0
    tiles, wrong, count = pd.read_parquet(path), [], 0
    for (model, puzzle), every in tiles.groupby(["model", "puzzle"]):
        for rule in ("leads", "accepted"):
            wrong_runs = every.loc[every[rule] > every["steps"], ["case", "seed"]]
            runs = pd.MultiIndex.from_frame(every[["case", "seed"]])
            mine = every[~runs.isin(pd.MultiIndex.from_frame(wrong_runs))]
            mine = mine[mine[f"{rule}_drawn"] <= mine["steps"]]
            design = [mine["depth"], mine["drawn"], np.ones(len(mine))]
            design = np.column_stack(design).astype(float)
            if mine["task"].nunique() < 2 or np.linalg.matrix_rank(design) < 3 or len(mine) < 4:
                continue
            step = mine[f"{rule}_drawn"].to_numpy(float)
            found = np.linalg.solve(design.T @ design, design.T @ step)
            for name, slope_of in zip(("hops", "frames"), found, strict=False):
                rows = pick(parts[name, model], {"case": puzzle, "condition": rule})
                count += 1
                if len(rows) != 1 or not abs(rows["value"].iloc[0] - slope_of) <= 1e-6:
                    wrong.append(f"front_outcomes.parquet: {name} of {model} on {puzzle[:8]}")
    told = [rows for (name, _), rows in parts.items() if name in ("hops", "frames")]
    if count != sum(map(len, told)):
        wrong.append("front_outcomes.parquet: puzzles that tiles_runs.parquet lacks")
    return wrong, count


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--figures", type=Path, default=Path("figures"))
    parser.add_argument("--expected", type=Path, default=Path("workflow/paper/expected.yaml"))
    parser.add_argument("--seed", type=int, help="draw other random numbers than the study")
    given = parser.parse_args()
    study = Study(given.figures, given.expected, given.seed)
    wrong, loose, count = compare(study, given.figures, given.seed is not None)
    in_texts, more = compare_texts(study, given.figures)
    of_tiles, slopes = compare_order(study, given.figures)
    wrong += in_texts + compare_cases(study, given.figures) + of_tiles
    more += slopes
    for line in wrong:
        print(f"differs: {line}")
    for line in loose:
        print(f"hangs on the random numbers: {line}")
    print(
        f"{count} numbers and verdicts of claims.csv made again from the tables of single runs, "
        f"{more} more in claims.md, verdicts.json and the slopes of fronts: {len(wrong)} differ."
    )
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
