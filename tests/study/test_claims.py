"""Claims of the paper: what is refused, what a verdict means, and that every test can fail."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from repository import ROOT

from chain_of_steps import cli
from chain_of_steps.artifacts import read_table
from chain_of_steps.errors import UserError
from chain_of_steps.experiments.noise.verdicts import PAPER_PEAK
from chain_of_steps.files import digest_file, read_json
from chain_of_steps.study.claims import (
    COLUMNS,
    FAILS,
    HOLDS,
    UNTESTED,
    Claim,
    find,
    judge,
    judge_claims,
    load_claims,
)

EXPECTED = ROOT / "workflow/paper/expected.yaml"
CLAIMS = load_claims(EXPECTED)
TESTABLE = [claim for claim in CLAIMS if claim.untestable is None]
N_STEPS = 50
ENTRY = {
    **{"id": "a-claim", "claim": "It rises.", "where": "Section 1", "measure": "the rise"},
    "published": {"value": 2, "words": "by 2"},
    **{"experiment": "noise", "table": "rises.csv", "rows": {"kind": "up"}, "test": {"above": 0}},
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


def table(*rows: dict) -> pd.DataFrame:
    return pd.DataFrame([{"model": "ours", "kind": "up", "n": 9, **row} for row in rows])


# Every claim of the file can come out either way


def intervals(claim: Claim) -> dict[str, tuple[float, float, float]]:
    """A value with an interval where the test wants it, where it does not, and in between."""
    least, most = claim.range
    (name, bound), scale = next(iter(claim.test.items())), N_STEPS if claim.scale else 1
    if name == "within":
        start, end = bound
        least = start - 1 if least is None else least
        spans = {"inside": (start, end), "outside": (least, start), "between": (least, end)}
    else:
        below = (bound - 1 if least is None else least, bound)
        above = (bound, bound + 1 if most is None else most)
        good, bad = (above, below) if name == "above" else (below, above)
        spans = {"inside": good, "outside": bad, "between": (below[0], above[1])}
    return {
        where: tuple(scale * (low + share * (high - low)) for share in (0.5, 0.05, 0.95))
        for where, (low, high) in spans.items()
    }


def made_up(claim: Claim, value: float, low: float, high: float, p: float = 0.001) -> pd.DataFrame:
    """A table in which the claim's row is to be found among others that differ in one column."""
    numbers = {"value": value, "low": low, "high": high, "p": p, "n": 20}
    numbers = {column: numbers[name] for name, column in claim.columns.items()}
    values = {"first": (0, 3, 7), "middle": (3, 0, 7), "last": (7, 0, 3)}
    placed = {
        column: values[wanted]
        for column, wanted in claim.rows.items()
        if column in ("step", "layer") and wanted in values
    }
    row = {"model": "ours", **claim.rows, **{name: own for name, (own, *_) in placed.items()}}
    others = {
        column: [1.0 if wanted is None else -1 if wanted == 0 else f"not {wanted}"]
        for column, wanted in {"model": "ours", **claim.rows}.items()
    }
    others |= {name: rest for name, (_, *rest) in placed.items()}
    lines = [{**row, **numbers}]
    for column, wrong in others.items():
        lines += [{**row, **dict.fromkeys(numbers, -7e9), column: other} for other in wrong]
    return pd.DataFrame(lines).sample(frac=1, random_state=3, ignore_index=True)


@pytest.mark.parametrize("claim", TESTABLE, ids=lambda claim: claim.id)
def test_every_claim_turns_with_its_table(claim):
    places = intervals(claim)
    for where, wanted in (("inside", HOLDS), ("outside", FAILS), ("between", UNTESTED)):
        tables = {claim.table: made_up(claim, *places[where])}
        (row,) = judge_claims([claim], tables, "ours", N_STEPS).to_dict("records")
        assert row["verdict"] == wanted, row["reason"]
        assert (row["ours"], row["ci_low"], row["ci_high"]) == pytest.approx(places[where])
        assert row["n"] == 20
        assert row["model"] == "ours"
    for where in ("inside", "outside"):
        value, low, high = places[where]
        blind = find(claim, made_up(claim, value, math.nan, math.nan), "ours")
        assert judge(claim, blind, N_STEPS)[0] == UNTESTED
        if "p" in claim.columns:
            doubtful = find(claim, made_up(claim, value, low, high, p=0.06), "ours")
            verdict, reason = judge(claim, doubtful, N_STEPS)
            assert (verdict, "p = 0.06" in reason) == (UNTESTED, True)


def test_the_published_values_are_those_that_other_places_use():
    by_id = {claim.id: claim for claim in CLAIMS}
    published = read_table(EXPECTED.with_name("published.csv")).set_index("model")["value"]
    tuned, base = published["VBVR-Wan2.2"], published["Wan2.2-I2V-A14B"]
    gain = published["VBVR-Wan2.2 + training-free ensemble"] - tuned
    assert by_id["ensemble-gains"].published["value"] == pytest.approx(gain)
    assert by_id["table1-scores"].published["value"] == tuned
    for number in (tuned, base):
        assert str(number) in by_id["table1-scores"].published["words"]
    assert str(tuned) in by_id["noise-at-step-destroys"].published["words"]
    peak = by_id["sensitivity-peaks-in-the-middle"]
    assert tuple(peak.test["within"]) == PAPER_PEAK
    assert "20 to 30 of 50" in peak.published["words"]


def test_claims_point_to_figures_that_there_are():
    notebooks = {path.stem for path in (ROOT / "workflow/notebooks").glob("*.py")}
    assert {claim.figure for claim in TESTABLE} <= notebooks


# What a verdict means


@pytest.mark.parametrize(
    ("test", "low", "high", "verdict"),
    [
        ({"above": 1}, 1.1, 2, HOLDS),
        ({"above": 1}, 1, 2, UNTESTED),
        ({"above": 1}, 0.9, 2, UNTESTED),
        ({"above": 1}, 0.9, 1, UNTESTED),
        ({"above": 1}, 0.5, 0.9, FAILS),
        ({"below": 1}, 0, 0.9, HOLDS),
        ({"below": 1}, 0, 1, UNTESTED),
        ({"below": 1}, 1, 2, UNTESTED),
        ({"below": 1}, 1.1, 2, FAILS),
        ({"within": [1, 2]}, 1, 2, HOLDS),
        ({"within": [1, 2]}, 0.9, 2, UNTESTED),
        ({"within": [1, 2]}, 2, 2.1, UNTESTED),
        ({"within": [1, 2]}, 0, 3, UNTESTED),
        ({"within": [1, 2]}, 2.1, 3, FAILS),
        ({"within": [1, 2]}, 0, 0.9, FAILS),
        ({"within": [1, 2]}, math.nan, math.nan, UNTESTED),
    ],
)
def test_the_whole_interval_decides(claim, test, low, high, verdict):
    one = claim(test=test)
    found = find(one, table({"mean": 1.5, "low": low, "high": high}), "ours")
    assert judge(one, found, N_STEPS)[0] == verdict


def test_shares_of_the_steps_become_steps(claim):
    one = claim(test={"within": [0.4, 0.6]}, range=[0, 1], scale="steps")
    rows = table({"mean": 25, "low": 20, "high": 30})
    for n_steps, verdict in ((50, HOLDS), (100, FAILS), (60, UNTESTED)):
        assert judge(one, find(one, rows, "ours"), n_steps)[0] == verdict
    (row,) = judge_claims([one], {"rises.csv": rows}, "ours", 100).to_dict("records")
    assert row["test"] == "from 40 to 60"


def test_an_interval_without_width_says_so_and_needs_its_p(claim):
    one = claim(columns={"p": "p"})

    def judged(mean, low, high, p):
        row = table({"mean": mean, "low": low, "high": high, "p": p})
        return judge(one, find(one, row, "ours"), N_STEPS)

    verdict, reason = judged(-1, -1, -1, 0.001)
    assert verdict == FAILS
    assert "(no spread: every resample gives the same)" in reason
    for side in (1, -1):  # two cases that agree are no evidence
        verdict, reason = judged(side, side, side, 0.5)
        assert (verdict, "(p = 0.500)" in reason) == (UNTESTED, True)
    verdict, reason = judged(-1, -2, -0.5, 0.04)
    assert verdict == FAILS
    assert "no spread" not in reason


def test_an_interval_that_ends_at_the_bound_decides_nothing_and_says_so(claim):
    for test, (low, high) in (({"above": 1}, (0, 1)), ({"below": 1}, (1, 2))):
        one = claim(test=test)
        verdict, reason = judge(
            one, find(one, table({"mean": 1, "low": low, "high": high}), "ours"), N_STEPS
        )
        assert (verdict, reason.startswith("undecided: no part")) == (UNTESTED, True)
        assert "ends at the bound" in reason
    equal = find(one, table({"mean": 1, "low": 1, "high": 1}), "ours")
    verdict, reason = judge(one, equal, N_STEPS)
    assert verdict == UNTESTED
    assert "ends at the bound (no spread" in reason


def test_what_is_untestable_or_absent_says_why(claim):
    nothing = dict.fromkeys(("experiment", "measure", "table", "rows", "test"))
    hard = claim(**nothing, untestable="no such model")
    assert judge(hard, None, N_STEPS) == (UNTESTED, "no such model")
    rows = table({"mean": 1, "low": 0.5, "high": 2})
    rare = claim(rows={"kind": "down"}, absent="nothing fell")
    assert find(rare, rows, "ours") is None
    assert judge(rare, None, N_STEPS) == (UNTESTED, "no measurement: nothing fell")
    both = judge_claims([hard, rare], {"rises.csv": rows}, "ours", N_STEPS)
    assert list(both.columns) == list(COLUMNS)
    assert both[["ours", "ci_low", "ci_high", "n"]].isna().all(axis=None)


# Which row is taken


def test_places_are_those_among_the_values_that_are_left(claim):
    layers = [
        {"kind": kind, "layer": layer, "mean": layer, "low": layer, "high": layer}
        for kind, some in (("up", range(8)), ("down", range(30)))
        for layer in some
    ]
    rows = table(*layers)
    for place, layer in (("first", 0), ("middle", 4), ("last", 7)):
        one = claim(rows={"kind": "up", "layer": place})
        assert find(one, rows, "ours").value == layer
    one = claim(rows={"kind": "up", "layer": "middle"})
    assert find(one, rows[rows["layer"] < 3], "ours").value == 1
    # in a column of words they are words
    spans = table(
        *({"span": s, "mean": n, "low": n, "high": n} for n, s in enumerate(["x", "last"]))
    )
    assert find(claim(rows={"span": "last"}), spans, "ours").value == 1


def test_null_is_an_empty_cell_and_other_models_are_left_out(claim, tmp_path):
    rows = table(
        {"index": 1.0, "mean": 1, "low": 1, "high": 1},
        {"index": np.nan, "mean": 2, "low": 2, "high": 2},
        {"index": np.nan, "mean": 3, "low": 3, "high": 3, "model": "theirs"},
    )
    one = claim(rows={"index": None})
    assert find(one, rows, "ours").value == 2
    assert find(one, rows, "theirs").value == 3
    assert find(one, rows.drop(columns="model").iloc[:2], "ours").value == 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rows": {"sort": "up"}}, ("no column sort", "kind, n")),
        ({"columns": {"low": "lower"}}, ("no column lower", "low")),
        ({"rows": {"kind": "sideways"}}, ("kind: sideways", "up, down")),
        ({"rows": {}}, ("2 rows of rises.csv match", "rows")),
        ({"columns": {"value": "kind"}}, ("words",)),
        ({"range": [-1, 1]}, ("its value is 5", "range")),
    ],
)
def test_a_row_that_cannot_be_taken_names_the_claim(claim, changes, said):
    rows = table(
        {"mean": 5, "low": 4, "high": 6}, {"kind": "down", "mean": -5, "low": -6, "high": -4}
    )
    with pytest.raises(UserError) as error:
        judge_claims([claim(**changes)], {"rises.csv": rows}, "ours", N_STEPS)
    for words in ("claim a-claim: ", *said):
        assert words in str(error.value)
    with pytest.raises(UserError, match=r"claim a-claim: rises\.csv has no row with model: nobody"):
        find(claim(), rows, "nobody")


# What a file of claims may hold


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"where": None}, ("where is missing",)),
        ({"tabel": "x.csv"}, ("tabel", "did you mean table?")),
        ({"table": "noise.json"}, ("table is 'noise.json'",)),
        ({"table": None}, ("table is missing", "untestable")),
        ({"measure": None}, ("measure is missing",)),
        ({"untestable": "too hard"}, ("untestable", "experiment")),
        ({"experiment": "nose"}, ("'nose'", "noise")),
        ({"test": {}}, ("test is {}",)),
        ({"test": {"abvoe": 1}}, ("test.abvoe", "did you mean above?")),
        ({"test": {"above": 0, "below": 1}}, ("test is",)),
        ({"test": {"above": "0"}}, ("test.above is '0'",)),
        ({"test": {"above": float("nan")}}, ("test.above",)),
        ({"test": {"within": [1]}}, ("test.within",)),
        ({"rows": {"kind": ["up"]}}, ("rows.kind",)),
        ({"columns": {"p": "p"}, "test": {"above": 1}}, ("columns.p",)),
        ({"published": {"value": 1}}, ("published.words is missing",)),
        # tests that could only come out one way
        ({"range": [0, 1]}, ("above 0", "either way")),
        ({"range": [0.5, 1]}, ("either way",)),
        ({"range": [-1, 0]}, ("either way",)),
        ({"test": {"below": 1}, "range": [0, 1]}, ("below 1", "either way")),
        ({"test": {"within": [0, 1]}, "range": [0, 1]}, ("either way",)),
        ({"test": {"within": [1, 2]}, "range": [0, 1]}, ("either way",)),
        ({"test": {"within": [3, 2]}}, ("either way",)),
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


# The command


@pytest.fixture
def study(tmp_path, monkeypatch) -> Path:
    """A study of noise alone, with one table and claims on two experiments."""
    config = {"study": "a", "models": {"ours": {"path": "none"}}, "cases": {"tasks": ["maze"]}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({**config, "experiments": ["noise"]}))
    elsewhere = entry(id="elsewhere", experiment="layers", table="absent.csv")
    hard = {name: ENTRY[name] for name in ("claim", "where", "published")}
    hard |= {"id": "hard", "untestable": "it needs | pipes"}
    load(tmp_path / "expected.yaml", entry(figure="figure9"), elsewhere, hard)
    (tmp_path / "figures/tables").mkdir(parents=True)
    table({"mean": 3, "low": 1, "high": 4}).to_csv(
        tmp_path / "figures/tables/rises.csv", index=False
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


CLAIMS_OF = ("claims", "--expected", "expected.yaml", "--tables", "figures/tables")


def test_the_command_writes_table_page_and_facts(study):
    assert cli.main([*CLAIMS_OF, "--out", "figures/claims.csv"]) == 0
    found = read_table("figures/claims.csv").set_index("id")
    assert list(found.index) == ["a-claim", "hard"]  # the other is no part of the study
    row = found.loc["a-claim"]
    assert row[["ours", "ci_low", "ci_high", "n"]].tolist() == [3, 1, 4, 9]
    assert row[["published", "verdict", "model"]].tolist() == [2, HOLDS, "ours"]
    page = Path("figures/claims.md").read_text()
    text = " ".join(page.split())
    assert "Of 2 claims 1 hold, 0 do not, and 1 cannot be tested with this model, 0 of" in text
    assert "Not part of this study: elsewhere." in text
    assert "[figure9](figure9.md)" in text
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert len(rows) == 4
    assert {line.replace("\\|", "").count("|") for line in rows} == {10}
    facts = read_json("figures/claims.json")
    assert facts["inputs"] == ["tables/rises.csv"]
    assert facts["facts"] == {"expected": "expected.yaml", "not part of this study": ["elsewhere"]}
    assert facts["caption"] in " ".join(page.split())


def test_the_manifest_says_what_the_claims_were_made_from(study):
    out = ("--out", "figures/manifest.json", "--notebooks", ".")
    assert cli.main([*CLAIMS_OF, "--out", "figures/claims.csv"]) == 0
    Path("figures/s9.json").write_text('{"inputs": []}')
    Path("s9.py").write_text("")
    assert cli.main(["manifest", *out, "--claims", "figures/claims.json", "figures/s9.json"]) == 0
    entry = read_json("figures/manifest.json")["claims"]
    assert entry == {
        "expected": "expected.yaml",
        "expected_sha256": digest_file("expected.yaml"),
        "inputs": {"tables/rises.csv": digest_file("figures/tables/rises.csv")},
    }


def test_a_claim_that_cannot_be_judged_leaves_nothing(study, capfd):
    load(study / "expected.yaml", entry(rows={"kind": "sideways"}))
    assert cli.main([*CLAIMS_OF, "--out", "figures/claims.csv"]) == 1
    assert "cos claims: claim a-claim: rises.csv has no row with kind" in capfd.readouterr().err
    assert [path.name for path in (study / "figures").iterdir()] == ["tables"]
