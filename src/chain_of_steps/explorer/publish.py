"""The explorer's page, put beside the data that it shows.

Script and style are bundled from web/ (see web/README.md) and copied as they are: data and page
make a folder that needs nothing else, neither a network nor a server.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from chain_of_steps.errors import UserError
from chain_of_steps.files import atomic_path, read_json

INDEX = "runs.json"  # of each shard: the runs that it shows
PAGE = ("index.html", "explorer.css", "explorer.js")
RUNS = "runs.js"
PARTS = (*PAGE, RUNS)  # all that `write_page` writes, first what a browser is pointed at


def write_page(
    folder: Path, shards: Sequence[Path], *, study: str, model: str, titles: Mapping[str, str]
) -> None:
    """The page over the data of `shards`, folders below `folder`, and its list of runs.

    titles: task -> words for people. Raises UserError if the shards lie elsewhere, show nothing,
    or are not of one study.
    """
    for shard in shards:
        if not shard.is_relative_to(folder):
            raise UserError(f"{shard} does not lie in {folder}: write folders beside the page.")
    found = {shard: read_json(shard / INDEX) for shard in shards}
    found = {shard: facts for shard, facts in found.items() if facts["cases"]}
    if not found:
        raise UserError("The shards show no case: write a larger explorer.cases.")
    sigmas, *others = (facts["sigmas"] for facts in found.values())
    if any(other != sigmas for other in others):
        raise UserError(f"{shards[0]} and others differ in sigmas: make all of them again.")
    cases = [
        {**case, "folder": shard.relative_to(folder).as_posix()}
        for shard, facts in found.items()
        for case in facts["cases"]
    ]
    index = {
        "study": study,
        "model": model,
        "titles": dict(titles),
        "sigmas": sigmas,
        "cases": cases,
    }
    source = files("chain_of_steps.explorer") / "page"
    for name in PAGE:
        _write_text(folder / name, source.joinpath(name).read_text(encoding="utf-8"))
    write_script(folder / RUNS, "open", index)


def write_script(path: Path, function: str, content: Any) -> None:
    """JSON as the call of a function of the page: "open", "add" or "energy", see web/explorer."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    _write_text(path, f"explorer.{function}({text});\n")


def _write_text(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
