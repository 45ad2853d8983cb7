"""Digests of code: what a stage uses counts, however it is imported; words about it do not."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from chain_of_steps import fingerprints
from chain_of_steps.fingerprints import code_digest, modules_behind, modules_of
from chain_of_steps.stage import stage_modules, stage_of

SOURCE = Path(fingerprints.__file__).parent
TASKS = ("maze", "odd")
DIGESTS = """\
import json
from chain_of_steps.fingerprints import code_digest, modules_of
from chain_of_steps.stage import stage_modules, stage_of
print(json.dumps({name: code_digest(modules_of(module, ["maze", "odd"]), stage_of(name).also)
                  for name, module in stage_modules().items()}))
"""


@pytest.fixture
def copied(tmp_path) -> Path:
    """A copy of the package, to be changed."""
    return Path(shutil.copytree(SOURCE, tmp_path / "chain_of_steps"))


def digests(package: Path) -> dict[str, str]:
    """Stage -> digest of its code, by a copy of the package."""
    import json

    done = subprocess.run(
        [sys.executable, "-c", DIGESTS],
        env={"PYTHONPATH": str(package.parent), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def changed(package: Path, name: str, edit) -> set[str]:
    """Stages whose digest changes when `edit` turns the text of a file into another."""
    before, path = digests(package), package / name
    path.write_text(edit(path.read_text()))
    after = digests(package)
    return {stage for stage in before if before[stage] != after[stage]}


def test_comments_docstrings_and_layout_change_no_digest(copied):
    before = digests(copied)
    for path in copied.rglob("*.py"):
        text = path.read_text()
        path.write_text(re.sub(r'\A"""', '"""Other words. ', text) + "\n\n# a comment\n")
    assert digests(copied) == before


def test_code_changes_the_digests_of_those_that_use_it(copied):
    def halve(text: str) -> str:
        assert "timestep=self._timestep(" in text
        return text.replace("timestep=self._timestep(", "timestep=0.5 * self._timestep(")

    everyone = set(stage_modules())
    models = {name for name in everyone if stage_of(name).loads_model}
    # every stage that loads a model has all adapters, though it finds its own by name
    assert changed(copied, "models/wan.py", halve) >= models
    assert changed(copied, "errors.py", lambda text: text + "\nX = 1\n") == everyone
    assert changed(copied, "experiments/layers/swap.py", lambda text: text + "\nX = 1\n") == {
        "swap",
        "layer-outcomes",
        "layer-summary",
    }
    assert changed(copied, "experiments/vbvr/worker.py", lambda text: text + "\nX = 1\n") == {
        "score"
    }


def test_data_that_a_module_reads_counts(copied):
    assert "score" in changed(copied, "experiments/vbvr/scorer.txt", lambda text: text + "\n")


def test_tasks_of_the_study_count_and_no_others(copied):
    assert "read" in changed(copied, "tasks/odd.py", lambda text: text + "\nX = 1\n")
    assert "read" not in changed(copied, "tasks/bounce.py", lambda text: text + "\nX = 1\n")


def test_a_module_brings_the_packages_that_it_lies_in():
    behind = modules_behind("chain_of_steps.experiments.noise.perturbation")
    assert {"chain_of_steps", "chain_of_steps.experiments.noise"} <= behind
    assert "chain_of_steps.experiments.layers.swap" not in behind


def test_a_digest_does_not_hang_on_the_order_of_modules():
    modules = sorted(modules_of(stage_modules()["timeline"], TASKS))
    assert code_digest(modules) == code_digest(reversed(modules))


def test_no_stage_hangs_on_the_table_of_experiments_or_the_whole_configuration():
    """Or adding an experiment, or a field, would run every stage again."""
    about_all = {"chain_of_steps.study.experiments", "chain_of_steps.study.config"}
    for name, module in stage_modules().items():
        if name not in ("plan", "watch"):  # no rule runs these
            assert not about_all & modules_of(module, TASKS), name
