"""The pages that the package ships are those of the sources in web/."""

import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest
from repository import ROOT

from chain_of_steps.explorer import publish as explorer
from chain_of_steps.playground import publish as playground

PAGES = {"explorer": explorer.PAGE, "playground": playground.PAGE}  # with an index.html each


def shipped(page: str) -> dict[str, str]:
    folder = files(f"chain_of_steps.{page}") / "page"
    return {path.name: path.read_text("utf-8") for path in folder.iterdir()}


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


def build(web: Path, to: Path, page: str) -> dict[str, str]:
    subprocess.run(["node", "build.js", str(to)], cwd=web, check=True, timeout=60)
    return {path.name: path.read_text("utf-8") for path in (to / page / "page").iterdir()}


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_the_shipped_page_is_that_of_its_sources(web, tmp_path, page):
    made = build(web, tmp_path / "made", page)
    bundles = {name: text for name, text in shipped(page).items() if name != "index.html"}
    assert made == bundles, "web/ has changed: run `make page`"
    player = web / "shared/timing.js"
    player.write_text(player.read_text("utf-8").replace("now - last", "now + last"))
    assert build(web, tmp_path / "changed", page) != bundles


@pytest.mark.parametrize("page", PAGES)
def test_a_study_gets_every_file_of_the_page(page):
    assert shipped(page).keys() == set(PAGES[page])
    html = shipped(page)["index.html"]
    assert 'type="module"' not in html, "browsers load no modules from disk"
