"""Claims of the paper: what is refused, what is measured, and that every test can fail."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from judged import N_STEPS, cases, judged, outcomes_of, readouts
from repository import ROOT

from chain_of_steps import cli
from chain_of_steps.artifacts import read_table
from chain_of_steps.errors import UserError
from chain_of_steps.experiments.noise.verdicts import PAPER_PEAK
from chain_of_steps.files import digest_file, read_json
from chain_of_steps.outcomes import COLUMNS as OUTCOMES
from chain_of_steps.statistics.verdicts import (
    FAILS,
    HOLDS,
    LEVEL,
    NO_ROOM,
    UNDECIDED,
    UNMEASURED,
)
from chain_of_steps.study.claims import PRIMARY, Claim, load_claims, tables_of
from chain_of_steps.study.evidence import Group, measure, room_of, select
from chain_of_steps.study.experiments import EXPERIMENTS
from chain_of_steps.study.verdicts import COLUMNS, TELLS, TELLS_NOT, holm, judge, judge_claims

EXPECTED = ROOT / "workflow/paper/expected.yaml"
CLAIMS = load_claims(EXPECTED, [row.name for row in EXPERIMENTS])
TESTABLE = [claim for claim in CLAIMS if claim.untestable is None]
OURS = Group("ours", ("ours",))
ENTRY = {
    **{"id": "a-claim", "claim": "It rises.", "where": "Section 1", "measure": "the rise"},
    "published": {"value": 2, "words": "by 2"},
    **{"experiment": "noise", "table": "noise_outcomes.csv", "rows": {"outcome": "rise"}},
    **{"test": {"above": 0}, "sesoi": 0.1, "range": [-1, 1]},
}


def entry(**changes) -> dict:
    """A valid entry with some fields changed, or left out where they are None."""
    return {name: value for name, value in {**ENTRY, **changes}.items() if value is not None}


def load(path: Path, *entries: dict) -> list[Claim]:
    path.write_text(yaml.safe_dump(list(entries)))
    return load_claims(path, known=["noise", "layers"])


@pytest.fixture
def claim(tmp_path):
    return lambda **changes: load(tmp_path / "one.yaml", entry(**changes))[0]


def table(values, *, model="ours", seeds=1, task="maze", **labels) -> pd.DataFrame:
    """Outcomes: a case for each value, the same in each seed."""
    rows = [
        {
            **dict.fromkeys(("step", "layer", "threshold"), math.nan),
            **{"model": model, "case": f"{task}/{n}", "task": task, "split": "in-domain"},
            **{"solutions": "one", "need": n, "seed": seed, "outcome": "rise", "condition": ""},
            **labels,
            "value": float(value),
        }
        for n, value in enumerate(values)
        for seed in range(seeds)
    ]
    return pd.DataFrame(rows)[list(OUTCOMES)]


def run(one: Claim, rows: pd.DataFrame, *, group=OURS, **tables):
    return judge(one, {one.table: rows, **tables}, group, N_STEPS)


# The file


def test_the_claims_of_the_file_are_declared_in_full():
    primary = [claim for claim in CLAIMS if claim.primary]
    assert 1 <= len(primary) <= PRIMARY
    assert all(claim.otherwise and not claim.same_as for claim in primary)
    for claim in TESTABLE:
        assert claim.sesoi > 0 and claim.range is not None, claim.id
    # what the main model was chosen by counts on other training seeds, and on no other endpoint
    room = [c for c in primary if c.rows.get("outcome") == "right" and c.about == "steps"]
    assert all(claim.held_out for claim in room if claim.experiment == "decision")


def test_claims_about_unknown_experiments_say_that_their_table_is_absent():
    known = {row.name for row in EXPERIMENTS}
    unknown = [claim for claim in TESTABLE if claim.experiment not in known]
    assert all(claim.absent for claim in unknown)
    for claim in unknown:
        assert judge(claim, {}, OURS, N_STEPS).verdict.word == UNMEASURED


@pytest.mark.parametrize("claim", TESTABLE, ids=lambda claim: claim.id)
def test_every_claim_can_hold_and_can_fail(claim):
    """Made-up rows of the claim's own labels, far on either side of its bound."""
    region, effect = claim.region(N_STEPS), claim.effect(N_STEPS)
    if region.is_band:
        good, bad = sum(region.edges()) / 2, region.end + 3 * effect
    elif "above" in claim.test:
        good, bad = region.start + 3 * effect, region.start - 3 * effect
    else:
        good, bad = region.end - 3 * effect, region.end + 3 * effect
    least, most = claim.limits(N_STEPS)
    rng = np.random.default_rng(0)
    found = {}
    for name, middle in (("good", good), ("bad", bad)):
        middle = min(max(middle, least), most)
        values = np.clip(middle + rng.normal(0, effect / 9, 240), least, most)
        found[name] = _verdict_on(claim, values, middle)
    assert found == {"good": HOLDS, "bad": FAILS}


def _verdict_on(claim: Claim, values, slope) -> str:
    labels = dict.fromkeys(("step", "layer", "threshold"), math.nan) | {"condition": ""}
    mine = {n: v for n, v in claim.rows.items() if n in OUTCOMES and not isinstance(v, dict)}
    mine = {n: v[0] if isinstance(v, list) else v for n, v in mine.items()}
    # a base that the other side of a difference has
    numbers = {"first": 0.0, "middle": 5.0, "last": 10.0}
    task = str(mine.pop("task", "maze"))
    mine = {n: numbers.get(v, v) if n in ("step", "layer") else v for n, v in mine.items()}
    mine = {n: math.nan if v is None and n in ("step", "layer") else v for n, v in mine.items()}
    if claim.threshold is not None:
        labels["threshold"] = claim.threshold["at"]
    rng = np.random.default_rng(1)
    if claim.trend is not None:
        values = slope * np.arange(len(values)) + rng.normal(0, 0.01, len(values))
    sides = [table(values, task=task, **{**labels, **mine})]
    if claim.against:
        other = {
            n: numbers.get(v, v) if n in ("step", "layer") else v for n, v in claim.against.items()
        }
        other = {n: math.nan if v is None else v for n, v in other.items()}
        sides.append(table(np.zeros(len(values)), task=task, **{**labels, **mine, **other}))
    rows = pd.concat(sides)
    for step in (0.0, 5.0, 10.0):  # so that first, middle and last are where they should be
        for name in ("step", "layer"):
            if name in claim.rows and claim.rows[name] in numbers and step not in set(rows[name]):
                filler = table(values[:1], task=task, **{**labels, **mine, name: step})
                rows = pd.concat([rows, filler.assign(case="another")])
    free = claim.model_copy(
        update={"about": None, "rows": {k: v for k, v in claim.rows.items() if k != "need"}}
    )
    return judge(free, {claim.table: rows}, OURS, N_STEPS).verdict.word


def test_the_published_values_are_those_that_other_places_use():
    by_id = {claim.id: claim for claim in CLAIMS}
    published = read_table(EXPECTED.with_name("published.csv")).set_index("model")["value"]
    tuned, base = published["VBVR-Wan2.2"], published["Wan2.2-I2V-A14B"]
    gain = published["VBVR-Wan2.2 + training-free ensemble"] - tuned
    assert by_id["ensemble-gains"].published["value"] == pytest.approx(gain)
    assert by_id["ensemble-gains-vbvr"].published == by_id["ensemble-gains"].published
    assert by_id["table1-scores"].published["value"] == pytest.approx(tuned - base)
    for number in (tuned, base):
        assert str(number) in by_id["table1-scores"].published["words"]
    assert str(tuned) in by_id["noise-at-step-destroys"].published["words"]
    assert str(tuned) in by_id["noise-at-step-destroys-vbvr"].published["words"]
    peak = by_id["sensitivity-peaks-in-the-middle"]
    assert tuple(peak.test["within"]) == PAPER_PEAK
    assert "20 to 30 of 50" in peak.published["words"]


def test_claims_point_to_figures_that_there_are():
    notebooks = {path.stem for path in (ROOT / "workflow/notebooks").glob("*.py")}
    assert {claim.figure for claim in TESTABLE if claim.figure} <= notebooks


# Models whose behaviour is known


def at_random(rng):
    return lambda case, model, seed: rng.integers(-1, 4, N_STEPS + 1)


def at_once(case, model, seed):
    return np.zeros(N_STEPS + 1, int)


def in_series(case, model, seed):
    """Right once as many steps are done as the need exceeds the reach of five."""
    steps = np.arange(N_STEPS + 1)
    within = case.need <= 5 or case.task == "chain_lit"
    return np.where(within | (steps >= case.need - 5), 0, 1 + seed)


def verdicts(answers, seeds=(0, 1)):
    index = cases()
    models = ("ours", "ours-again")
    looks = readouts(index, answers, models, seeds)
    return judged(CLAIMS, outcomes_of(looks, index), models)


@pytest.mark.parametrize("seed", range(3))
def test_random_answers_give_no_holds_on_any_claim_about_steps(seed):
    found = verdicts(at_random(np.random.default_rng(seed)))
    about = found[found["about"] == "steps"]["verdict"]
    assert set(about) <= {NO_ROOM, UNMEASURED, UNDECIDED}
    assert (about == NO_ROOM).sum() >= 15


def test_a_model_that_is_right_at_step_0_gives_no_holds_on_any_claim_about_steps():
    found = verdicts(at_once)
    about = found[found["about"] == "steps"]
    assert set(about["verdict"]) == {NO_ROOM, UNMEASURED}
    assert (about.loc[about["verdict"] == NO_ROOM, "could_change"] == 0).all()
    assert not found["verdict"].isin([HOLDS, FAILS])[found["primary"]].any()


def test_a_model_that_works_in_series_is_found_out():
    found = verdicts(in_series)["verdict"]
    assert found["steps-needed-beyond-the-reach"] == HOLDS
    assert found["commitment-later-for-greater-need"] == HOLDS
    assert found["no-steps-needed-within-the-reach"] == UNDECIDED  # too few cases for 0.05


# What is measured


def test_the_case_is_the_unit_and_its_runs_and_training_seeds_are_averaged(claim):
    rng = np.random.default_rng(0)
    values = rng.normal(0.3, 0.1, 12)
    few = measure(claim(), table(values), OURS, N_STEPS)
    many = measure(claim(), table(values, seeds=50), OURS, N_STEPS)
    assert (many.cases, many.runs) == (12, 600)
    assert (few.value, few.low, few.high) == pytest.approx((many.value, many.low, many.high))
    assert few.p(0.0) == many.p(0.0)
    both = pd.concat([table(values), table(values - 0.2, model="again")])
    found = measure(claim(), both, Group("ours", ("ours", "again")), N_STEPS)
    assert found.cases == 12
    assert found.value == pytest.approx(values.mean() - 0.1)
    assert found.by_model == pytest.approx({"ours": values.mean(), "again": values.mean() - 0.2})


def test_a_difference_is_that_of_runs_that_have_both_sides(claim):
    one = claim(rows={"outcome": "rise", "step": "last"}, against={"step": "first"})
    last = table([0.5, 0.9, 0.4, 0.8, 1.0], step=7.0)
    first = table([0.1, 0.2, 0.3, 0.1], step=0.0)
    found = measure(one, pd.concat([first, last]), OURS, N_STEPS)
    assert found.cases == 4
    assert found.value == pytest.approx(np.mean([0.4, 0.7, 0.1, 0.7]))


def test_rows_are_picked_by_value_list_range_place_and_emptiness(claim):
    rows = pd.concat([table([layer / 10] * 3, layer=float(layer)) for layer in range(8)])
    for wanted, layers in (
        ("first", [0]),
        ("middle", [4]),
        ("last", [7]),
        (3, [3]),
        ([1, 2], [1, 2]),
        ({"above": 4}, [5, 6, 7]),
        ({"above": 1, "below": 4}, [2, 3]),
    ):
        one = claim(rows={"outcome": "rise", "layer": wanted})
        assert sorted(select(one, rows, one.rows)["layer"].unique()) == layers
    mixed = pd.concat([rows, table([0.0])])
    one = claim(rows={"outcome": "rise", "layer": None})
    assert len(select(one, mixed, one.rows)) == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rows": {"outcome": "rise", "sort": "up"}}, ("no column sort", "outcome, condition")),
        ({"rows": {"outcome": "fall"}}, ("outcome: fall", "rise")),
        ({"rows": {"outcome": "rise"}}, ("different step", "0.0, 7.0")),
        (
            {"rows": {"outcome": "rise", "step": 0}, "range": [0.4, 1], "test": {"above": 0.5}},
            ("a value is 0.1", "range"),
        ),
    ],
)
def test_rows_that_cannot_be_taken_name_the_claim(claim, changes, said):
    rows = pd.concat([table([0.1, 0.2], step=0.0), table([0.3, 0.4], step=7.0)])
    with pytest.raises(UserError) as error:
        run(claim(**changes), rows)
    for words in ("claim a-claim: ", *said):
        assert words in str(error.value)


def test_missing_cases_are_no_measurement(claim):
    one = claim(rows={"outcome": "rise", "task": "chain"})
    assert run(one, table([0.1] * 5)).verdict.word == UNMEASURED
    rare = claim(rows={"outcome": "fall"}, absent="nothing fell")
    assert run(rare, table([0.1] * 5)).verdict.reason == "nothing fell"
    other = Group("theirs", ("theirs",))
    assert (
        judge(
            claim(), {"noise_outcomes.csv": table([0.1])}, other, N_STEPS, main=False
        ).verdict.word
        == UNMEASURED
    )


# Verdicts


def test_equal_cases_are_no_certainty_and_say_how_far_they_go(claim):
    one = claim(rows={"outcome": "rise"}, range=[-1, 1], sesoi=0.3)
    assert run(one, table([0.0] * 18)).verdict.word == FAILS  # at most 18 % of cases
    assert run(claim(sesoi=0.1), table([0.0] * 18)).verdict.word == UNDECIDED
    assert run(claim(sesoi=0.1), table([0.0] * 60)).verdict.word == FAILS


def right(start, end, model="ours", n=40):
    """Decision outcomes: shares of runs right at step 0 and in the result."""
    labels = {"outcome": "right", "condition": "accepted", "threshold": 0.6, "model": model}
    shares = [np.arange(n) < round(share * n) for share in (start, end)]
    return pd.concat(
        [table(share, step=step, **labels) for share, step in zip(shares, (0.0, 20.0), strict=True)]
    )


def test_a_claim_about_steps_needs_room(claim):
    one = claim(about="steps")
    rows = table(np.random.default_rng(0).normal(0.5, 0.1, 40))
    for start, end, word in (
        (0.3, 0.9, HOLDS),
        (1, 1, NO_ROOM),
        (0.5, 0.5, NO_ROOM),
        (0.9, 0.2, NO_ROOM),
    ):
        found = run(one, rows, **{"decision_outcomes.parquet": right(start, end)})
        assert found.verdict.word == word
        assert found.plain.word == HOLDS
        assert found.room.could_change == 40 - round(start * 40)
    assert run(one, rows).verdict.word == UNMEASURED
    assert run(claim(), rows).verdict.word == HOLDS


def test_room_is_that_of_the_cases_of_the_claim(claim):
    odd = right(1, 1)
    decision = pd.concat([right(0.2, 0.9), odd.assign(task="odd", case="odd/" + odd["case"])])
    for task, shown in (("maze", True), ("odd", False)):
        one = claim(rows={"outcome": "rise", "task": task}, absent="none")
        assert room_of(one, decision, OURS).shown == shown
    needy = room_of(
        claim(rows={"outcome": "rise", "need": {"above": 30}}, absent="x"), decision, OURS
    )
    assert needy.runs == 2 * 9


def test_a_claim_that_comes_out_alike_without_room_is_marked(claim):
    rng = np.random.default_rng(0)
    decision = pd.concat([right(0.3, 0.9), right(1, 1, model="deep")])
    groups = [OURS, Group("deep", ("deep",))]
    for level, mark in ((0.5, TELLS_NOT), (0.0, TELLS)):
        rows = pd.concat(
            [table(rng.normal(0.5, 0.1, 40)), table(rng.normal(level, 0.1, 40), model="deep")]
        )
        tables = {"noise_outcomes.csv": rows, "decision_outcomes.parquet": decision}
        found = judge_claims([claim(about="steps")], tables, groups, N_STEPS)
        found = found.set_index("model")
        assert found.loc["ours", ["verdict", "tells"]].tolist() == [HOLDS, mark]
        assert found.loc["deep", "verdict"] == NO_ROOM


def test_what_the_model_was_chosen_by_counts_on_its_other_training_seeds(claim):
    rows = pd.concat([table([0.9] * 20), table([0.0] * 20, model="again")])
    one = claim(held_out=True)
    group = Group("ours", ("ours", "again"), chosen=frozenset({"ours"}))
    assert measure(one, rows, group, N_STEPS).value == 0
    assert measure(claim(), rows, group, N_STEPS).value == pytest.approx(0.45)
    alone = run(one, rows, group=Group("ours", ("ours",), chosen=frozenset({"ours"})))
    assert alone.verdict.word == UNMEASURED
    assert measure(one, rows, Group("control", ("ours",)), N_STEPS).value == pytest.approx(0.9)


def test_holm_is_the_step_down_of_bonferroni():
    rng = np.random.default_rng(0)
    for _ in range(50):
        p = rng.random(6) ** 3
        found = holm(list(p))
        order = np.argsort(p)
        # by hand: the smallest p times 6, the next times 5, none below one before it
        expected = np.maximum.accumulate(np.minimum(p[order] * np.arange(6, 0, -1), 1))
        assert np.allclose(np.array(found)[order], expected)
    assert math.isnan(holm([math.nan, 0.02])[0]) and holm([math.nan, 0.02])[1] == 0.02


def test_primary_endpoints_are_corrected_together_and_others_are_not(tmp_path):
    rng = np.random.default_rng(5)
    values = rng.normal(0.2, 0.2, 9)
    names = [f"claim-{n}" for n in range(8)]
    for primary in (True, False):
        extra = {"primary": True, "otherwise": "it falls"} if primary else {}
        claims = load(tmp_path / "x.yaml", *(entry(id=name, **extra) for name in names))
        found = judge_claims(claims, {"noise_outcomes.csv": table(values)}, [OURS], N_STEPS)
        p = found["p"].iloc[0]
        assert p < LEVEL < 8 * p
        assert set(found["verdict"]) == ({UNDECIDED} if primary else {HOLDS})


def test_verdicts_are_told_over_thresholds_and_bounds_beside_dose_and_baseline(claim):
    rng = np.random.default_rng(0)
    high, low, none = (rng.normal(level, 0.05, 30) for level in (0.6, 0.3, 0.0))
    rows = pd.concat(
        [
            table(high, threshold=0.6),
            table(low, threshold=0.7),
            table(none, threshold=0.6, condition="control"),
            table([9.0] * 30, outcome="dose", threshold=0.6),
        ]
    )
    one = claim(
        rows={"outcome": "rise", "condition": ""},
        threshold={"name": "ACCEPT", "at": 0.6, "over": [0.7]},
        test={"above": 0.4},
        bounds=[0.2, 0.8],
        dose={"words": "how much", "rows": {"outcome": "dose"}},
        baseline={"words": "nothing done", "rows": {"condition": "control"}},
    )
    (row,) = judge_claims([one], {one.table: rows}, [OURS], N_STEPS).to_dict("records")
    assert row["verdict"] == HOLDS
    assert row["sweep"] == "ACCEPT 0.7: does not hold; bound 0.2: holds; bound 0.8: does not hold"
    assert row["dose"] == 9
    assert row["baseline"] == pytest.approx(none.mean())


def test_the_other_side_of_a_difference_stands_beside_it(claim):
    one = claim(rows={"outcome": "rise", "step": 0}, against={"step": 7})
    rows = pd.concat([table([0.6, 0.8, 0.7], step=0.0), table([0.2, 0.3, 0.1], step=7.0)])
    (row,) = judge_claims([one], {one.table: rows}, [OURS], N_STEPS).to_dict("records")
    assert row["ours"] == pytest.approx(0.5)
    assert (row["baseline_words"], row["baseline"]) == ("other side", pytest.approx(0.2))


def test_shares_of_the_steps_become_steps(claim):
    one = claim(test={"within": [0.4, 0.6]}, range=[0, 1], scale="steps", sesoi=0.05)
    values = np.random.default_rng(0).normal(25, 1, 20)
    for n_steps, word in ((50, HOLDS), (100, FAILS)):
        found = judge(one, {one.table: table(values)}, OURS, n_steps)
        assert found.verdict.word == word
    assert one.criterion(100) == "from 40 to 60"


# What a file of claims may hold


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"where": None}, ("where is missing",)),
        ({"tabel": "x.csv"}, ("tabel", "did you mean table?")),
        ({"table": "noise.csv"}, ("table is 'noise.csv'",)),
        ({"table": None}, ("table is missing", "untestable")),
        ({"measure": None}, ("measure is missing",)),
        ({"range": None}, ("range is missing",)),
        ({"sesoi": None}, ("sesoi is missing",)),
        ({"sesoi": 0}, ("sesoi is 0", "above 0")),
        ({"untestable": "too hard"}, ("untestable", "experiment")),
        ({"experiment": "nose"}, ("'nose'", "noise")),
        ({"about": "frames"}, ("about is 'frames'", "steps")),
        ({"test": {}}, ("test is",)),
        ({"test": {"abvoe": 1}}, ("test.abvoe", "did you mean above?")),
        ({"test": {"above": 0, "below": 1}}, ("test is",)),
        ({"test": {"above": "0"}}, ("test.above is '0'",)),
        ({"test": {"within": [1]}}, ("test.within",)),
        ({"rows": {"kind": {"over": 1}}}, ("rows.kind",)),
        (
            {"rows": {"threshold": 1}, "threshold": {"name": "A", "at": 1, "over": []}},
            ("threshold",),
        ),
        ({"published": {"value": 1}}, ("published.words is missing",)),
        ({"primary": True}, ("primary", "otherwise")),
        ({"same_as": "nobody"}, ("same_as is 'nobody'",)),
        # tests that could only come out one way
        ({"range": [0, 1]}, ("above 0", "either way")),
        ({"range": [0, None]}, ("above 0", "either way")),
        ({"range": [-1, 0.05]}, ("either way", "smallest effect of interest 0.1")),
        ({"test": {"below": 1}, "range": [0, 1]}, ("below 1", "either way")),
        ({"test": {"within": [0, 1]}, "range": [0, 1]}, ("either way",)),
        ({"test": {"within": [0, 0.95]}, "range": [0, 1]}, ("either way",)),
        ({"test": {"within": [1, 2]}, "range": [0, 1]}, ("either way",)),
        ({"test": {"within": [3, 2]}}, ("either way",)),
        ({"bounds": [1]}, ("beyond 1", "either way")),
    ],
)
def test_a_bad_entry_is_refused_by_name(tmp_path, changes, said):
    path = tmp_path / "expected.yaml"
    with pytest.raises(UserError) as error:
        load(path, entry(id="fine"), entry(**changes))
    for words in (f"{path}: claim a-claim: ", *said):
        assert words in str(error.value)


def test_a_file_that_is_no_list_of_claims_is_refused(tmp_path):
    path = tmp_path / "expected.yaml"
    assert len(load(path, entry())) == 1
    with pytest.raises(UserError, match="claim a-claim: there is one of this name"):
        load(path, entry(), entry())
    with pytest.raises(UserError, match="claim 1: "):
        load(path, "It rises.")
    for text, said in (("", "no claims"), ("a: 1", "no claims"), ("- [", "not valid YAML")):
        path.write_text(text)
        with pytest.raises(UserError, match=said):
            load_claims(path)
    with pytest.raises(UserError, match="does not exist: write the path of a file of claims"):
        load_claims(tmp_path / "none.yaml")


def test_more_primary_endpoints_than_eight_are_refused(tmp_path):
    path = tmp_path / "many.yaml"
    some = [entry(id=f"c{n}", primary=True, otherwise="it falls") for n in range(PRIMARY + 1)]
    assert len(load(path, *some[:-1])) == PRIMARY
    with pytest.raises(UserError, match=f"claim c{PRIMARY}: it is one primary endpoint too many"):
        load(path, *some)


def test_the_tables_of_claims_are_those_of_the_experiments_and_of_room(tmp_path):
    claims = load(tmp_path / "x.yaml", entry(), entry(id="b", experiment="layers"))
    assert tables_of(claims, ["noise"]) == ["noise_outcomes.csv"]
    both = tables_of(claims, ["noise", "decision"])
    assert both == ["decision_outcomes.parquet", "noise_outcomes.csv"]
    assert tables_of(claims, ["videos"]) == []


# The command


@pytest.fixture
def study(tmp_path, monkeypatch) -> Path:
    """A study of noise alone, with one table and claims on two experiments."""
    config = {"study": "a", "models": {"ours": {"path": "none"}}, "cases": {"tasks": ["maze"]}}
    config["models"]["again"] = {"path": "none", "repeats": "ours"}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({**config, "experiments": ["noise"]}))
    elsewhere = entry(id="elsewhere", experiment="layers", table="layer_outcomes.csv")
    primary = {"primary": True, "otherwise": "it falls", "absent": "no layers"}
    hard = {name: ENTRY[name] for name in ("claim", "where", "published")}
    hard |= {"id": "hard", "untestable": "it needs | pipes"}
    declared = {**elsewhere, **primary, "id": "declared"}
    load(tmp_path / "expected.yaml", entry(figure="figure9"), elsewhere, hard, declared)
    (tmp_path / "figures/tables").mkdir(parents=True)
    rng = np.random.default_rng(0)
    rows = [table(rng.normal(0.5, 0.1, 12), model=model) for model in ("ours", "again")]
    pd.concat(rows).to_csv(tmp_path / "figures/tables/noise_outcomes.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


CLAIMS_OF = ("claims", "--expected", "expected.yaml", "--tables", "figures/tables")


def test_the_command_writes_table_page_and_facts(study):
    assert cli.main([*CLAIMS_OF, "--out", "figures/claims.csv"]) == 0
    found = read_table("figures/claims.csv")
    assert list(found.columns) == list(COLUMNS)
    found = found.set_index("id")
    # one is no part of the study; a primary endpoint says so
    assert list(found.index) == ["a-claim", "hard", "declared"]
    assert found.loc["declared", ["verdict", "reason"]].tolist() == [UNMEASURED, "no layers"]
    row = found.loc["a-claim"]
    assert row[["published", "verdict", "model", "cases", "n"]].tolist() == [
        2,
        HOLDS,
        "ours",
        12,
        24,
    ]
    assert row["training_seeds"] == 2 and row["by_training_seed"].startswith("again 0.")
    page = Path("figures/claims.md").read_text()
    lines = page.splitlines()
    assert [line[:3] for line in lines[2:7]] == ["1. ", "2. ", "3. ", "4. ", "5. "]
    text = " ".join(page.split())
    assert "Of 3 claims in all: holds 1, cannot be measured here 2." in text
    assert "Not part of this study: elsewhere." in text
    assert "[figure9](figure9.md)" in text
    sizes = {"Primary endpoints": 3, "Descriptive": 4, "What the verdicts on ours hang on": 5}
    for title, size in sizes.items():
        block = page[page.index(f"## {title}") :].split("\n\n")[1].splitlines()
        assert len(block) == size
        assert len({line.replace("\\|", "").count("|") for line in block}) == 1
    facts = read_json("figures/claims.json")
    assert facts["inputs"] == ["tables/noise_outcomes.csv"]
    assert facts["facts"] == {"expected": "expected.yaml", "not part of this study": ["elsewhere"]}
    assert facts["caption"] in text


def test_the_manifest_says_what_the_claims_were_made_from(study):
    out = ("--out", "figures/manifest.json", "--notebooks", ".")
    assert cli.main([*CLAIMS_OF, "--out", "figures/claims.csv"]) == 0
    Path("figures/s9.json").write_text('{"inputs": []}')
    Path("s9.py").write_text("")
    assert cli.main(["manifest", *out, "--claims", "figures/claims.json", "figures/s9.json"]) == 0
    found = read_json("figures/manifest.json")["claims"]
    assert found == {
        "expected": "expected.yaml",
        "expected_sha256": digest_file("expected.yaml"),
        "inputs": {"tables/noise_outcomes.csv": digest_file("figures/tables/noise_outcomes.csv")},
    }


def test_a_claim_that_cannot_be_judged_leaves_nothing(study, capfd):
    load(study / "expected.yaml", entry(rows={"outcome": "sideways"}))
    assert cli.main([*CLAIMS_OF, "--out", "figures/claims.csv"]) == 1
    assert "cos claims: claim a-claim: noise_outcomes.csv has no row" in capfd.readouterr().err
    assert [path.name for path in (study / "figures").iterdir()] == ["tables"]


def test_a_model_repeats_one_that_there_is(study, capfd):
    config = yaml.safe_load(Path("config.yaml").read_text())
    config["models"]["again"]["repeats"] = "nobody"
    Path("config.yaml").write_text(yaml.safe_dump(config))
    assert cli.main([*CLAIMS_OF, "--out", "figures/claims.csv"]) == 1
    assert "models.again.repeats is 'nobody': write one of ours" in capfd.readouterr().err
