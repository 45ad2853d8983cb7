"""The playground's own modules run by node, and puzzles as its links write them."""

import base64
import json
import shutil
import subprocess
from collections.abc import Iterable

import numpy as np
import pytest
from repository import ROOT

from chain_of_steps.playground.publish import packed
from chain_of_steps.playground.tiles import key, pictures
from chain_of_steps.tasks.board import BEAT, Board
from chain_of_steps.tasks.puzzle import Puzzle, kind_of
from chain_of_steps.tasks.scene import Scene, split_tiles

WEB = ROOT / "web"
PRELUDE = """
const [{ Board }, { Tiles }, { TASKS }, { unpacked }, { Video }, { Reader }] = await Promise.all(
  ["board", "tiles", "tasks/index", "models", "codec", "reader"]
    .map((name) => import(`${given.web}/playground/${name}.js`)));
const board = new Board(given.board);
const tiles = new Tiles(given.tiles, new Uint8Array(await unpacked(given.pictures)));
"""


def node(body: str, **given) -> object:
    """What JavaScript answers: `body` reads `given` and sets `answer`. Skips without node."""
    if shutil.which("node") is None:
        pytest.skip("no node here: install 20.19 or newer")
    script = f"""
import {{ readFileSync }} from "node:fs";
const given = JSON.parse(readFileSync(0, "utf8"));
let answer = null;
{body}
process.stdout.write(JSON.stringify(answer));
"""
    done = subprocess.run(
        ["node", "--input-type=module", "-e", script],
        input=json.dumps({"web": WEB.as_uri(), **given}),
        capture_output=True,
        text=True,
        timeout=300,
        cwd=WEB,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def on_board(body: str, board: Board, tasks: Iterable[str], **given) -> object:
    """The same with `board`, `tiles` and the page's modules at hand."""
    keys, painted = pictures(tasks)
    size = {"rows": board.rows, "columns": board.columns, "beats": board.beats}
    return node(PRELUDE + body, board=size, tiles=keys, pictures=packed(painted), **given)


def link_text(puzzle: Puzzle) -> str:
    """A puzzle as the page's link has it."""
    board, layout = puzzle.board, puzzle.layout

    def cell(place) -> int:
        return place[0] * board.columns + place[1]

    kind = kind_of(puzzle.task)
    if kind == "chain":
        turns = "".join("x" if turn is None else str(turn) for turn in layout["arrows"])
        return f"{turns}.{cell(layout['start'])}"
    if kind == "latin":
        square = "".join(map(str, layout["square"]))
        holes = [5 * r + c for r, c in layout["holes"]]
        marks = "".join("1" if place in holes else "0" for place in range(25))
        return f"{square}.{marks}.{cell(layout['corner'])}"
    start = cell(layout["start"])
    if kind == "grid":
        blocks = {tuple(block) for block in layout["blocks"]}
        marks = "".join("1" if place in blocks else "0" for place in board.cells)
        return f"{marks}.{start}.{cell(layout['goal'])}"
    ways = []
    for (r, c), walls in zip(board.cells, layout["walls"], strict=True):
        east = "e" not in walls and c + 1 < board.columns
        south = "s" not in walls and r + 1 < board.rows
        ways.append(str(east + 2 * south))
    places = [str(start), *([str(cell(layout["goal"]))] if kind == "maze" else [])]
    return ".".join(["".join(ways), *places])


def keys_of(scene: Scene, board: Board) -> list[str]:
    return [key(tuple(scene.get(cell, ()))) for cell in board.cells]


def beats_of(video: np.ndarray) -> str:
    """A video (T, H, W, 3) in [0, 1] tile by tile as the page's Video, packed."""
    tiles = split_tiles(np.asarray(video, np.float32))  # (T, rows, columns, 16, 16, 3)
    full = np.concatenate([tiles[:1]] * (BEAT - 1) + [tiles])
    cut = full.reshape(len(full) // BEAT, BEAT, -1, 16, 16, 3)
    return packed(np.ascontiguousarray(cut.swapaxes(1, 2)))


def floats_of(text: str, *shape: int) -> np.ndarray:
    """Numbers that JavaScript sends: the bytes of a Float32Array in base64."""
    return np.frombuffer(base64.b64decode(text), "<f4").reshape(shape)
