"""What makes a task: a module that says what it is, found by its file name."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from puzzles import every_task

import chain_of_steps.tasks
from chain_of_steps.cases.vbvr import vbvr_tasks
from chain_of_steps.errors import UserError
from chain_of_steps.fingerprints import modules_of
from chain_of_steps.stage import stage_modules
from chain_of_steps.tasks import in_order, task_names, task_of
from chain_of_steps.tasks.scene import (
    FRAMES,
)


@every_task
def test_a_task_says_what_it_is(task):
    module = task_of(task)
    assert task == module.NAME
    assert re.fullmatch(r"[a-z][a-z, -]*[a-z]", module.TITLE)
    assert module.FAMILY in {task.family for task in vbvr_tasks().values()}
    assert module.ORDER > 0
    frames = module.KEY_FRAMES
    assert sorted(set(frames)) == list(frames)
    assert set(frames) <= set(range(1, FRAMES))
    assert frames[-1] == FRAMES - 1


def test_every_module_that_proposes_puzzles_is_a_task_of_its_own_title():
    folder = Path(chain_of_steps.tasks.__file__).parent
    proposing = [p.stem for p in folder.glob("*.py") if "\ndef propose(" in p.read_text()]
    assert task_names() == tuple(sorted(proposing))
    assert len({task_of(name).TITLE for name in task_names()}) == len(task_names())


def test_figures_keep_their_order_of_tasks_and_put_new_ones_where_they_say(monkeypatch):
    shown = "maze grid tictactoe shelf odd size rotation reappear occlude bounce polyomino move"
    new = "chain chain_back chain_once chain_lit latin flood fork"
    assert in_order(task_names()) == [*shown.split(), "identify", *new.split()]
    assert in_order({"size", "maze", "odd"}) == ["maze", "odd", "size"]
    monkeypatch.setattr(task_of("odd"), "ORDER", task_of("size").ORDER)
    assert in_order(["size", "odd", "bounce"]) == ["odd", "size", "bounce"]


@pytest.mark.parametrize(
    ("name", "hint"),
    [("mazes", "did you mean maze?"), ("chess", "write one of bounce, chain, "), ("reader", "")],
)
def test_an_unknown_task_is_answered_by_the_names_there_are(name, hint):
    with pytest.raises(UserError, match=re.escape(f"no task is called '{name}': ") + ".*" + hint):
        task_of(name)


def test_a_new_file_is_a_task_and_only_who_asks_for_it_loads_it(tmp_path):
    package = Path(chain_of_steps.__file__).parent
    copy = shutil.copytree(package, tmp_path / "chain_of_steps")
    maze = (copy / "tasks/maze.py").read_text()
    (copy / "tasks/zigzag.py").write_text(maze.replace('NAME = "maze"', 'NAME = "zigzag"'))
    program = (
        "import sys\n"
        "from chain_of_steps.cases import folders, references\n"
        "from chain_of_steps.tasks import stream, task_names, task_of\n"
        "from chain_of_steps.tasks.observe import Observer\n"
        "puzzle = next(stream('size', 'in-domain', 'train', 0))\n"
        "Observer(puzzle)\n"
        "loaded = lambda: [n for n in task_names() if f'chain_of_steps.tasks.{n}' in sys.modules]\n"
        "print(*loaded())\n"
        "task_of('zigzag')\n"
        "print(*loaded())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["size", "size zigzag"]


def test_a_stage_hangs_on_no_task_but_those_it_names():
    """The rest is added for the tasks of a study, so a new one changes nobody's digest."""
    # whose puzzles the layer swap, perception and injected mistakes change, or the playground draws
    named = {"maze", "identify", "move", "chain", "latin", "chain_lit", "flood"}
    modules = {f"chain_of_steps.tasks.{name}" for name in task_names()}
    behind = {name: modules_of(module, []) & modules for name, module in stage_modules().items()}
    assert {module.rpartition(".")[2] for found in behind.values() for module in found} == named
    assert not behind["sample"] and not behind["read"] and not behind["cases"]
