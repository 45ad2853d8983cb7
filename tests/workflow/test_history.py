"""Primary endpoints are declared before the run: in the history, not in words."""

import subprocess
from pathlib import Path

import pytest
import yaml
from history import EXPECTED, TABLES, declared_late, git, is_whole
from repository import ROOT

TABLE = f"{TABLES}/noise_outcomes.parquet"
CLAIMS = [{"id": "a", "primary": True, "sesoi": 0.1}, {"id": "b", "sesoi": 0.1}]
WIDER = [{**CLAIMS[0], "sesoi": 0.2}, CLAIMS[1]]
OTHER = [CLAIMS[0], {**CLAIMS[1], "sesoi": 0.3}]


def test_primary_endpoints_were_declared_before_their_tables():
    if not is_whole(ROOT):
        pytest.skip("no whole history here")
    assert declared_late(ROOT) == [], "the primary endpoints changed with or after these tables"


@pytest.fixture
def commit(tmp_path):
    """Commits claims or, for text, a table, or both."""
    for words in (["init", "-q"], ["config", "user.email", "a@b.c"], ["config", "user.name", "a"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)

    def commit(*contents) -> Path:
        for content in contents:
            path = tmp_path / (TABLE if isinstance(content, str) else EXPECTED)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        subprocess.run(["git", "add", "-A"], cwd=tmp_path, check=True)
        subprocess.run(["git", "commit", "-qm", "x"], cwd=tmp_path, check=True)
        return tmp_path

    return commit


@pytest.mark.parametrize(
    ("commits", "late"),
    [
        ([[CLAIMS], ["table"]], False),
        ([[CLAIMS], ["table"], [OTHER]], False),  # what is descriptive may change
        ([[CLAIMS], ["table"], [WIDER], ["again"]], False),
        ([["table"], [CLAIMS]], True),  # the order reversed
        ([[CLAIMS, "table"]], True),  # both at once
        ([[CLAIMS], ["table"], [WIDER]], True),  # changed after
        ([[CLAIMS], ["table", WIDER]], True),
        ([[OTHER[1:]], ["table"]], True),  # none declared
    ],
)
def test_the_order_of_commits_is_noticed(commit, commits, late):
    for contents in commits:
        root = commit(*contents)
    assert is_whole(root)
    assert declared_late(root) == ([TABLE] if late else [])


def test_a_shallow_clone_is_told(commit, tmp_path_factory):
    commit(CLAIMS)
    root = commit("table")
    clone = tmp_path_factory.mktemp("clone") / "shallow"
    command = ["git", "clone", "-q", "--depth", "1", f"file://{root}", str(clone)]
    subprocess.run(command, check=True)
    assert not is_whole(clone)
    assert git(clone, "log", "-1", "--format=%s") == "x"
    assert not is_whole(tmp_path_factory.mktemp("none"))
