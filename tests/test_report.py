"""`snakemake --report` of the smoke study, opened in a browser."""

import json
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from browser import open_page
from bs4 import BeautifulSoup
from smoke import SMOKE, snakemake

from chain_of_steps.plots import save_table


@pytest.fixture(scope="module")
def report(smoke_study, tmp_path_factory) -> Path:
    """The unpacked page of the report."""
    folder = tmp_path_factory.mktemp("report")
    snakemake(smoke_study, *SMOKE, "--report", str(folder / "report.zip"))
    with zipfile.ZipFile(folder / "report.zip") as file:
        file.extractall(folder)
    (page,) = folder.rglob("report.html")
    return page


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.slow
def test_every_category_opens_and_every_figure_is_shown_with_its_caption(smoke_study, report):
    figures = smoke_study / "results/smoke/figures"
    made = json.loads((figures / "manifest.json").read_text())["figures"].keys()
    seen = set()
    with open_page(report.as_uri()) as (page, faults):
        page.get_by_role("heading", name="Study smoke").wait_for()
        menu = [words(text) for text in page.locator("nav li a").all_inner_texts()]
        for category in menu[menu.index("About") + 1 :]:
            page.locator("nav ol a").first.click()  # home
            page.get_by_role("link", name=category, exact=True).click()
            page.locator("tbody tr").first.wait_for()
            names = [words(text) for text in page.locator("tbody tr").all_inner_texts()]
            seen.update(names)
            for name in made & set(names):
                row = page.locator("tbody tr", has=page.get_by_text(name, exact=True))
                row.locator("a").first.click()
                wait_until_shown(page, name)
                row.locator("a").last.click()
                caption = words(page.locator("nav .prose").inner_text())
                assert f"by workflow/notebooks/{name}.py from" in caption
                if (figures / f"{name}.png").exists():
                    assert words((figures / f"{name}.md").read_text()) in caption
                page.locator("nav ol").get_by_text(category, exact=True).click()
    assert made <= seen
    assert faults == []


def wait_until_shown(page, name: str) -> None:
    """What the eye opens: a picture with pixels, or a table with its note."""
    picture = page.locator(f"img[src$='{name}.png']")
    table = page.frame_locator(f"iframe[src$='{name}.html']").locator("table")
    picture.or_(page.locator("iframe")).first.wait_for()
    if picture.count():
        handle = picture.element_handle()
        page.wait_for_function("image => image.naturalWidth > 100", arg=handle)
    else:
        table.wait_for()


def test_the_page_of_a_table_has_its_cells_and_its_note_as_text(tmp_path):
    table = pd.DataFrame({"method": ["a < b", "c"], "score": ["0.25", ""]})
    save_table(table, tmp_path / "table9", "p < 0.001 & more", ["tables/a.csv"])
    page = BeautifulSoup((tmp_path / "table9.html").read_text(), "html.parser")
    rows = [[cell.text for cell in row.find_all(["th", "td"])] for row in page.find_all("tr")]
    assert rows == [["method", "score"], ["a < b", "0.25"], ["c", ""]]
    assert page.find("p").text == "p < 0.001 & more"
