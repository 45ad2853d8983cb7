"""`snakemake --report` of the smoke study, opened in a browser."""

import json
import zipfile
from pathlib import Path

import pytest
from browser import open_page
from smoke import SMOKE, snakemake

pytestmark = pytest.mark.slow


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
