"""Writes the table of claims in README.md from figures/claims.csv: `make docs`."""

import re
from pathlib import Path

import pandas as pd

from chain_of_steps.artifacts import read_table
from chain_of_steps.study.verdicts import counted, matrix

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
BLOCK = re.compile(r"(?<=<!-- claims: make docs -->\n).*?(?=<!-- end of claims -->)", re.DOTALL)


def block(table: pd.DataFrame) -> str:
    """The primary endpoints on every model, and how all claims came out on the first."""
    models = list(dict.fromkeys(table["model"]))
    primary = table[table["primary"].astype(bool)]
    main = table[table["model"] == models[0]]
    lines = []
    for name, some in (("primary endpoints", main[main["primary"].astype(bool)]), ("claims", main)):
        words = ", ".join(f"{word} {n}" for word, n in counted(some).items() if n)
        lines.append(f"Of {int(some['same_as'].isna().sum())} {name} on {models[0]}: {words}.")
    return "\n".join([*matrix(primary, models), "", *lines, ""])


if __name__ == "__main__":
    text = README.read_text(encoding="utf-8")
    made = block(read_table(ROOT / "figures/claims.csv"))
    README.write_text(BLOCK.sub(lambda match: made, text), encoding="utf-8")
