"""docs/recompute.py makes every number of the claims again, and notices what was altered."""

import ast
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import madeup
import pandas as pd
import pytest
import smoke as helper
from repository import ROOT

from chain_of_steps.artifacts import read_table, write_table
from chain_of_steps.files import digest_file, read_json, write_json
from chain_of_steps.statistics.verdicts import VERDICTS
from chain_of_steps.study.verdicts import TELLS, TELLS_NOT

PROGRAM = ROOT / "docs/recompute.py"
SCHEMA = ROOT / "workflow/schemas/verdicts.schema.json"


def recompute(figures: Path, *arguments: str) -> tuple[int, str]:
    """Status and output, of a process that cannot import the package."""
    command = [sys.executable, "-I", str(PROGRAM), "--figures", str(figures)]
    command += ["--expected", str(madeup.EXPECTED), *arguments]
    done = subprocess.run(command, text=True, capture_output=True, check=False, cwd=figures)
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout


@pytest.fixture(scope="module")
def figures(tmp_path_factory) -> Path:
    return madeup.study(tmp_path_factory.mktemp("study"))


@pytest.fixture
def copy(figures, tmp_path) -> Path:
    return shutil.copytree(figures, tmp_path / "figures")


def test_it_takes_nothing_from_the_package():
    tree = ast.parse(PROGRAM.read_text("utf-8"))
    found = set()
    for node in ast.walk(tree):
        names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) else []
        found |= {name.partition(".")[0] for name in names}
    assert found - sys.stdlib_module_names <= {"numpy", "pandas", "scipy", "yaml"}
    assert "chain_of_steps" not in re.sub('""".*?"""', "", PROGRAM.read_text("utf-8"), flags=re.S)


@pytest.mark.slow
def test_it_makes_every_number_of_a_study_again(figures):
    status, said = recompute(figures)
    assert status == 0, said
    assert said.count("\n") == 1 and "0 differ" in said
    table = read_table(figures / "claims.csv")
    # everything that can be in the table is: else nothing would be compared
    assert set(table["verdict"]) == set(VERDICTS)
    assert {TELLS, TELLS_NOT} <= set(table["tells"].dropna())
    assert table.drop(columns="parameters").notna().any().all()
    cells = table[["ours", "ci_low", "p", "detectable", "room", "dose", "baseline", "p_holm"]]
    assert int(re.match(r"\d+", said)[0]) > cells.notna().sum().sum()


@pytest.mark.slow
def test_other_random_numbers_move_intervals_and_few_verdicts(figures):
    status, said = recompute(figures, "--seed", "11")
    assert status == 0, said
    assert "ends of intervals" in said
    verdicts = re.findall(r"^hangs .*: verdict is", said, re.M)
    assert len(verdicts) <= 0.05 * len(read_table(figures / "claims.csv"))


def _read(path: Path) -> pd.DataFrame:
    """As `read_table`, which refuses what was altered since its manifest was written."""
    path.with_name(f"{path.name}.manifest.json").unlink(missing_ok=True)
    return read_table(path)


def _change(table: str, change):
    def alter(figures: Path) -> None:
        path = figures / "tables" / table
        write_table(path, change(_read(path)))

    return alter


def _replace(name: str, pattern: str, wanted: str):
    def alter(figures: Path) -> None:
        path = figures / name
        text, changes = re.subn(pattern, wanted, path.read_text("utf-8"), count=1, flags=re.M)
        assert changes
        path.write_text(text, encoding="utf-8")

    return alter


def _number(column: str):
    def alter(figures: Path) -> None:
        table = _read(figures / "claims.csv")
        row = table[column].first_valid_index()
        table.loc[row, column] = table.loc[row, column] + 0.001
        write_table(figures / "claims.csv", table)

    return alter


def _entry(figures: Path) -> None:
    said = read_json(figures / "verdicts.json")
    entry = next(one for one in said["verdicts"] if one["estimate"] is not None)
    entry["estimate"] += 0.01
    write_json(figures / "verdicts.json", said)


def _one_run(table: pd.DataFrame) -> pd.DataFrame:
    rows = table.index[table["outcome"].eq("flipped") & table["condition"].eq("final, all")]
    return table.drop(rows[:1])


def _wrong_at_first(table: pd.DataFrame) -> pd.DataFrame:
    of = table["outcome"].eq("right") & table["condition"].eq("accepted") & table["step"].eq(0)
    row = table.index[of & table["threshold"].eq(0.6) & table["task"].eq("chain")][0]
    table.loc[row, "value"] = 1 - table.loc[row, "value"]
    return table


ALTERED = (
    (_change("layer_outcomes.parquet", _one_run), "swap-at-first-does-not on small: n is"),
    (_change("decision_outcomes.parquet", _wrong_at_first), "could_change is"),
    (_change("cases.csv", lambda rows: rows.assign(need=rows["need"] + 1)), "need of"),
    (_number("ours"), "ours is"),
    (_number("ci_high"), "ci_high is"),
    (_number("p"), "p is"),
    (_number("detectable"), "detectable is"),
    (_number("dose"), "dose is"),
    (_number("baseline"), "baseline is"),
    (_number("p_holm"), "p_holm is"),
    (_replace("claims.csv", ",does not hold,", ",holds,"), "made again 'does not hold'"),
    (_replace("claims.md", r"^(\|.*?)\*\*undecided\*\*", r"\1**holds**"), "made again '**undecided**"),
    (_replace("claims.md", r"Of \d+ claims in all", "Of 7 claims in all"), "claims in all"),
    (_replace("claims.md", r"\(Holm [^)]*\)", "(Holm 0.999)"), "lacks"),
    (_entry, "verdicts.json"),
)


@pytest.mark.slow
def test_what_was_altered_is_named(copy):
    for alter, _ in ALTERED:
        alter(copy)
    status, output = recompute(copy)
    assert status == 1
    lines = [line for line in output.splitlines() if line.startswith("differs: ")]
    for _, said in ALTERED:
        assert any(said in line for line in lines), (said, output)


@pytest.mark.slow
def test_one_run_less_is_enough(copy):
    _change("layer_outcomes.parquet", _one_run)(copy)
    status, output = recompute(copy)
    assert status == 1
    names = {line.split()[1] for line in output.splitlines() if line.startswith("differs: ")}
    assert names == {"swap-at-first-does-not"}


@pytest.mark.slow
def test_it_makes_every_number_of_the_smoke_study_again(smoke):
    status, said = recompute(smoke.tree / helper.RESULTS / "figures")
    assert status == 0, said


# The exported verdicts


@pytest.mark.slow
def test_the_exported_verdicts_are_those_of_the_table(figures):
    said, schema = read_json(figures / "verdicts.json"), read_json(SCHEMA)
    jsonschema.validate(said, schema, cls=jsonschema.Draft202012Validator)
    table = read_table(figures / "claims.csv")
    assert [(one["id"], one["model"]) for one in said["verdicts"]] == [
        *table[["id", "model"]].itertuples(index=False, name=None)
    ]
    assert [one["outcome"] for one in said["verdicts"]] == table["verdict"].tolist()
    assert {one["name"]: one["training_seeds"] for one in said["models"]} == madeup.MODELS
    assert said["digests"].pop("expected.yaml") == digest_file(madeup.EXPECTED)
    for name, digest in said["digests"].items():
        assert digest_file(figures / "tables" / name) == digest


@pytest.mark.slow
@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("verdicts", 0, "outcome"), "confirmed"),
        (("verdicts", 0, "scale", "steps"), 0),
        (("verdicts", 0, "interval"), [0.1]),
        (("tool", "licence"), ""),
        (("paper",), "2603.16870"),
        (("digests", "expected.yaml"), "abc"),
    ],
)
def test_what_the_form_does_not_allow_is_refused(figures, place, value):
    said = json.loads((figures / "verdicts.json").read_text("utf-8"))
    inner = said
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(said, read_json(SCHEMA), cls=jsonschema.Draft202012Validator)


@pytest.mark.slow
def test_a_verdict_that_is_one_has_a_number(figures):
    said = json.loads((figures / "verdicts.json").read_text("utf-8"))
    one = next(one for one in said["verdicts"] if one["outcome"] == "holds")
    one["interval"] = None
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(said, read_json(SCHEMA), cls=jsonschema.Draft202012Validator)
