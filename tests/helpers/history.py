"""Whether the primary endpoints stood in a repository before the tables that they are judged on."""

import subprocess
from pathlib import Path

import yaml

EXPECTED = "workflow/paper/expected.yaml"
TABLES = "figures/tables"


def git(root: Path, *arguments: str) -> str | None:
    """What git says; None where it fails."""
    command = ["git", "-C", str(root), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return None if done.returncode else done.stdout.strip()


def is_whole(root: Path) -> bool:
    """Whether there is a history, and all of it: not in a shallow clone, nor in an archive."""
    return git(root, "rev-parse", "--is-shallow-repository") == "false"


def declared_late(root: Path) -> list[str]:
    """The tables of outcomes whose last commit does not come after that of the endpoints.

    Before the commit that last changed a table, the primary endpoints must have stood word for word
    as they do now. A table that is no part of any commit is left out.
    """
    now = _primary((root / EXPECTED).read_text("utf-8"))
    late = []
    for path in sorted((root / TABLES).glob("*_outcomes.*")):
        name = path.relative_to(root).as_posix()
        made = git(root, "log", "-1", "--format=%H", "--", name)
        if made and (not now or _primary(git(root, "show", f"{made}^:{EXPECTED}") or "[]") != now):
            late.append(name)
    return late


def _primary(text: str) -> list[dict]:
    claims = yaml.safe_load(text) or []
    return [claim for claim in claims if isinstance(claim, dict) and claim.get("primary")]
