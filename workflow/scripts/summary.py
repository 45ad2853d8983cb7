"""The study at one look: Figures 1 and 7, the primary endpoints on each model, and the cost.

    python workflow/scripts/summary.py figures front.html summary.pdf

front.html opens the report, summary.pdf is one page for a talk or a group meeting. Nothing is
computed: pictures, captions, verdicts and cost are those of the folder.
"""

import base64
import html
import re
import sys
import textwrap
from pathlib import Path

import matplotlib.pyplot as plt
import mistune
import pandas as pd

from chain_of_steps import plots
from chain_of_steps.artifacts import read_table
from chain_of_steps.files import atomic_path
from chain_of_steps.statistics.verdicts import FAILS, HOLDS
from chain_of_steps.study.verdicts import matrix

SHOWN = ("figure1", "figure7")
STYLE = """<style>
  .front img { max-width: 100%; background: white }
  .front table { border-collapse: collapse; font-size: 12px; display: block; overflow-x: auto }
  .front th, .front td { padding: 0.2em 0.6em; text-align: left; vertical-align: top }
  .front tr { border-bottom: 1px solid #8884 }
</style>"""
COLOUR = {HOLDS: "#1a7f37", FAILS: "#b42318"}
PAPER = (11.7, 8.3)  # A4, inches


def main(figures: Path, front: Path, pdf: Path) -> None:
    table = read_table(figures / "claims.csv")
    primary = table[table["primary"].astype(bool)]
    pictures = {name: figures / f"{name}.png" for name in SHOWN}
    pictures = {name: path for name, path in pictures.items() if path.is_file()}
    with atomic_path(front) as path:
        path.write_text(opening(primary, pictures), encoding="utf-8")
    cost = figures / "cost.md"
    spent = total(cost.read_text(encoding="utf-8")) if cost.is_file() else ""
    draw(primary, pictures, spent, pdf)


def alt(picture: Path) -> str:
    """What a picture shows, for who cannot see it: its caption."""
    return " ".join(picture.with_suffix(".md").read_text(encoding="utf-8").split())


def opening(primary: pd.DataFrame, pictures: dict[str, Path]) -> str:
    models = list(dict.fromkeys(primary["model"]))
    parts = [STYLE, '<div class="front">']
    if len(primary):
        # links of the matrix lead to pages that lie elsewhere in a report
        lines = [re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", line) for line in matrix(primary, models)]
        rows = mistune.create_markdown(plugins=["table"])("\n".join(lines))
        parts += ["<h2>Primary endpoints, on each model</h2>", rows]
    for picture in pictures.values():
        data = base64.b64encode(picture.read_bytes()).decode()
        said = html.escape(alt(picture))
        parts.append(f'<figure><img alt="{said}" src="data:image/png;base64,{data}"></figure>')
        parts.append(f"<p>{said}</p>")
    return "\n".join([*parts, "</div>", ""])


def total(cost: str) -> str:
    """The last row of the table of costs, in words."""
    machine = re.search(r"On (.+?)\. Minutes", " ".join(cost.split()))
    rows = [line.strip("| ").split(" | ") for line in cost.splitlines() if line.startswith("| ")]
    known = dict(zip(rows[0][1:], rows[-1][1:], strict=True))
    words = ", ".join(f"{number} {name}" for name, number in known.items())
    return f"Cost: {words}{f', on {machine[1]}' if machine else ''}."


def draw(primary: pd.DataFrame, pictures: dict[str, Path], spent: str, pdf: Path) -> None:
    plots.style()
    figure = plt.figure(figsize=PAPER)
    models = list(dict.fromkeys(primary["model"]))
    for n, (name, path) in enumerate(pictures.items()):
        axis = figure.add_axes((0.02 + 0.49 * n, 0.47, 0.47, 0.45))
        axis.imshow(plt.imread(path))
        axis.set_title(f"{name[0].upper()}{name[1:-1]} {name[-1]}", fontsize=9)
        axis.axis("off")
    figure.text(0.02, 0.95, "Where in a video diffusion model does the reasoning happen?", size=13)
    lines = primary.groupby("id", sort=False)
    step = min(0.045, 0.36 / max(1, len(lines) + 1))
    wide = 0.98 - 0.42
    for n, model in enumerate(models):
        figure.text(0.42 + wide * n / len(models), 0.43, model, size=7, weight="bold")
    for row, (_, mine) in enumerate(lines, start=1):
        y = 0.43 - step * row
        first = mine.iloc[0]
        claim = textwrap.fill(f"{first['claim']} ({first['where']})", 75)
        figure.text(0.02, y, claim, size=6.5, va="center")
        for one in mine.itertuples():
            x = 0.42 + wide * models.index(one.model) / len(models)
            said = one.verdict if pd.isna(one.ours) else f"{one.verdict}\n{one.ours:.3g}"
            colour = COLOUR.get(one.verdict, "0.35")
            figure.text(x, y, said, size=6, va="center", color=colour)
    figure.text(0.02, 0.02, spent, size=7, color="0.3")
    with atomic_path(pdf) as path:
        figure.savefig(path, format="pdf", metadata={"CreationDate": None})
    plt.close(figure)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
