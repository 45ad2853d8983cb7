"""`make site`: every page is there, no link is dead, nothing comes from elsewhere."""

import html
import inspect
import re
import runpy
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from browser import launched
from repository import ROOT

import chain_of_steps

pytestmark = pytest.mark.slow

STARTS = runpy.run_path(str(ROOT / "docs/site.py"))["STARTS"]


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> tuple[Path, str]:
    """The site, built from a copy of the repository, and what was said meanwhile."""
    tree = tmp_path_factory.mktemp("site")
    listed = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tree / name)
    command = [sys.executable, "docs/site.py"]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    assert (tree / "site/index.html").is_file(), done.stderr[-3000:]
    return tree / "site", done.stdout + done.stderr


class Links(HTMLParser):
    """What a page leads to, what it loads, and what may be led to in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.leads: list[str] = []
        self.loads: list[str] = []
        self.places: set[str] = {""}
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.places |= {found.get("id"), found.get("name")}
        if tag == "a" and "href" in found:
            self.leads.append(found["href"])
        elif tag in ("link", "script", "img", "iframe", "source", "video"):
            self.loads += [found[name] for name in ("href", "src") if found.get(name)]


def test_no_page_of_the_repository_leads_to_nothing(built):
    assert built[1] == ""


def test_every_page_is_there_and_every_link_of_it_leads_somewhere(built):
    site, _ = built
    pages = {path: Links(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    pages.pop(site / "404.html")
    for name in [*STARTS, *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]:
        name = {"README.md": "index.md", "config/README.md": "config/index.md"}.get(name, name)
        assert site / Path(name).with_suffix(".html") in pages, name
    for page, links in pages.items():
        for target in [*links.leads, *links.loads]:
            if re.match(r"(https?|mailto|data):", target):
                assert target not in links.loads or target.startswith("data:"), (page, target)
                continue
            path, _, place = target.partition("#")
            found = (page.parent / unquote(path)).resolve() if path else page
            assert found.is_file(), (page, target)
            if found in pages:
                assert unquote(place) in pages[found].places, (page, target)


def test_the_reference_has_all_that_the_library_offers(built):
    text = (built[0] / "api.html").read_text(encoding="utf-8")
    # what diffusers looks for here by name, and defines itself
    for name in set(chain_of_steps.__all__) - {"ModelMixin"}:
        assert re.search(rf'id="chain_of_steps\.[\w.]*\b{name}"', text), name
    first = inspect.getdoc(chain_of_steps.sample).splitlines()[0].replace("`", "")
    assert first in html.unescape(re.sub(r"<[^>]+>", "", text))


@pytest.mark.parametrize("width", [1280, 390])
def test_it_is_looked_at_in_light_and_dark(built, tmp_path, width):
    site, _ = built
    with launched() as browser:
        for scheme in ("light", "dark"):
            page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
            faults: list[str] = []
            page.on("console", lambda m, kept=faults: m.type == "error" and kept.append(m.text))
            page.on("pageerror", lambda error, kept=faults: kept.append(str(error)))
            page.on("request", lambda r, kept=faults: r.url[:4] == "http" and kept.append(r.url))
            grounds = set()
            for name in ("index.html", "api.html", "docs/library.html"):
                page.goto((site / name).as_uri())
                page.get_by_role("heading").first.wait_for()
                page.screenshot(path=tmp_path / f"{Path(name).stem}-{width}-{scheme}.png")
                grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
            (ground,) = grounds
            level = sum(map(int, re.findall(r"\d+", ground)[:3])) / 3
            assert (level > 128) == (scheme == "light"), ground
            assert faults == []
