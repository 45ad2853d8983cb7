"""The verdict on every claim for every model of a study, and the page that shows them.

A claim about steps is judged only where later steps certainly put some runs right; else there is no
room. Primary endpoints are tested together (Holm). A claim that comes out alike, room apart, on the
main model and on one without room does not tell the two apart: it is no test, and is marked so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from chain_of_steps.statistics.resampling import STANDARD, Resampling
from chain_of_steps.statistics.text import interval_text, p_cell
from chain_of_steps.statistics.verdicts import (
    FAILS,
    HOLDS,
    LEVEL,
    NO_ROOM,
    UNDECIDED,
    UNMEASURED,
    VERDICTS,
    Verdict,
    decide,
)
from chain_of_steps.study.claims import PAPER, ROOM, Claim
from chain_of_steps.study.evidence import Group, Measured, Room, measure, room_of

COLUMNS = (
    *("id", "claim", "where", "figure", "about", "primary", "same_as", "published"),
    *("published_words", "measure", "test", "sesoi", "model", "parameters", "training_seeds"),
    *("by_training_seed", "ours", "ci_low", "ci_high", "n", "cases", "p", "p_holm", "detectable"),
    *("room", "room_low", "room_high", "could_change", "could_change_of", "dose", "dose_words"),
    *("baseline", "baseline_low", "baseline_high", "baseline_words", "sweep", "ungated"),
    *("tells", "verdict", "reason"),
)
_NUMBERS = (
    *("published", "sesoi", "ours", "ci_low", "ci_high", "p", "p_holm", "detectable"),
    *("room", "room_low", "room_high", "dose", "baseline", "baseline_low", "baseline_high"),
)
_COUNTS = ("parameters", "training_seeds", "n", "cases", "could_change", "could_change_of")
TELLS, TELLS_NOT, NO_CONTROL = "yes", "no: it comes out alike without room", "no control"
NOT_RUN = "not run on this model"


@dataclass(frozen=True)
class Judged:
    """What is known of a claim on one model. plain: the verdict by the number alone."""

    claim: Claim
    group: Group
    found: Measured | None
    room: Room | None
    plain: Verdict
    verdict: Verdict


def judge(
    claim: Claim,
    tables: Mapping[str, pd.DataFrame],
    group: Group,
    n_steps: int,
    *,
    main: bool = True,
    resampling: Resampling = STANDARD,
) -> Judged:
    """One claim on one model. tables: of outcomes, by file name; n_steps: of the sampler.

    main: whether it is the main model, whose rows are missed where `absent` does not say why.
    Raises UserError naming the claim for rows that cannot be taken.
    """
    table = None if claim.table is None else tables.get(claim.table)
    if claim.untestable is not None:
        return _unmeasured(claim, group, claim.untestable)
    if not group.counted(claim):
        return _unmeasured(claim, group, "no other training seed of this model was run")
    if table is None:
        return _unmeasured(claim, group, claim.absent or "its table is no part of this study")
    if not main and not table["model"].isin(group.models).any():
        return _unmeasured(claim, group, NOT_RUN)
    found = measure(claim, table, group, n_steps, resampling=resampling)
    room = room_of(claim, tables.get(ROOM), group, resampling)
    if found is None:
        return _unmeasured(claim, group, claim.absent or "no such runs", room)
    plain = decide(found.finding, claim.region(n_steps), claim.effect(n_steps))
    return Judged(claim, group, found, room, plain, gated(claim, plain, room))


def gated(claim: Claim, plain: Verdict, room: Room | None) -> Verdict:
    """The verdict, but `no room` on a claim about steps where no room is shown."""
    if claim.about != "steps" or plain.word == UNMEASURED:
        return plain
    if room is None:
        return Verdict(UNMEASURED, "whether its runs have room is not known")
    return plain if room.shown else Verdict(NO_ROOM, str(room))


def _unmeasured(claim: Claim, group: Group, why: str, room: Room | None = None) -> Judged:
    verdict = Verdict(UNMEASURED, why)
    return Judged(claim, group, None, room, verdict, verdict)


def holm(p: Sequence[float]) -> list[float]:
    """Adjusted p (Holm 1979); nan stays and does not count."""
    order = sorted((n for n, value in enumerate(p) if not math.isnan(value)), key=lambda n: p[n])
    found, largest = [math.nan] * len(p), 0.0
    for rank, n in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p[n]))
        found[n] = largest
    return found


def judge_claims(
    claims: Sequence[Claim],
    tables: Mapping[str, pd.DataFrame],
    groups: Sequence[Group],
    n_steps: int,
    *,
    resampling: Resampling = STANDARD,
) -> pd.DataFrame:
    """One row a claim and model, COLUMNS; groups: the main model first."""
    rows = []
    judged = {
        group.name: [
            judge(claim, tables, group, n_steps, main=not n, resampling=resampling)
            for claim in claims
        ]
        for n, group in enumerate(groups)
    }
    for group in groups:
        mine = judged[group.name]
        primary = [number for number, one in enumerate(mine) if one.claim.primary]
        adjusted = dict(zip(primary, holm([_p(mine[n], n_steps) for n in primary]), strict=True))
        for number, one in enumerate(mine):
            others = [judged[other.name][number] for other in groups if other is not group]
            verdict = _corrected(one.verdict, adjusted.get(number, math.nan))
            table = tables.get(one.claim.table or "")
            rows.append(
                _facts(one.claim, n_steps)
                | _numbers(one, n_steps)
                | _beside(one, table, n_steps, resampling)
                | {
                    "p_holm": adjusted.get(number, math.nan),
                    "tells": tells(one, others),
                    "verdict": verdict.word,
                    "reason": verdict.reason,
                }
            )
    table = pd.DataFrame(rows).reindex(columns=list(COLUMNS))
    order = {claim.id: n for n, claim in enumerate(claims)}
    table = table.sort_values("id", key=lambda ids: ids.map(order), kind="stable")
    types = {**dict.fromkeys(_NUMBERS, float), **dict.fromkeys(_COUNTS, "Int64")}
    return table.reset_index(drop=True).astype(types)


def _p(one: Judged, n_steps: int) -> float:
    """The p that a verdict rests on, or that of the number being at the bound."""
    if one.found is None or one.verdict.word in (NO_ROOM, UNMEASURED):
        return math.nan
    if not math.isnan(one.plain.p):
        return one.plain.p
    found = [one.found.p(edge) for edge in one.claim.region(n_steps).edges()]
    return max(found)


def _corrected(verdict: Verdict, p: float) -> Verdict:
    if verdict.word in (HOLDS, FAILS) and p >= LEVEL:
        reason = f"{verdict.reason}, but p = {p:.3f} among the primary endpoints (Holm)"
        return Verdict(UNDECIDED, reason, p)
    return verdict


def tells(one: Judged, others: Sequence[Judged]) -> str:
    """Whether a claim comes out otherwise on a model without room, room apart."""
    if one.found is None or one.room is None or not one.room.shown:
        return ""
    controls = [
        other
        for other in others
        if other.found is not None and other.room is not None and not other.room.shown
    ]
    if not controls:
        return NO_CONTROL
    return TELLS_NOT if any(o.plain.word == one.plain.word for o in controls) else TELLS


def _facts(claim: Claim, n_steps: int) -> dict[str, Any]:
    names = ("id", "claim", "where", "figure", "about", "primary", "same_as", "measure")
    facts = {name: getattr(claim, name) for name in names}
    facts |= {"published": claim.published["value"], "published_words": claim.published["words"]}
    if not claim.untestable:
        facts |= {"test": claim.criterion(n_steps), "sesoi": claim.effect(n_steps)}
    return facts


def _numbers(one: Judged, n_steps: int) -> dict[str, Any]:
    group, found, room = one.group, one.found, one.room
    facts: dict[str, Any] = {
        "model": group.name,
        "parameters": group.parameters,
        "training_seeds": len(group.models),
        "ungated": one.plain.word,
    }
    if found is not None:
        facts |= {"ours": found.value, "ci_low": found.low, "ci_high": found.high}
        facts |= {"n": found.runs, "cases": found.cases, "detectable": found.detectable}
        facts |= {"p": _p(one, n_steps), "training_seeds": len(found.by_model)}
        seeds = (f"{name} {value:.3g}" for name, value in found.by_model.items())
        facts["by_training_seed"] = ", ".join(seeds)
    if room is not None:
        facts |= {"room": room.measured.value, "room_low": room.measured.low}
        facts |= {"room_high": room.measured.high, "could_change": room.could_change}
        facts |= {"could_change_of": room.runs}
    return facts


def _beside(
    one: Judged, table: pd.DataFrame | None, n_steps: int, resampling: Resampling
) -> dict[str, Any]:
    """Dose, baseline, and the verdict over other thresholds and bounds."""
    claim, facts = one.claim, {}
    if one.found is None or table is None:
        return {}
    options = {"resampling": resampling}
    if claim.dose is not None:
        free = claim.model_copy(update={"against": {}})
        changed, wide = claim.dose["rows"], (-math.inf, math.inf)
        dose = measure(free, table, one.group, n_steps, changed=changed, limits=wide, **options)
        facts |= {"dose_words": claim.dose["words"]}
        facts |= {} if dose is None else {"dose": dose.value}
    if claim.baseline is not None:
        changed = claim.baseline["rows"]
        base = measure(claim, table, one.group, n_steps, changed=changed, **options)
        facts |= {"baseline_words": claim.baseline["words"]}
        if base is not None:
            facts |= {"baseline": base.value, "baseline_low": base.low, "baseline_high": base.high}
    elif claim.against and claim.trend is None:
        free = claim.model_copy(update={"against": {}})
        changed, wide = claim.against, (-math.inf, math.inf)
        base = measure(free, table, one.group, n_steps, changed=changed, limits=wide, **options)
        facts["baseline_words"] = "other side"
        if base is not None:
            facts |= {"baseline": base.value, "baseline_low": base.low, "baseline_high": base.high}
    words = []
    region, effect = claim.region(n_steps), claim.effect(n_steps)
    if claim.threshold is not None:
        for value in claim.threshold["over"]:
            again = measure(claim, table, one.group, n_steps, threshold=value, **options)
            plain = None if again is None else decide(again.finding, region, effect)
            word = UNMEASURED if plain is None else gated(claim, plain, one.room).word
            words.append(f"{claim.threshold['name']} {value:g}: {word}")
    for bound in claim.bounds:
        plain = decide(one.found.finding, claim.region(n_steps, bound), effect)
        word = gated(claim, plain, one.room).word
        words.append(f"bound {bound * claim.unit(n_steps):g}: {word}")
    return facts | {"sweep": "; ".join(words)}


# The page


def counted(table: pd.DataFrame) -> dict[str, int]:
    """Verdict -> how many claims of one model have it; claims that are one number count once."""
    counts = table.loc[table["same_as"].isna(), "verdict"].value_counts()
    return {word: int(counts.get(word, 0)) for word in VERDICTS}


def summary(table: pd.DataFrame, left_out: Sequence[str]) -> str:
    """What came out, in one paragraph."""
    models = list(dict.fromkeys(table["model"]))
    main = table[table["model"] == models[0]]
    once = int(main["same_as"].isna().sum())
    parts = [
        f"Claims of arXiv {PAPER} against the {models[0]} model (its own results; published "
        "values are the paper's, on its own models and puzzles)."
    ]
    for name, some in (("primary endpoints", main[main["primary"]]), ("claims in all", main)):
        if len(some):
            words = ", ".join(f"{word} {n}" for word, n in counted(some).items() if n)
            parts.append(f"Of {int(some['same_as'].isna().sum())} {name}: {words}.")
    if once < len(main):
        parts.append(f"{len(main) - once} more read the same number as another and do not count.")
    unlike = int((main["tells"] == TELLS_NOT).sum())
    if unlike:
        parts.append(f"{unlike} come out alike on a model without room, and are no tests.")
    if left_out:
        parts.append(f"Not part of this study: {', '.join(left_out)}.")
    return " ".join(parts)


READING = (
    "**holds**: the whole 95 % interval lies where the test says, and the estimate at least the "
    "smallest effect of interest beyond the bound. **does not hold**: the whole of it lies short "
    "of that effect. **undecided**: neither; the column *detectable* says what these cases show "
    "in four of five studies.",
    "**no room**: the claim is about steps, and later steps are not shown to put any run of this "
    "model right. **cannot be measured here**: there is no such measurement.",
    "The unit is the case: its runs are averaged, and cases are drawn within their task. Every "
    "verdict needs p < 0.05, too; those of primary endpoints, declared before the run, are "
    "corrected together (Holm). All other claims are descriptive.",
    "Each column is a model. A claim marked † comes out alike on one without room: it is no test "
    "of what steps do. One marked = reads the same number as another and does not count.",
    "The last table has what each verdict of the first model hangs on: cases, room, dose, the "
    "same quantity where there is no effect, and the verdict under other thresholds.",
)


def page(table: pd.DataFrame, text: str) -> str:
    """The tables as Markdown, under how to read them and a paragraph."""
    models = list(dict.fromkeys(table["model"]))
    lines = ["# The paper against ours", "", *(f"{n}. {line}" for n, line in enumerate(READING, 1))]
    lines += ["", text, "", *_models(table), ""]
    for title, some in (
        ("Primary endpoints", table[table["primary"]]),
        ("Descriptive", table[~table["primary"].astype(bool)]),
    ):
        if len(some):
            lines += [f"## {title}", "", *matrix(some, models), ""]
    main = table[table["model"] == models[0]]
    lines += [f"## What the verdicts on {models[0]} hang on", "", *_details(main), ""]
    return "\n".join(lines)


def _models(table: pd.DataFrame) -> list[str]:
    """Scale of each model, and its room on the widest set of cases that a claim is about."""
    rows = []
    for name, mine in table.groupby("model", sort=False):
        count = mine["parameters"].iloc[0]
        size = "" if pd.isna(count) else f"{count / 1e6:.2f} million"
        known = mine.dropna(subset="room").sort_values("could_change_of", kind="stable")
        room = _room(next(known.iloc[::-1].itertuples())) if len(known) else ""
        rows.append([str(name), size, str(mine["training_seeds"].max()), room])
    return _markdown(["model", "parameters", "training seeds", "room (could change)"], rows)


def _room(row: Any) -> str:
    ends = interval_text(row.room_low, row.room_high, ".2g")
    return f"{row.room:.2g} [{ends}] ({row.could_change} of {row.could_change_of} runs)"


def matrix(table: pd.DataFrame, models: Sequence[str], *, narrow: bool = False) -> list[str]:
    """A claim a row, a model a column, as lines of Markdown.

    narrow: what was measured and its test stand below the claim, and nothing published.
    """
    rows = []
    for _, mine in table.groupby("id", sort=False):
        by_model = {row.model: row for row in mine.itertuples()}
        first = by_model[models[0]]
        same = f" = {first.same_as}" if isinstance(first.same_as, str) else ""
        mark = " †" if first.tells == TELLS_NOT else ""
        shown = f"[{first.figure}]({first.figure}.md)" if isinstance(first.figure, str) else ""
        measured = ", ".join(part for part in (cell(first.measure), shown) if part)
        claim = f"{cell(first.claim)} ({cell(first.where)}){mark}{same}"
        test = "" if math.isnan(first.sesoi) else f"{first.test}, by {first.sesoi:.3g}"
        verdicts = [verdict_cell(by_model[model]) for model in models]
        if narrow:
            rows.append([f"{claim}<br><sub>{measured}; wanted: {test}</sub>", *verdicts])
        else:
            rows.append([claim, cell(first.published_words), measured, test, *verdicts])
    head = ["claim"] if narrow else ["claim", "published", "measured here", "test"]
    return _markdown([*head, *models], rows)


def verdict_cell(row: Any) -> str:
    """A verdict with its number."""
    if math.isnan(row.ours):
        return f"**{row.verdict}**"
    return f"**{row.verdict}** {row.ours:.3g} [{interval_text(row.ci_low, row.ci_high, '.3g')}]"


def _details(table: pd.DataFrame) -> list[str]:
    head = ["claim", "cases (runs)", "p", "detectable", "by training seed", "room (could change)"]
    head += ["dose", "the same elsewhere", "other thresholds", "why"]
    rows = []
    for row in table.itertuples():
        p = "" if math.isnan(row.p) else p_cell(row.p)
        p += "" if math.isnan(row.p_holm) else f" (Holm {p_cell(row.p_holm)})"
        room = "" if math.isnan(row.room) else _room(row)
        base = ""
        if not math.isnan(row.baseline):
            ends = interval_text(row.baseline_low, row.baseline_high, ".3g")
            base = f"{cell(row.baseline_words)}: {row.baseline:.3g} [{ends}]"
        rows.append(
            [
                f"`{row.id}`",
                "" if math.isnan(row.ours) else f"{row.cases} ({row.n})",
                p,
                "" if math.isnan(row.detectable) else f"{row.detectable:.2g}",
                cell(row.by_training_seed),
                room,
                "" if math.isnan(row.dose) else f"{cell(row.dose_words)}: {row.dose:.3g}",
                base,
                cell(row.sweep),
                cell(row.reason),
            ]
        )
    return _markdown(head, rows)


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(cells) + " |" for cells in lines]


def cell(value: Any) -> str:
    """Text of a cell; nothing for what is missing."""
    return "" if value is None or pd.isna(value) else str(value).replace("|", "\\|")
