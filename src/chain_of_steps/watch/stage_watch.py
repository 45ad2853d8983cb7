"""The stage that writes the page of a running study, again and again."""

from __future__ import annotations

import time
from pathlib import Path

from chain_of_steps.errors import UserError
from chain_of_steps.settings.base import View
from chain_of_steps.stage import Option, Stage

PAGE = "watch.html"
SHOWN = 12  # shards whose runs are shown, the newest


class Settings(View):
    """None: a study's folder says what it is."""


STAGE = Stage(
    name="watch",
    text="Follow a study while it runs: writes results/<study>/watch.html, which renews itself.",
    settings=Settings,
    options=(
        Option("results", {"type": Path, "metavar": "RESULTS", "help": "such as results/pocket"}),
        Option(
            "--every",
            {"type": float, "default": 10.0, "help": "seconds between two looks (default: 10)"},
        ),
        Option("--once", {"action": "store_true", "help": "one look, and no more"}),
    ),
)


def run(settings: Settings, *, results: Path, every: float, once: bool) -> None:
    if not every > 0:
        raise UserError(f"--every is {every:g}: write a number of seconds above 0.")
    said = ""
    try:
        while True:
            done, now_said = look(results, None if once else every)
            if now_said != said:
                said = now_said
                print(said, flush=True)
            if done or once:
                return
            time.sleep(every)
    except KeyboardInterrupt:
        return


def refuse_other_page(path: Path, mark: str) -> None:
    """Raises UserError where a file has the name of the page that this command did not write."""
    if path.is_file() and mark.encode() not in path.read_bytes():
        raise UserError(f"{path} is there already, and `cos watch` did not write it: move it away.")


def look(results: Path, every: float | None) -> tuple[bool, str]:
    """Write the page once; whether every shard is sampled, and a line about it."""
    from chain_of_steps.cases.sources import count_cases
    from chain_of_steps.cli import resolved_file
    from chain_of_steps.files import atomic_path
    from chain_of_steps.study.config import check_config
    from chain_of_steps.watch import page

    refuse_other_page(results / PAGE, page.MARK)
    resolved = resolved_file(results / "config.json")
    if resolved is None:
        raise UserError(f"{results} has no config.json of a study: start the study first.")
    study = check_config(resolved)
    n_shards = -(-count_cases(study.cases) // study.execution.shard)
    now = time.time()
    shards = page.shards_of(results, list(study.models), n_shards, now)
    done = [shard for shard in shards if shard.state == "done"]
    finished = len(done) == len(shards)
    pictures = {}
    at_work = [shard for shard in shards if shard.state == "at work"]
    for shard in [*at_work, *done[-SHOWN:]]:
        found = page.glances(results, shard.model, shard.number)
        if found:
            name = f"{shard.model}, shard {shard.number}"
            pictures[f"{name}, so far" if shard in at_work else name] = found
    others = page.others_at_work(results, now)
    text = page.page_of(study.study, shards, others, pictures, None if finished else every)
    with atomic_path(results / PAGE) as path:
        path.write_text(text, encoding="utf-8")
    line = f"{results / PAGE}: {len(done)} of {len(shards)} shards sampled, {len(at_work)} at work"
    return finished, line
