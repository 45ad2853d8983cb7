"""The pages that the package ships are those of the sources in web/."""

import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest
from repository import ROOT

from chain_of_steps.explorer.publish import PAGE

SHIPPED = files("chain_of_steps.explorer") / "page"
BUNDLES = ("explorer.js", "explorer.css")


@pytest.fixture
def web(tmp_path) -> Path:
    """A copy of the sources with the tools that they pin; skips where those cannot be had."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm here: install node 20.19 or newer")
    tools = ROOT / "web/node_modules"
    copy = tmp_path / "web"
    shutil.copytree(ROOT / "web", copy, ignore=shutil.ignore_patterns("node_modules"))
    if tools.is_dir():
        (copy / "node_modules").symlink_to(tools)
        return copy
    install = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(install, cwd=copy, text=True, capture_output=True, timeout=300)
    if done.returncode:
        pytest.skip(f"npm cannot install the tools here: {done.stderr[-300:]}")
    return copy


def build(web: Path, to: Path) -> dict[str, str]:
    subprocess.run(["node", "build.js", str(to)], cwd=web, check=True, timeout=60)
    return {path.name: path.read_text("utf-8") for path in (to / "explorer/page").iterdir()}


@pytest.mark.slow
def test_the_shipped_page_is_that_of_its_sources(web, tmp_path):
    made = build(web, tmp_path / "made")
    shipped = {name: (SHIPPED / name).read_text("utf-8") for name in BUNDLES}
    assert made == shipped, "web/ has changed: run `make page`"
    player = web / "shared/timing.js"
    player.write_text(player.read_text("utf-8").replace("now - last", "now + last"))
    assert build(web, tmp_path / "changed") != shipped


def test_a_study_gets_every_file_of_the_page():
    assert {path.name for path in SHIPPED.iterdir()} == set(PAGE)
    html = (SHIPPED / "index.html").read_text("utf-8")
    assert 'type="module"' not in html, "browsers load no modules from disk"
