"""`snakemake --report` of the smoke study, opened in a browser."""

import json
import zipfile
from pathlib import Path

import pytest
from browser import open_page
from smoke import SMOKE, snakemake

from chain_of_steps.artifacts import read_table


@pytest.fixture(scope="module")
def report(smoke, tmp_path_factory) -> Path:
    """The unpacked page of the report."""
    folder = tmp_path_factory.mktemp("report")
    snakemake(smoke.tree, "--cores", "2", *SMOKE, "--report", str(folder / "report.zip"))
    with zipfile.ZipFile(folder / "report.zip") as file:
        file.extractall(folder)
    (page,) = folder.rglob("report.html")
    return page


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.slow
def test_every_category_opens_and_every_figure_is_shown_with_its_caption(smoke, report):
    figures = smoke.tree / "results/smoke/figures"
    made = {*json.loads((figures / "manifest.json").read_text())["figures"], "claims"}
    seen = set()
    with open_page(report.as_uri()) as (page, faults):
        page.get_by_role("heading", name="Study smoke").wait_for()
        opens_with_the_verdicts(page, figures)
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
                drawn = (figures / f"{name}.png").exists()
                inside = page.frame_locator(f"iframe[src$='{name}.html']")
                if drawn:
                    picture = inside.locator("img")
                    picture.wait_for()
                    said = words((figures / f"{name}.md").read_text())
                    assert picture.get_attribute("alt") == said
                    assert pixels_across(picture) > 100
                else:
                    cells = inside.locator("tr")
                    cells.first.wait_for()
                    table = read_table(figures / f"{name}.csv")
                    if name == "claims":  # a row of the matrix and one of the details each
                        assert cells.count() > 2 * table["id"].nunique()
                    else:
                        assert cells.count() == 1 + len(table)
                row.locator("a").last.click()
                caption = words(page.locator("nav .prose").inner_text())
                assert f"results/smoke/figures/{name}." in caption
                if drawn:
                    assert words((figures / f"{name}.md").read_text()) in caption
                page.locator("nav ol").get_by_text(category, exact=True).click()
    assert made <= seen
    assert faults == []


def opens_with_the_verdicts(page, figures: Path) -> None:
    """The primary endpoints on every model, and Figures 1 and 7, which say what they show."""
    front = page.locator(".front")
    table = read_table(figures / "claims.csv")
    primary = table[table["primary"].astype(bool)]
    assert front.locator("tbody tr").count() == primary["id"].nunique() > 0
    said = [words(text) for text in front.locator("tbody strong").all_inner_texts()]
    assert sorted(said) == sorted(primary["verdict"])
    for number, name in enumerate(("figure1", "figure7")):
        picture = front.locator("img").nth(number)
        assert picture.get_attribute("alt") == words((figures / f"{name}.md").read_text())
        assert pixels_across(picture) > 100


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 390])
def test_it_is_looked_at_at_two_widths(report, tmp_path, width):
    with open_page(report.as_uri(), width=width) as (page, faults):
        page.locator(".front table").wait_for()
        page.screenshot(path=tmp_path / f"report-{width}.png")
        assert page.locator(".front img").count() == 2
        assert faults == []


@pytest.mark.slow
def test_the_summary_is_one_page(smoke):
    content = (smoke.tree / "results/smoke/figures/summary.pdf").read_bytes()
    assert content.startswith(b"%PDF") and content.count(b"/Type /Page ") == 1


def pixels_across(picture) -> int:
    return picture.evaluate("image => image.decode().then(() => image.naturalWidth)")
