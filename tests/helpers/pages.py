"""The pages for people: their code blocks, the commands and the changes that they show."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import smoke
from repository import ROOT

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`((?:make|cos|snakemake|pytest|pip|conda|python) [^`\n]+)`")
_FILE = re.compile(r"# ([\w./-]+\.(?:py|yaml))\n")


@dataclass(frozen=True)
class Block:
    """A fenced block. file: what its first line names, as in `# config/mine.yaml`, else None."""

    language: str
    text: str

    @property
    def file(self) -> str | None:
        found = _FILE.match(self.text)
        return found and found[1]

    @property
    def content(self) -> str:
        return self.text if self.file is None else self.text.split("\n", 1)[1]


def blocks(page: Path) -> list[Block]:
    return [Block(*found) for found in _FENCE.findall(page.read_text(encoding="utf-8"))]


def commands(text: str) -> Iterator[list[str]]:
    """The commands of shell lines, as words; && and | separate, comments are left out."""
    for line in text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, "&&"]:
            if word not in ("&&", "|", ";"):
                words.append(word)
            elif words:
                yield words
                words = []


def shown_commands(page: Path) -> list[list[str]]:
    """Every command of the page, in bash blocks and in text."""
    fenced = [block.text for block in blocks(page) if block.language == "bash"]
    inline = _INLINE.findall(_FENCE.sub("", page.read_text(encoding="utf-8")))
    return [command for text in [*fenced, *inline] for command in commands(text)]


def apply_changes(text: str, root: Path) -> None:
    """Makes the changes of a diff block: hunks begin with @@, have no line numbers, fit one place.

    Indentation is that of the place. Raises AssertionError where a hunk does not fit exactly once.
    """
    path = None
    for part in re.split(r"^(?=\+\+\+ |@@)", text, flags=re.MULTILINE):
        lines = [line for line in part.splitlines() if not line.startswith("--- ")]
        if part.startswith("+++ "):
            path = root / lines[0].removeprefix("+++ b/")
        elif part.startswith("@@"):
            assert path is not None, "a hunk before the name of its file"
            path.write_text(_with_hunk(path.read_text(encoding="utf-8"), lines[1:], path))


def _with_hunk(text: str, hunk: list[str], path: Path) -> str:
    old = [line[1:] for line in hunk if line[:1] != "+"]
    new = [line[1:] for line in hunk if line[:1] != "-"]
    there = text.splitlines()
    bare = [line.strip() for line in old]
    places = [
        n
        for n in range(len(there) - len(old) + 1)
        if [line.strip() for line in there[n : n + len(old)]] == bare
    ]
    assert len(places) == 1, f"{path}: {len(places)} places for {old}"
    (place,) = places
    shift = _indent(there[place]) - _indent(old[0])
    moved = [" " * (_indent(line) + shift) + line.strip() if line.strip() else "" for line in new]
    return "\n".join([*there[:place], *moved, *there[place + len(old) :], ""])


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def copy_repository(tree: Path) -> Path:
    """What the pages work with, in a folder where they may; the shipped models are linked."""
    (tree / "models").mkdir(parents=True)
    for model in (ROOT / "models").iterdir():
        (tree / "models" / model.name).symlink_to(model)
    for name in (
        "src",
        "workflow",
        "config",
        "tests",
        "Snakefile",
        "config.yaml",
        "pyproject.toml",
    ):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tree / name)
    return tree


def run(tree: Path, *command: str) -> subprocess.CompletedProcess:
    """`command` in `tree`, with its package and the programs of this environment."""
    environment = smoke.environment(tree)
    return subprocess.run(
        command, cwd=tree, env=environment, text=True, capture_output=True, check=False
    )


def do(block: Block, tree: Path) -> None:
    """What a page tells to do, in a copy of the repository."""
    if block.file:
        path = tree / block.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.content, encoding="utf-8")
    elif block.language == "diff":
        apply_changes(block.text, tree)
    elif block.language == "python":
        succeeds(run(tree, "python", "-c", block.text))
    elif block.language == "bash":
        for command in commands(block.text):
            succeeds(run(tree, *command))


def succeeds(done: subprocess.CompletedProcess) -> None:
    assert done.returncode == 0, (done.args, (done.stdout + done.stderr)[-3000:])
