"""README and docs: what they show works as written, their links lead somewhere, none is stale."""

import itertools
import math
import re
import runpy
import shutil
from pathlib import Path

import judged
import numpy as np
import pandas as pd
import pytest
from pages import (
    Block,
    blocks,
    commands,
    copy_repository,
    do,
    run,
    shown_commands,
    succeeds,
)
from repository import ROOT

from chain_of_steps import cli
from chain_of_steps.artifacts import read_table
from chain_of_steps.cases.folders import write_case
from chain_of_steps.models.model import VideoModel
from chain_of_steps.models.velocity import VideoVelocity
from chain_of_steps.statistics.verdicts import (
    FAILS,
    HOLDS,
    NO_ROOM,
    UNDECIDED,
    UNMEASURED,
    VERDICTS,
)
from chain_of_steps.study.claims import load_claims
from chain_of_steps.study.config import load_config
from chain_of_steps.study.evidence import Group
from chain_of_steps.study.verdicts import TELLS, TELLS_NOT, judge_claims
from chain_of_steps.tasks import stream

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
# Programs of the machine that a page may use without more ado.
ELSEWHERE = {
    "cp",
    "python3",
    ".",
    "cd",
    "git",
    "conda",
    "pip",
    "apt-get",
    "sbatch",
    "squeue",
    "scancel",
    "hf",
}


def test_the_configuration_reference_is_that_of_the_schema():
    page = runpy.run_path(str(ROOT / "docs/config_reference.py"))["page"]()
    assert (ROOT / "docs/config-reference.md").read_text(encoding="utf-8") == page, (
        "run `make docs`"
    )


def check_claims(text: str, table: pd.DataFrame) -> None:
    """Whether the block of a page says what a table of claims has, to the digits that it shows."""
    found = re.search(r"<!-- claims: make docs -->\n(.*?)<!-- end of claims -->", text, re.DOTALL)
    rows = [line.split(" | ") for line in found[1].splitlines() if line.startswith("| ")]
    head, _, *rows = rows
    models = [name.rstrip(" |") for name in head[1:]]
    assert models == list(dict.fromkeys(table["model"]))
    primary = table[table["primary"].astype(bool)]
    assert len(rows) == primary["id"].nunique() > 0
    for cells, (_, mine) in zip(rows, primary.groupby("id", sort=False), strict=True):
        first = mine.iloc[0]
        assert cells[0].startswith(f"| {first['claim']} ({first['where']})")
        for shown, (_, row) in zip(cells[1:], mine.iterrows(), strict=True):
            number = rf"{_NUMBER} \[(?:{_NUMBER} to {_NUMBER}|no \w+)\]"
            said = re.fullmatch(rf"\*\*(.+?)\*\*(?: ({number}))?(?: \|)?", shown)
            assert said, shown
            assert said[1] == row["verdict"], first["id"]
            if math.isnan(row["ours"]):
                assert said[2] is None
                continue
            numbers = re.findall(_NUMBER, said[2])
            columns = ("ours", "ci_low", "ci_high")[: len(numbers)]
            for number, column in zip(numbers, columns, strict=True):
                assert is_rounded(number, row[column]), f"{first['id']}: {column}"
    main = table[table["model"] == models[0]]
    for name, some in (("primary endpoints", main[main["primary"].astype(bool)]), ("claims", main)):
        once = some[some["same_as"].isna()]
        total, words = re.search(
            rf"^Of (\d+) {name} on \S+: (.*)\.$", found[1], re.MULTILINE
        ).groups()
        assert int(total) == len(once)
        assert dict(part.rsplit(" ", 1) for part in words.split(", ")) == {
            verdict: str(n) for verdict, n in once["verdict"].value_counts().items()
        }


_NUMBER = r"-?\d[\d.]*(?:e[+-]?\d+)?"


def is_rounded(shown: str, value: float) -> bool:
    """Whether a printed number is `value` to half a unit of the last digit that it shows."""
    digits, _, power = shown.partition("e")
    unit = 10.0 ** (int(power or 0) - len(digits.partition(".")[2]))
    return abs(float(shown) - value) <= 0.5001 * unit


def test_the_claims_in_the_readme_are_those_of_the_figures():
    check_claims(_read(ROOT / "README.md"), read_table(ROOT / "figures/claims.csv"))


@pytest.fixture(scope="module")
def judged_claims() -> pd.DataFrame:
    """The claims of the file on two made-up models, one of which works in series."""
    index = judged.cases()

    def answers(case, model, seed):
        steps = np.arange(judged.N_STEPS + 1)
        return np.where((model == "deep") | (steps >= case.need - 5), 0, 1)

    looks = judged.readouts(index, answers, ("ours", "ours-again", "deep"))
    groups = [
        Group("ours", ("ours", "ours-again"), chosen=frozenset({"ours"})),
        Group("deep", ("deep",)),
    ]
    claims = load_claims(ROOT / "workflow/paper/expected.yaml")
    some = [claim for claim in claims if claim.table != "behaviour_outcomes.parquet"]
    tables = judged.outcomes_of(looks, index)
    return judge_claims(some, tables, groups, judged.N_STEPS, resampling=judged.FEW)


@pytest.mark.parametrize(
    ("shown", "wrong"),
    [
        (r"", ""),
        (rf"{_NUMBER}(?= \[)", "9.9"),
        (rf"(?<= to ){_NUMBER}(?=\])", "77"),
        (r"\*\*holds\*\*", "**does not hold**"),
        (r"^Of \d+", "Of 7"),
        (r"(?<=holds )\d+", "77"),
        (r"^\| The answer forms.*\n", ""),
    ],
)
def test_a_wrong_number_or_word_among_the_claims_is_found(judged_claims, shown, wrong):
    block = runpy.run_path(str(ROOT / "docs/readme_claims.py"))["block"](judged_claims)
    text = f"<!-- claims: make docs -->\n{block}<!-- end of claims -->"
    if not shown:
        check_claims(text, judged_claims)
        return
    text, changes = re.subn(shown, wrong, text, count=1, flags=re.MULTILINE)
    assert changes
    with pytest.raises((AssertionError, ValueError)):
        check_claims(text, judged_claims)


# The sentences at the top of README.md

README_CLAIMS = runpy.run_path(str(ROOT / "docs/readme_claims.py"))
OUTCOMES = [*itertools.product(VERDICTS, (TELLS, TELLS_NOT))]


def judged_as(outcomes, room=(0.3, 0.2), parameters=7e5) -> pd.DataFrame:
    """Rows of a made-up table of claims: a verdict, and whether it tells, for each clause."""
    rows = [
        {
            **{"id": clause.id, "model": "ours", "verdict": verdict, "tells": tells},
            **{"ours": 0.125, "ci_low": 0.0625, "ci_high": 0.25, "sesoi": 0.1, "same_as": math.nan},
            **{"room": room[0], "room_low": room[1], "room_high": 0.4, "could_change": 30},
            **{"could_change_of": 90, "parameters": parameters, "by_training_seed": "ours 0.125"},
        }
        for clause, (verdict, tells) in zip(README_CLAIMS["CLAUSES"], outcomes, strict=True)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize("first", OUTCOMES)
def test_no_sentence_of_the_readme_contradicts_a_verdict(first):
    for others in itertools.product(OUTCOMES, repeat=2):
        outcomes = (first, *others, *others)[: len(README_CLAIMS["CLAUSES"])]
        said = " ".join(README_CLAIMS["found"](judged_as(outcomes)).split())
        found, shown = re.split(r"(?<=\.) (?=[A-Z])", said)  # two sentences
        for clause, (verdict, tells) in zip(README_CLAIMS["CLAUSES"], outcomes, strict=True):
            numbers = ("0.12 [0.06 to 0.25]", "0.1")
            texts = {
                "holds": clause.holds.format(*numbers),
                "fails": clause.fails.format(*numbers),
                "open": clause.question,
            }
            expected = {HOLDS: "holds", FAILS: "fails", UNDECIDED: "open"}.get(verdict)
            if verdict in (HOLDS, FAILS) and tells == TELLS_NOT:
                expected = None
            for kind, text in texts.items():
                assert (text in found) == (kind == expected), (said, verdict)
            assert (clause.question in shown) == (expected is None), (said, verdict)
        untold = sum(verdict in (NO_ROOM, UNMEASURED) for verdict, _ in outcomes)
        assert (f"test {untold} of {len(outcomes)} claims" in shown) == (untold > 0)
        assert "billions" in shown


def test_the_sentences_say_whether_there_is_room():
    holding = [(HOLDS, TELLS)] * len(README_CLAIMS["CLAUSES"])
    for room, words in (
        ((0.3, 0.2), "It can show what steps do ("),
        ((0.0, -0.1), "It cannot show what steps do ("),
        ((math.nan, math.nan), "is not known"),
    ):
        said = " ".join(README_CLAIMS["found"](judged_as(holding, room)).split())
        assert words in said
    assert "0.7 million parameters" in said
    assert "million" not in README_CLAIMS["found"](judged_as(holding, parameters=math.nan))


def test_the_sentences_say_where_other_networks_were_looked_at():
    rows = judged_as([(HOLDS, TELLS)] * len(README_CLAIMS["CLAUSES"]))
    others = "of runs of 2 others, trained from other seeds"
    assert others not in " ".join(README_CLAIMS["found"](rows).split())
    rows.loc[rows.index[0], "by_training_seed"] = "ours-seed-1 0.1, ours-seed-2 0.15"
    assert " ".join(README_CLAIMS["found"](rows).split()).count(others) == 1


def test_the_readme_opens_with_what_was_found():
    """The sentences, Figure 1, two commands, the primary endpoints; and they are of the tables."""
    text = _read(ROOT / "README.md")
    marks = ("<!-- found", "![Figure 1]", "make figures", "make test", "<!-- claims", "## ")
    places = [text.index(mark) for mark in marks]
    assert places == sorted(places)
    assert README_CLAIMS["with_blocks"](text, read_table(ROOT / "figures/claims.csv")) == text, (
        "run `make docs`"
    )


def test_nothing_at_the_top_of_the_readme_is_typed():
    """Before the first heading, numbers stand between marks alone."""
    text = _read(ROOT / "README.md")
    top = text[: text.index("## ")]
    typed = re.sub(r"<!-- (\w+): make docs -->.*?<!-- end of \1 -->", "", top, flags=re.DOTALL)
    named = "![Figure 1](figures/figure1.png) [What Figure 1 shows](figures/figure1.md)"
    assert re.findall(r"\d+", typed) == re.findall(r"\d+", named)
    broken = text.replace("<!-- claims", "<!-- clams")
    rows = judged_as([(HOLDS, TELLS)] * len(README_CLAIMS["CLAUSES"]))
    with pytest.raises(AssertionError, match="marks of claims"):
        README_CLAIMS["with_blocks"](broken, rows)


@every_page
def test_links_lead_to_files_and_headings(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        name, _, heading = target.partition("#")
        if "://" in name:
            continue
        path = page if not name else (page.parent / name).resolve()
        assert path.is_relative_to(ROOT), target
        # figures/ is made by the study; test_shipped.py looks whether it is whole
        assert path.exists() or (ROOT / "figures") in path.parents, target
        if heading:
            titles = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
            assert heading in slugs, target


def test_the_page_on_models_names_what_a_family_fills_in():
    text = (ROOT / "docs/add-a-model.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.*?`) \|", text, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    constants = {name for name in VideoModel.__annotations__ if name.isupper()}
    assert named == constants | VideoModel.__abstractmethods__ | VideoVelocity.__abstractmethods__


# Commands


@every_page
def test_every_command_can_be_given_as_written(page):
    written = {block.file for block in blocks(page)}
    for command in shown_commands(page):
        check_command(command, written)


@pytest.mark.parametrize(
    "wrong",
    [
        "make figure",
        "make benchmarks SPEED=fast",
        "cos sampel --help",
        "cos join --out a.csv --fast b.csv",
        "snakemake --cors all",
        "snakemake --cores all train_packet",
        "snakemake --cores all --configfile config/smok.yaml",
        "snakemake --cores all --configfile config/smoke.yaml train_pocket",  # taken for a file
        "snakemake --cores all --config shiped=true",
        "pytest tests/test_nothing.py",
        "conda env create -f environmen.yml",
        "frobnicate --all",
    ],
)
def test_a_wrong_command_is_found(wrong):
    (command,) = commands(wrong)
    with pytest.raises(AssertionError):
        check_command(command, set())


def check_command(words: list[str], written: set[str]) -> None:
    """Whether the program, its subcommand, options, targets and files are there.

    written: files that the page tells to write.
    """
    text = " ".join(words)
    program, *arguments = words
    if re.fullmatch(r"[a-z]+=\S+", program) and not arguments:
        return  # a variable of the shell
    check = {"make": check_make, "cos": check_cos, "snakemake": check_snakemake}.get(program)
    if check:
        check(arguments, text)
    else:
        assert program in ELSEWHERE | {"pytest", "python"}, f"{text}: what is {program}?"
    for word in arguments:
        if re.search(r"\.(ya?ml|py|toml|txt)$", word):
            assert word in written or (ROOT / word).exists(), f"{text}: there is no {word}"


def check_make(arguments: list[str], text: str) -> None:
    makefile = (ROOT / "Makefile").read_text()
    for word in arguments:
        name, is_variable, _ = word.partition("=")
        pattern = rf"^{name} [?:]=" if is_variable else rf"^{name}:"
        assert re.search(pattern, makefile, re.MULTILINE), f"{text}: make knows no {name}"


def check_cos(arguments: list[str], text: str) -> None:
    parser = cli.build_parser()
    if len(arguments) == 1 and not arguments[0].startswith("-"):
        arguments = [*arguments, "--help"]  # a stage is only mentioned
    try:
        parser.parse_args(arguments)
    except SystemExit as end:
        assert end.code == 0, text


def check_snakemake(arguments: list[str], text: str) -> None:
    from snakemake.cli import get_argument_parser

    try:
        given = get_argument_parser().parse_args(arguments)
    except SystemExit as end:
        assert end.code == 0, text
        return
    smk = [ROOT / "workflow/Snakefile", *(ROOT / "workflow/rules").glob("*.smk")]
    rules = set(re.findall(r"^\s*(?:rule|checkpoint) (\w+):", "\n".join(map(_read, smk)), re.M))
    # one for each model that can be trained
    rules |= {
        f"train_{name.replace('-', '_')}" for name in load_config([ROOT / "config.yaml"]).train
    }
    for target in given.targets:
        assert target in rules or Path(target).suffix, f"{text}: no rule {target}"
    for path in map(Path, given.configfile or []):
        assert path.suffix == ".yaml", f"{text}: {path} is taken for a configuration"
    known = {*cli_fields(), "shipped"}
    for setting in given.config or []:
        assert setting.partition("=")[0] in known, f"{text}: unknown field {setting}"
    if given.workflow_profile not in (None, "none"):
        assert (ROOT / given.workflow_profile).is_dir(), f"{text}: no profile"


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def cli_fields() -> list[str]:
    from chain_of_steps.study.config import schema

    return list(schema()["properties"])


# The how-to pages, done


@pytest.fixture
def tree(tmp_path) -> Path:
    return copy_repository(tmp_path / "tree")


def sources(tree: Path) -> dict[str, bytes]:
    """Every file that the code of a copy of the repository is made of."""
    folders = [tree / name for name in ("src", "workflow", "config", "tests")]
    files = [tree / "config.yaml", *(p for folder in folders for p in folder.rglob("*.*"))]
    return {
        path.relative_to(tree).as_posix(): path.read_bytes()
        for path in files
        if path.is_file() and path.suffix != ".pyc"
    }


def code_digests(tree: Path, *more: str) -> str:
    """The code digest of every stage, in a study of mazes and the tasks of `more`."""
    program = (
        "from chain_of_steps.fingerprints import code_digest, modules_of\n"
        "from chain_of_steps.stage import stages, stage_modules\n"
        "for stage in stages():\n"
        f"    modules = modules_of(stage_modules()[stage.name], {['maze', *more]})\n"
        "    print(stage.name, code_digest(modules, stage.also))\n"
    )
    done = run(tree, "python", "-c", program)
    succeeds(done)
    return done.stdout


@pytest.mark.slow
def test_a_task_is_added_as_the_page_says(tree):
    before, digests = sources(tree), code_digests(tree)
    for block in blocks(ROOT / "docs/add-a-task.md"):
        do(block, tree)
    after = sources(tree)
    assert code_digests(tree) == digests
    assert code_digests(tree, "highest") != digests
    # two new files, and one to use them; what is there stays, and so does its digest
    assert sorted(after.keys() - before.keys()) == [
        "config/highest.yaml",
        "src/chain_of_steps/tasks/highest.py",
        "tests/tasks/test_highest.py",
    ]
    assert before.items() <= after.items()
    cases = sorted(path.parent.name for path in (tree / "results").rglob("prompt.txt"))
    assert len(cases) == 3
    assert all(_read(path) == "Mark the highest object.\n" for path in tree.rglob("prompt.txt"))


@pytest.mark.slow
def test_an_intervention_is_added_as_the_page_says(tree):
    page = blocks(ROOT / "docs/add-an-intervention.md")
    for block in page:  # one process for both programs, as loading takes the time
        if block.language == "diff":
            do(block, tree)
    programs = [block.text for block in page if block.language == "python"]
    assert len(programs) == 3
    do(Block("python", "\n".join(programs)), tree)


@pytest.mark.slow
def test_a_model_is_added_as_the_page_says(tree, monkeypatch):
    monkeypatch.chdir(tree)
    for block in blocks(ROOT / "docs/add-a-model.md"):
        if block.language == "python":
            exec(compile(block.text, "add-a-model.md", "exec"), {})
        elif block.language == "bash":  # in this process, as loading takes the time
            for program, *arguments in commands(block.text):
                if program == "cos":
                    assert cli.main(arguments) == 0
                else:
                    succeeds(run(tree, program, *arguments))
        else:
            do(block, tree)
    assert (tree / "results/mine/0.safetensors.manifest.json").is_file()
    assert (tree / "results/mine/0.parquet").is_file()


@pytest.mark.slow
def test_own_images_run_as_the_page_says(tree, monkeypatch):
    monkeypatch.chdir(tree)
    puzzle = next(stream("maze", "in-domain", "evaluation", 0))
    write_case(tree / "case", puzzle)
    Path("my-pictures").mkdir()
    shutil.copy("case/first_frame.png", "my-pictures/maze.png")
    shutil.copy("case/prompt.txt", "my-pictures/maze.txt")
    for block in blocks(ROOT / "docs/your-images.md"):
        if block.language == "yaml":
            do(block, tree)
            load_config([Path("config.yaml"), Path(block.file)])
        for program, *arguments in commands(block.text) if block.language == "bash" else ():
            if program == "cos":
                assert cli.main(arguments) == 0
            else:
                assert program in ("hf", "snakemake")  # the network; hours of a study
    assert (tree / "results/my-run/video.mp4").is_file()


@pytest.mark.slow
def test_a_figure_is_added_as_the_page_says(smoke, tmp_path):
    tree = shutil.copytree(smoke.tree, tmp_path / "tree", symlinks=True)
    for block in blocks(ROOT / "docs/add-a-figure.md"):
        do(block, tree)
    figure = tree / "results/smoke/figures/s9_commitment.png"
    assert figure.is_file()
    assert figure.with_suffix(".pdf").stat().st_size > 1000
    assert "its own results" in _read(figure.with_suffix(".md")).replace("\n", " ")
