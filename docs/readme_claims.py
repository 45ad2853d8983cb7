"""Writes the table of claims in README.md from figures/claims.csv: `make docs`."""

import re
from pathlib import Path

from chain_of_steps.artifacts import read_table
from chain_of_steps.statistics.text import with_interval

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
BLOCK = re.compile(r"(?<=<!-- claims: make docs -->\n).*?(?=<!-- end of claims -->)", re.DOTALL)


def block() -> str:
    """The first measured claim of each section of the paper, and how all came out."""
    table = read_table(ROOT / "figures/claims.csv")
    sections = table["where"].str.extract(r"^Sections? .*?([\d.]+)(?:,|$)")[0]
    tested = table.assign(section=sections).dropna(subset=["section", "ours"])
    lines = [
        "| section, claim | published | ours [95 % interval], n | verdict |",
        "| --- " * 4 + "|",
    ]
    for row in tested.drop_duplicates("section").itertuples():
        number = with_interval(row.ours, row.ci_low, row.ci_high, ".2g")
        ours = f"{row.measure}: {number}, {row.n:.0f}"
        cells = (f"{row.section}: {row.claim}", row.published_words, ours, f"**{row.verdict}**")
        lines.append("| " + " | ".join(cells) + " |")
    counts = ", ".join(f"{verdict} {n}" for verdict, n in table["verdict"].value_counts().items())
    return "\n".join([*lines, "", f"All {len(table)} claims: {counts}.", ""])


if __name__ == "__main__":
    text = README.read_text(encoding="utf-8")
    README.write_text(BLOCK.sub(lambda match: block(), text), encoding="utf-8")
