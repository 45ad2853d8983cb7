"""The playground in a real browser, Debian's Chromium, opened from disk and from a server.

Screenshots of both widths lie in the folder SCREENSHOTS names, or else in pytest's own. PLAYGROUND
names a page that is there already, with two models or more, to work it instead of a new one.
"""

import base64
import functools
import http.server
import io
import json
import os
import threading
from pathlib import Path

import pytest
from browser import launched
from PIL import Image
from repository import ROOT

from chain_of_steps import cli

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.slow
RUNTIME = ROOT / "web/node_modules/onnxruntime-web/dist"
SIZES = {"wide": (1280, 900), "narrow": (390, 844)}
STUDY = {
    "study": "drawn",
    "experiments": ["decision"],
    "models": {
        name: {"path": str(ROOT / "models" / name), "max_sequence_length": 24}
        for name in ("depth-3", "depth-2")
    },
    "sampler": {"steps": 5, "shift": 5.0},
    "cases": {
        **{"tasks": ["maze", "grid", "chain"], "in-domain": 1, "out-of-domain": 0},
        "board": {"rows": 6, "columns": 6, "beats": 5},
    },
    "video": {"area": 9216, "frames": 21},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The page of two shipped models, as the command makes it."""
    if "PLAYGROUND" in os.environ:
        return Path(os.environ["PLAYGROUND"]).resolve()
    if not RUNTIME.is_dir():
        pytest.skip("no ONNX Runtime for browsers here: run npm ci in web/")
    root = tmp_path_factory.mktemp("playground")
    (root / "config.yaml").write_text(json.dumps(STUDY))
    words = ["--config", root / "config.yaml", "--runtime", RUNTIME, "--out", root / "page"]
    assert cli.main(["playground", *map(str, words)]) == 0
    return root / "page"


@pytest.fixture(scope="module")
def browser():
    with launched() as made:
        yield made


@pytest.fixture(scope="module")
def facts(folder) -> dict:
    """What the page is told of its study."""
    text = (folder / "study.js").read_text("utf-8")
    return json.loads(text.removeprefix("playground.open(").removesuffix(");\n"))


@pytest.fixture(scope="module")
def side(facts) -> int:
    """Rows and columns of the board."""
    return facts["board"]["columns"]


@pytest.fixture(scope="module")
def models(facts) -> list[str]:
    return [model["name"] for model in facts["models"]][:2]


class Playground:
    """A page, and what went wrong on it."""

    def __init__(self, page, url: str) -> None:
        self.page, self.url, self.faults, self.requests = page, url, [], []
        page.on("console", lambda m: m.type in ("error", "warning") and self.faults.append(m.text))
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))

    def open(self, link: str = "") -> "Playground":
        self.page.goto("about:blank")
        self.page.goto(self.url + link)
        return self.ended()

    def ended(self) -> "Playground":
        self.page.wait_for_function("document.documentElement.dataset.runs === 'ended'")
        return self

    def change(self, act) -> None:
        """Does something that starts the runs anew, and waits for their end."""
        act()
        self.ended()

    def says(self, kind: str = "clean") -> str:
        return self.page.locator(f"#{kind}-says").inner_text()

    def link(self) -> dict[str, str]:
        self.page.wait_for_timeout(300)
        text = self.page.evaluate("location.hash")
        return dict(part.split("=") for part in text[1:].split("&"))

    def pictures(self) -> list[str]:
        """Those of both runs, as PNG in data URLs."""
        canvas = "document.getElementById('{}').toDataURL()"
        return [self.page.evaluate(canvas.format(kind)) for kind in ("clean", "noisy")]

    def wide(self) -> bool:
        """Whether one has to scroll sideways."""
        return self.page.evaluate("document.documentElement.scrollWidth > innerWidth")


@pytest.fixture
def new_page(browser, folder):
    made = []

    def make(size: str = "wide", url: str | None = None) -> Playground:
        width, height = SIZES[size]
        context = browser.new_context(
            viewport={"width": width, "height": height}, has_touch=size == "narrow"
        )
        context.set_default_timeout(240_000)
        made.append(Playground(context.new_page(), url or (folder / "playground.html").as_uri()))
        return made[-1]

    yield make
    faults = [fault for one in made for fault in one.faults]
    for one in made:
        one.page.context.close()
    assert faults == []


@pytest.mark.parametrize("size", SIZES)
def test_from_disk_as_one_file(new_page, size, tmp_path):
    page = new_page(size).open()
    assert page.page.locator("#prompt").inner_text().startswith("Draw the way through the maze")
    assert "result" in page.says()
    assert not page.wide()
    assert [url for url in page.requests if not url.startswith(("file:", "data:", "blob:"))] in (
        [],
        ["about:blank"],
    )
    shots = Path(os.environ.get("SCREENSHOTS", tmp_path))
    page.page.screenshot(path=shots / f"playground-{size}.png", full_page=True)


def test_from_a_server_with_its_files_beside_it(new_page, folder, models):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = new_page(url=f"http://127.0.0.1:{server.server_port}/index.html").open("#steps=2")
        names = [url.rpartition("/")[2] for url in page.requests]
        server.shutdown()
    first, second = (f"{name}.js" for name in models)
    assert first in names and second not in names, "models load when they are asked for"


def test_the_page_from_disk_with_its_files_beside_it(new_page, folder, models):
    page = new_page(url=(folder / "index.html").as_uri()).open(f"#steps=2&model={models[1]}")
    assert models[1] in page.page.locator("#clean-name").inner_text()


def test_drawing_with_mouse_and_touch(new_page, side):
    # rows that meet in the first column, from one corner to the other
    rows = ["1" * (side - 1) + "0" for _ in range(side)]
    comb = "".join(f"3{row[1:]}" for row in rows[1:]) + rows[0]
    puzzle = [comb, "0", str(side**2 - 1)]
    page = new_page("narrow").open(f"#steps=2&task=maze&puzzle={'.'.join(puzzle)}")
    board = page.page.locator("#board")
    assert page.page.locator("#board-says").inner_text().endswith("candidate answers")
    page.page.click("[data-tool=start]")
    board.scroll_into_view_if_needed()
    box = board.bounding_box()
    pitch = (box["width"] - 6) / side  # without its frame
    place = (box["x"] + 3 + 1.5 * pitch, box["y"] + 3 + 0.5 * pitch)
    page.change(lambda: page.page.touchscreen.tap(*place))
    assert page.link()["puzzle"].split(".") == [puzzle[0], "1", puzzle[2]]
    page.page.click("[data-tool=walls]")
    wall = {"x": 3 + 2.5 * pitch, "y": 3 + 1.95 * pitch}
    page.change(lambda: board.click(position=wall))
    walls = page.link()["puzzle"].split(".")[0]
    changed = [n for n in range(side**2) if walls[n] != puzzle[0][n]]
    assert changed == [side + 2], "the wall below the tile of row 2 and column 3"
    said = page.page.locator("#board-says").inner_text()
    assert "one way between any two tiles" in said


def test_keyboard_alone(new_page, side):
    page = new_page().open("#steps=2&task=maze")
    keys, before = page.page.keyboard, page.link()["puzzle"]
    page.page.locator("#shuffle").focus()
    page.change(lambda: keys.press("Enter"))
    walls, start, goal = page.link()["puzzle"].split(".")
    assert ".".join((walls, start, goal)) != before
    page.page.locator("#board").focus()
    keys.press("ArrowDown")
    keys.press("ArrowRight")
    cell = str(side + 1)
    keys.press("g" if start == cell else "s")
    placed = [start, cell] if start == cell else [cell, goal]
    assert page.link()["puzzle"].split(".")[1:] == placed
    keys.press("Shift+ArrowRight")
    changed = page.link()["puzzle"].split(".")[0]
    assert [n for n in range(side**2) if changed[n] != walls[n]] == [side + 1]
    keys.press("Shift+ArrowRight")
    assert page.link()["puzzle"].split(".")[0] == walls
    page.page.locator("#model").focus()
    for _ in range(40):  # from the model on by tabs alone
        keys.press("Tab")
        if page.page.evaluate("document.activeElement.id") == "step":
            break
    keys.press("Home")
    playwright.expect(page.page.locator("#clean-says")).to_contain_text("step 0,")
    keys.press("ArrowRight")
    playwright.expect(page.page.locator("#clean-says")).to_contain_text("step 1,")


def test_a_second_run_on_the_same_noise(new_page, models):
    page = new_page().open(f"#steps=3&second={models[0]}")
    same = page.pictures()
    assert same[0] == same[1], "the same model on the same noise"
    page.change(lambda: page.page.select_option("#second", models[1]))
    other = page.pictures()
    assert other[0] == same[0] and other[1] != other[0]


@pytest.mark.parametrize("change", ["mistake", "picture", "prefix"])
def test_changes_by_a_click_act_from_their_step_on(new_page, change):
    page = new_page().open("#steps=4")
    page.page.fill("#step", "2")
    page.change(lambda: page.page.click(f"#do-{change}"))
    assert page.link()["at"] == "2" and page.link()["change"] == change

    def looks(step: int) -> list[str]:
        page.page.fill("#step", str(step))
        page.page.wait_for_timeout(200)
        return page.pictures()

    assert looks(1)[0] == looks(1)[1]
    assert looks(2)[0] != looks(2)[1]
    assert "changed" in page.page.locator(".mark b").all_inner_texts()
    page.change(lambda: page.page.click("#do-none"))
    playwright.expect(page.page.locator("figure.noisy")).to_be_hidden()


def test_a_link_leads_to_the_same_puzzle_and_runs(new_page):
    page = new_page().open()
    page.change(lambda: page.page.select_option("#task", "chain"))
    for name, value in {"seed": "7", "steps": "3", "passes": "2"}.items():
        page.page.fill(f"#{name}", value)
    page.change(lambda: page.page.locator("#passes").blur())
    page.page.fill("#frame", "9")
    page.page.wait_for_timeout(400)
    link = page.page.evaluate("location.hash")
    picture = page.pictures()[0]
    other = new_page().open(link)
    assert other.page.evaluate("location.hash") == link
    assert other.pictures()[0] == picture
    assert "loop=0.7x2" in link and "seed=7" in link
    wrong = new_page()
    wrong.page.goto(wrong.url + "#task=chess&puzzle=x&steps=2")  # the sentence goes after a while
    playwright.expect(wrong.page.locator("#said")).to_contain_text("There is no task chess")
    wrong.ended()


def test_exports(new_page, side, models):
    page = new_page().open(f"#steps=3&second={models[1]}")

    def saved(button: str) -> Image.Image:
        with page.page.expect_download() as download:
            page.page.click(button)
        return Image.open(io.BytesIO(Path(download.value.path()).read_bytes()))

    sheet = saved("#png")
    assert sheet.format == "PNG" and sheet.height > 2 * 5 * 16 * side
    film = saved("#gif")
    assert film.format == "GIF" and film.n_frames == 4
    assert film.size == (2 * 48 * side + 6, 48 * side + 16)
    film.seek(3)
    small = (16 * side, 16 * side)
    last = film.convert("RGB").crop((0, 0, 48 * side, 48 * side))
    last = last.resize(small, Image.Resampling.NEAREST)
    data = page.pictures()[0]
    shown = Image.open(io.BytesIO(base64.b64decode(data.partition(",")[2]))).convert("RGB")
    differences = [
        abs(a - b)
        for one, other in zip(last.get_flattened_data(), shown.get_flattened_data(), strict=True)
        for a, b in zip(one, other, strict=True)
    ]
    assert sum(differences) / len(differences) < 4, "the palette keeps the colours"
