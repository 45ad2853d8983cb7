"""Writes what README.md says of results from figures/claims.csv: `make docs`.

Two blocks, between marks. `found`: what came out, and what the models can and cannot show; each
clause hangs on the verdict of a primary endpoint, so none can say what its verdict does not.
`claims`: the primary endpoints on every model.
"""

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from chain_of_steps.artifacts import read_table
from chain_of_steps.statistics.text import with_interval
from chain_of_steps.statistics.verdicts import FAILS, HOLDS, NO_ROOM, UNDECIDED, UNMEASURED
from chain_of_steps.study.verdicts import TELLS_NOT, counted, matrix

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
BLOCKS = {
    name: re.compile(rf"(?<=<!-- {name}: make docs -->\n).*?(?=<!-- end of {name} -->)", re.DOTALL)
    for name in ("found", "claims")
}


KEY = textwrap.fill(
    "A verdict is judged on its whole 95 % interval: **no room** where later steps are not shown to"
    " put any run of this model right, **cannot be measured here** where there is no such"
    " measurement; †: it comes out alike on a model without room, and is no test of what steps do."
    " [How verdicts come about](docs/verdicts.md).",
    100,
)


@dataclass(frozen=True)
class Clause:
    """What a verdict on a claim says in a sentence.

    {0} is the number with its interval, {1} the smallest effect of interest.
    """

    id: str
    holds: str
    fails: str
    question: str


# the question of the paper, in the order in which it is asked
CLAUSES = (
    Clause(
        "steps-needed-beyond-the-reach",
        "later denoising steps put right what the first one does not answer ({0} of runs)",
        "later denoising steps do not put right what the first one does not answer ({0} of runs, "
        "where {1} was asked for)",
        "whether later denoising steps put right what the first one does not answer",
    ),
    Clause(
        "steps-change-what-leads",
        "steps change what leads, and do not merely sharpen it ({0} of runs)",
        "what steps change is hardly what leads ({0} of runs, where {1} was asked for)",
        "whether steps change what leads, or merely sharpen it",
    ),
    Clause(
        "order-by-hops",
        "along the steps the answer grows inference by inference ({0} steps each)",
        "along the steps the answer does not grow inference by inference ({0} steps each, where "
        "{1} was asked for)",
        "whether along the steps the answer grows inference by inference",
    ),
    Clause(
        "not-by-frames",
        "all frames are decided together ({0} steps from one to the next)",
        "frames are not decided together ({0} steps from one to the next)",
        "whether all frames are decided together",
    ),
)


def found(table: pd.DataFrame) -> str:
    """Two sentences: what was found on the first model, and what can and cannot be shown."""
    model = table["model"].iloc[0]
    main = table[table["model"] == model].set_index("id")
    asked = [(one, main.loc[one.id]) for one in CLAUSES if one.id in main.index]
    said, open_, no_test = [], [], []
    for clause, row in asked:
        number = with_interval(row["ours"], row["ci_low"], row["ci_high"])
        if row["verdict"] in (HOLDS, FAILS) and row["tells"] == TELLS_NOT:
            no_test.append(clause.question)
        elif row["verdict"] in (HOLDS, FAILS):
            text = clause.holds if row["verdict"] == HOLDS else clause.fails
            text = text.format(number, f"{row['sesoi']:.3g}")
            seeds = row["by_training_seed"]
            if isinstance(seeds, str) and f"{model} " not in seeds:  # those it was not chosen by
                n = seeds.count(",") + 1
                text = text.replace(
                    " of runs", f" of runs of {n} others, trained from other seeds", 1
                )
            said.append(text)
        elif row["verdict"] == UNDECIDED:
            open_.append(clause.question)
        else:
            no_test.append(clause.question)
    parts = [_listed(said)] if said else []
    parts += [f"it stays undecided {_listed(open_)}"] if open_ else []
    if not parts:
        parts = ["nothing could be found out on what denoising steps do"]
    size = main["parameters"].iloc[0]
    size = "" if pd.isna(size) else f" of {size / 1e6:.2g} million parameters"
    first = f"In `{model}`, a video diffusion transformer{size} trained here, {'; '.join(parts)}."
    return textwrap.fill(f"{first} {_scope(main, no_test)}", 100, break_on_hyphens=False) + "\n"


def _scope(main: pd.DataFrame, no_test: list[str]) -> str:
    """What the model can show, by its room, and what it cannot."""
    once = main[main["same_as"].isna()]
    untold = int(once["verdict"].isin([NO_ROOM, UNMEASURED]).sum())
    known = main.dropna(subset=["room"]).sort_values("could_change_of", kind="stable")
    with_room = known[known["room_low"] > 0]
    if known.empty:
        can = "Whether its runs have room to show what steps do is not known"
    else:
        room = (with_room if len(with_room) else known).iloc[-1]
        can = "It can show what steps do" if len(with_room) else "It cannot show what steps do"
        number = with_interval(room["room"], room["room_low"], room["room_high"])
        of = f"{room['could_change']:.0f} of {room['could_change_of']:.0f} runs could change"
        can += f" (right at the end minus right at step 0: {number} of runs; {of})"
    cannot = [f"test {untold} of {len(once)} claims"] if untold else []
    cannot += [f"tell {_listed(no_test)}"] if no_test else []
    cannot.append("say what models of billions of parameters, trained on real videos, do")
    return f"{can}; it cannot {', nor '.join(cannot)}."


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def block(table: pd.DataFrame) -> str:
    """The primary endpoints on every model, and how all claims came out on the first."""
    models = list(dict.fromkeys(table["model"]))
    primary = table[table["primary"].astype(bool)]
    main = table[table["model"] == models[0]]
    lines = []
    for name, some in (("primary endpoints", main[main["primary"].astype(bool)]), ("claims", main)):
        words = ", ".join(f"{word} {n}" for word, n in counted(some).items() if n)
        lines.append(f"Of {int(some['same_as'].isna().sum())} {name} on {models[0]}: {words}.")
    lines += ["", KEY]
    made = matrix(primary, models, narrow=True)
    # claims.md lies beside the figures, this page does not
    rows = [re.sub(r"\]\((\w+\.md)\)", r"](figures/\1)", row) for row in made]
    return "\n".join([*rows, "", *lines, ""])


def with_blocks(text: str, table: pd.DataFrame) -> str:
    """The page with both blocks written anew."""
    for name, made_of in (("found", found), ("claims", block)):
        assert len(BLOCKS[name].findall(text)) == 1, f"the marks of {name} are not there once"
        made = made_of(table)
        text = BLOCKS[name].sub(lambda match, made=made: made, text)
    return text


if __name__ == "__main__":
    made = with_blocks(README.read_text("utf-8"), read_table(ROOT / "figures/claims.csv"))
    README.write_text(made, encoding="utf-8")
