"""The playground's page, put beside the models that it runs, and all of it as one file.

Script and style are bundled from web/ (see web/README.md). Models, codecs and ONNX Runtime are
data scripts, as browsers load nothing else from disk; they are packed with gzip, which browsers
unpack by themselves.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from chain_of_steps.errors import UserError
from chain_of_steps.playground.exported import Exported
from chain_of_steps.playground.tiles import pictures
from chain_of_steps.tasks import in_order, task_of
from chain_of_steps.tasks.board import Board

PAGE = ("index.html", "playground.css", "playground.js")
WHOLE = "playground.html"  # the page with everything in it
STUDY, RUNTIME = "study.js", "runtime.js"
PARTS = (*PAGE, STUDY, RUNTIME, WHOLE)
SCRIPT, GLUE, WASM = (  # of the npm package onnxruntime-web
    "ort.wasm.min.js",
    "ort-wasm-simd-threaded.mjs",
    "ort-wasm-simd-threaded.wasm",
)


def packed(data: bytes | np.ndarray) -> str:
    """gzip, then base64; the same for the same bytes."""
    if isinstance(data, np.ndarray):
        data = data.astype(data.dtype.newbyteorder("<")).tobytes()
    return base64.b64encode(gzip.compress(data, 9, mtime=0)).decode()


def script(function: str, *arguments: Any) -> str:
    """The call of a function of the page, "add" or "open", see web/playground."""
    words = (json.dumps(one, separators=(",", ":"), allow_nan=False) for one in arguments)
    return f"playground.{function}({','.join(words)});\n"


def study_facts(
    study: str,
    board: Board,
    tasks: Sequence[str],
    models: Sequence[Exported],
    *,
    steps: int,
    shift: float,
) -> dict[str, Any]:
    """What the page is told before any model is loaded."""
    keys, painted = pictures(tasks)
    return {
        "study": study,
        "board": {"rows": board.rows, "columns": board.columns, "beats": board.beats},
        "steps": steps,
        "shift": shift,
        "tasks": [
            {"name": name, "title": task_of(name).TITLE, "prompt": task_of(name).PROMPT}
            for name in in_order(tasks)
        ],
        "models": [
            {"name": one.name, "blocks": one.blocks, "bytes": len(one.onnx)} for one in models
        ],
        "tiles": keys,
        "pictures": packed(painted),
    }


def assets(models: Sequence[Exported], runtime: Path) -> dict[str, str]:
    """File -> data script, of ONNX Runtime, of every model and of every codec."""
    found = {RUNTIME: runtime_script(runtime)}
    for one in models:
        texts = {prompt: packed(states) for prompt, states in one.prompts.items()}
        length, width = next(iter(one.prompts.values())).shape
        content = {
            "onnx": packed(one.onnx),
            "codec": one.codec_name,
            "text": {"length": length, "width": width, "states": texts},
        }
        found[f"models/{one.name}.js"] = script("add", f"models/{one.name}", content)
        codec = {name: packed(part) for name, part in one.codec.items()}
        name = f"models/{one.codec_name}"
        found[f"{name}.js"] = script("add", name, codec)
    return found


def runtime_script(folder: Path) -> str:
    """ONNX Runtime as a data script. Raises UserError where npm has not put it into `folder`."""
    missing = [name for name in (SCRIPT, GLUE, WASM) if not (folder / name).is_file()]
    if missing:
        raise UserError(f"{folder} has no {missing[0]}: run `npm ci` in web/ first.")
    parts = {name: (folder / name).read_bytes() for name in (GLUE, WASM)}
    content = {"glue": packed(parts[GLUE]), "wasm": packed(parts[WASM])}
    return (folder / SCRIPT).read_text("utf-8") + "\n" + script("add", "runtime", content)


def write_page(folder: Path, facts: Mapping[str, Any], scripts: Mapping[str, str]) -> None:
    """Everything into a folder: the page with its scripts beside it, and the page as one file."""
    source = files("chain_of_steps.playground") / "page"
    page = {name: source.joinpath(name).read_text("utf-8") for name in PAGE}
    study = script("open", dict(facts))
    content = {**page, STUDY: study, **scripts, WHOLE: whole(page, study, scripts)}
    for name, text in content.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def whole(page: Mapping[str, str], study: str, scripts: Mapping[str, str]) -> str:
    """The page with style, scripts and data in it."""
    style = f"<style>\n{page['playground.css']}</style>"
    inner = [page["playground.js"], *scripts.values(), study]
    parts = {
        '<link rel="stylesheet" href="playground.css">': style,
        '<script src="playground.js"></script>': "\n".join(
            f"<script>\n{_closed(text)}</script>" for text in inner
        ),
        f'<script src="{STUDY}"></script>\n': "",
    }
    html = page["index.html"]
    for mark, text in parts.items():
        before, found, after = html.partition(mark)
        if not found:
            raise ValueError(f"index.html has no {mark}")
        html = before + text + after
    return html


def _closed(text: str) -> str:
    """A script that does not end where a string in it says that one does."""
    return text.replace("</script", "<\\/script")
