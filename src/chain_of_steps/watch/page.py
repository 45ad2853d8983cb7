"""What the page of `cos watch` says: every shard, every job at work, finished runs at a glance."""

from __future__ import annotations

import base64
import html
import io
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from chain_of_steps.watch.glance import colours_of, fit_colours

FRESH = 120  # seconds after which a log that nobody writes to is of no job at work
SIDE = 96  # pixels of a picture
MARK = '<meta name="generator" content="cos watch">'
AT = re.compile(r"(\w[\w ]*): (\d+)/(\d+) (\w+), (\S+) gone, (\S+) left")
STYLE = """<style>
  :root { color-scheme: light dark }
  body { font: 14px/1.4 sans-serif; margin: 1em; background: Canvas; color: CanvasText }
  table { border-collapse: collapse; margin-bottom: 1em }
  th, td { padding: 0.1em 0.7em; text-align: left; vertical-align: top }
  img { image-rendering: pixelated; margin: 1px }
  .runs { overflow-x: auto; white-space: nowrap }
</style>"""


@dataclass(frozen=True)
class Shard:
    """A shard of a model's runs. state: done, at work or waits. said: by its job, the last time."""

    model: str
    number: int
    state: str
    said: str = ""


def shards_of(results: Path, models: list[str], n_shards: int, now: float) -> list[Shard]:
    """How far the sampling of each shard is."""
    found = []
    for model in models:
        for number in range(n_shards):
            if (results / f"trajectories/{model}/{number}.safetensors").is_file():
                found.append(Shard(model, number, "done"))
                continue
            log = results / f"logs/sample_{model}_{number}.log"
            said = at_work(log, now)
            state = "waits" if said is None else "at work"
            found.append(Shard(model, number, state, said or ""))
    return found


def at_work(log: Path, now: float) -> str | None:
    """What a job has said last of its progress, or None where none is at work by that log."""
    try:
        if now - log.stat().st_mtime > FRESH:
            return None
        lines = AT.findall(log.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return None
    if not lines:
        return "begins"
    what, done, of, unit, gone, left = lines[-1]
    return f"{what} {done}/{of} {unit}, {gone} gone, {left} left"


def others_at_work(results: Path, now: float) -> dict[str, str]:
    """Log -> what its job says, of all jobs but those that sample."""
    logs = sorted((results / "logs").glob("*.log"))
    said = {log.stem: at_work(log, now) for log in logs if not log.stem.startswith("sample_")}
    return {name: words for name, words in said.items() if words and words != "begins"}


def glances(
    results: Path,
    model: str,
    number: int,
    draw: Callable[[np.ndarray], np.ndarray] | None = None,
) -> list[str]:
    """PNGs, as data URIs, of a run of a shard: the last frame of its clean estimates.

    Some steps from first to last of its first run, or so far of the one that is sampled now. Empty
    where there is neither, or its case is gone. draw: a picture (H, W, 3) of a latent frame
    (C, h, w); without it these are rough colours.
    """
    import pandas as pd
    from safetensors import SafetensorError, safe_open

    from chain_of_steps.early import read_early
    from chain_of_steps.errors import UserError
    from chain_of_steps.films import shown_steps
    from chain_of_steps.video import read_image

    path = results / f"trajectories/{model}/{number}.safetensors"
    try:
        if path.is_file():
            with safe_open(path, "np") as file:
                runs = json.loads(file.metadata()["json"])["runs"]
                clean = file.get_slice("clean")[0:1][0]  # (steps, C, F, h, w), and no other run
            case = pd.read_csv(io.StringIO(runs))["case"].iloc[0]
            clean = clean[[k for k in shown_steps(len(clean)) if k < len(clean)]]
        elif (early := read_early(path)) is not None:
            case, clean = early
        else:
            return []
        picture = read_image(results / "cases" / case / "first_frame.png")
    except (UserError, OSError, SafetensorError):
        return []
    if draw is None:
        draw = partial(colours_of, fitted=fit_colours(clean[-1, :, 0], picture))
    return [_uri(draw(np.ascontiguousarray(estimate[:, -1]))) for estimate in clean]


def _uri(picture: np.ndarray) -> str:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def page_of(
    study: str,
    shards: list[Shard],
    others: dict[str, str],
    pictures: dict[str, list[str]],
    every: float | None,
) -> str:
    """The page; it loads itself again after `every` seconds, or never where that is None."""
    refresh = "" if every is None else f'<meta http-equiv="refresh" content="{every:g}">'
    done = sum(shard.state == "done" for shard in shards)
    head = f'<!doctype html>\n<html lang="en"><meta charset="utf-8">{refresh}'
    parts = [head, MARK, f"<title>{html.escape(study)}</title>", STYLE]
    parts.append('<meta name="viewport" content="width=device-width">')
    parts.append(f"<h1>{html.escape(study)}: {done} of {len(shards)} shards sampled</h1>")
    parts.append(f"<p>{time.strftime('%Y-%m-%d %H:%M:%S')}</p>")
    rows = [(f"{s.model}, shard {s.number}", s.state, s.said) for s in shards]
    parts.append(_table(("shard", "state", "its job says"), rows))
    if others:
        parts.append(_table(("job", "says"), list(others.items())))
    if pictures:
        parts.append("<h2>Clean estimates, first step to last, roughly</h2>")
    for name, uris in pictures.items():
        said = html.escape(f"{name}, last frame, step by step")
        images = "".join(f'<img alt="{said}" width="{SIDE}" src="{uri}">' for uri in uris)
        parts.append(f'<div class="runs">{html.escape(name)}<br>{images}</div>')
    return "\n".join([*parts, "</html>", ""])


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = ["".join(f"<th>{cell}</th>" for cell in head)]
    lines += ["".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in rows]
    return "<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"
