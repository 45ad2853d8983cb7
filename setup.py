"""Puts the default study and a trained model of each depth into a wheel; all else is in
pyproject.toml."""

import json
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
NOT_NEEDED = ("training.json", "README.md", "*.csv")  # how it was trained, and how well it does


def one_of_each_depth() -> list[Path]:
    """Folders of models: of those with as many blocks, the first by name."""
    found = {}
    for path in sorted((ROOT / "models").glob("*/transformer/config.json")):
        found.setdefault(json.loads(path.read_text())["num_layers"], path.parents[1])
    return list(found.values())


class WithModels(build_py):
    def run(self):
        super().run()
        if self.editable_mode:  # a clone has them
            return
        target = Path(self.build_lib) / "chain_of_steps/_shipped"
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        shutil.copy(ROOT / "config.yaml", target)
        for folder in one_of_each_depth():
            ignore = shutil.ignore_patterns(*NOT_NEEDED)
            shutil.copytree(folder, target / "models" / folder.name, ignore=ignore)


setup(cmdclass={"build_py": WithModels})
