"""A built wheel does what README says of it where nothing else of this repository is."""

import json
import os
import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from repository import ROOT

from chain_of_steps.study.config import load_config

pytestmark = pytest.mark.slow

MOST = 25e6  # bytes
MAIN = Path(next(iter(load_config([ROOT / "config.yaml"]).models.values())).path).name


def ran(*command: str | Path, folder: Path) -> str:
    """Output of a command that must succeed in a folder, with nothing of this environment."""
    own = {"PYTHONPATH", "VIRTUAL_ENV", "CHAIN_OF_STEPS_RECORDS"}
    kept = {name: value for name, value in os.environ.items() if name not in own}
    done = subprocess.run(
        list(map(str, command)), cwd=folder, env=kept, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, (command, done.stdout[-2000:], done.stderr[-3000:])
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy of what git has and would take, as `make wheel` does."""
    folder = tmp_path_factory.mktemp("wheel")
    listed = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    names = ran(*listed, "--", "src", "models", *BUILT_FROM, folder=ROOT).split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (folder / "copy" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "copy" / name).write_bytes((ROOT / name).read_bytes())
    (target,) = re.findall(r"^wheel:.*\n(?:\t.*\n)*?\t\$\(PIP\) (.*)", MAKEFILE, re.MULTILINE)
    ran(sys.executable, "-m", "pip", "--quiet", *target.split(), folder=folder / "copy")
    (path,) = (folder / "copy/dist").iterdir()
    return path


BUILT_FROM = ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE", "config.yaml")
MAKEFILE = (ROOT / "Makefile").read_text()


@pytest.fixture(scope="module")
def lone(wheel, tmp_path_factory) -> Path:
    """An environment with the wheel and, of this environment, what it depends on."""
    folder = tmp_path_factory.mktemp("lone") / "env"
    venv.create(folder, symlinks=True)
    pip = (sys.executable, "-m", "pip", "--quiet", "--python", folder / "bin/python")
    ran(*pip, "install", "--no-deps", wheel, folder=folder)
    packages = Path(ran(folder / "bin/python", "-c", PLACE, folder=folder).strip())
    # what lies in a folder named here is found, but its own .pth files are not read: not the clone
    others = Path(ran(sys.executable, "-c", PLACE, folder=folder).strip())
    (packages / "others.pth").write_text(f"{others}\n")
    return folder


PLACE = "import sysconfig; print(sysconfig.get_path('purelib'))"


def test_a_wheel_has_a_model_of_each_depth_and_is_small(wheel):
    assert wheel.stat().st_size < MOST
    with zipfile.ZipFile(wheel) as file:
        names = file.namelist()
        configs = [name for name in names if name.endswith("transformer/config.json")]
        depths = [json.loads(file.read(name))["num_layers"] for name in configs]
        shipped = {name.split("/")[3]: name for name in configs}
        same = file.read(f"chain_of_steps/_shipped/models/{MAIN}/vae/config.json")
    there = [json.loads(p.read_text()) for p in (ROOT / "models").glob("*/transformer/config.json")]
    assert sorted(depths) == sorted({config["num_layers"] for config in there})
    assert MAIN in shipped
    assert same == (ROOT / f"models/{MAIN}/vae/config.json").read_bytes()
    modules = {p.relative_to(ROOT / "src").as_posix() for p in (ROOT / "src").rglob("*.py")}
    assert modules <= set(names)
    assert not [name for name in names if name.startswith(("tests", "workflow"))]


def five_lines() -> list[str]:
    """The commands of README for somebody who has the wheel alone."""
    text = (ROOT / "README.md").read_text()
    (block,) = re.findall(r"<!-- wheel -->\n```bash\n(.*?)```", text, re.DOTALL)
    return block.splitlines()


def follow(python: Path, folder: Path, commands: list[str]) -> Path:
    """Do what README says with the commands of an environment; the grid that it leads to."""
    folder.mkdir()
    assert (python.parent / "cos").is_file()
    path = os.pathsep.join([str(python.parent), os.defpath])
    ran("env", f"PATH={path}", "bash", "-ec", "\n".join(commands), folder=folder)
    return folder / "mine/steps.png"


def check_grid(path: Path) -> None:
    """Whether a picture has rows that are no two alike: steps of a run."""
    pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
    assert min(pixels.shape[:2]) > 500
    rows = [part.mean() for part in np.array_split(pixels, 8)]
    assert len({round(row, 3) for row in rows}) == len(rows)


def test_the_lines_of_the_readme_draw_the_steps_of_a_maze(lone, tmp_path):
    lines = five_lines()
    assert len(lines) <= 5
    assert lines[0].startswith("python") and "pip install" in lines[1]
    check_grid(follow(lone / "bin/python", tmp_path / "empty", lines[2:]))
    listed = {path.name for path in (tmp_path / "empty").iterdir() if path.name[0] != "."}
    assert listed == {"puzzles", "mine", "puzzles.manifest.json", "mine.manifest.json"}


def test_it_says_what_is_there(lone, tmp_path):
    said = ran(lone / "bin/python", "-m", "chain_of_steps", folder=tmp_path)
    assert str(lone) in said.splitlines()[0]
    found = re.findall(r"^  models/(\S+) +(\d+) blocks?(?:  cos run --model (\S+))?$", said, re.M)
    assert (MAIN in [name for name, *_ in found]) and len(found) >= 4
    assert len({depth for _, depth, _ in found}) == len(found)
    assert re.search(r"^  cos run  +One run of your own picture", said, re.MULTILINE)


@pytest.mark.soak
def test_an_empty_environment_takes_the_wheel_with_all_that_it_needs(wheel, tmp_path):
    venv.create(tmp_path / "env", with_pip=True)
    index = "--extra-index-url=https://download.pytorch.org/whl/cpu"
    pip = (tmp_path / "env/bin/python", "-m", "pip", "install", "-q", "--retries=1")
    ran(*pip, index, wheel, folder=tmp_path)
    check_grid(follow(tmp_path / "env/bin/python", tmp_path / "empty", five_lines()[2:]))
