"""The smoke study in a copy of the tree, and snakemake run in it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SMOKE = ("--configfile", "config/smoke.yaml")


def copy_tree(tree: Path, *more: str) -> Path:
    """A copy of what a study needs at `tree`, and of `more`; the shipped models are linked."""
    tree.mkdir(parents=True)
    for name in ("src", "workflow", "config", "Snakefile", "config.yaml", *more):
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, tree / name)
    (tree / "models").mkdir()
    for model in (ROOT / "models").iterdir():
        (tree / "models" / model.name).symlink_to(model)
    return tree


def run(tree: Path, *command: str) -> subprocess.CompletedProcess:
    """`command` in `tree` with its package and the programs of this environment."""
    environment = {**os.environ, "PYTHONPATH": str(tree / "src")}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    return subprocess.run(
        command, cwd=tree, env=environment, text=True, capture_output=True, check=False
    )


def snakemake(tree: Path, *arguments: str, status: int = 0) -> str:
    """Output of snakemake on two cores with the package of `tree`."""
    done = run(tree, sys.executable, "-m", "snakemake", "--cores", "2", *arguments)
    output = done.stdout + done.stderr
    assert done.returncode == status, output[-4000:]
    return output
