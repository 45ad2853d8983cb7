"""No result is typed into a caption: numbers come from tables, by name.

The text of every caption is taken from the source; what stands in braces is computed, and the rest
may hold a digit only where ALLOWED says why.
"""

import ast
import re
from collections.abc import Iterator

import pytest
from repository import ROOT

from chain_of_steps.experiments.behaviours.perception import REACHED
from chain_of_steps.experiments.decision.examples import PANELS
from chain_of_steps.experiments.layers.maze_patching import LEAST_DROP
from chain_of_steps.statistics.cases import POWER

NOTEBOOKS = sorted((ROOT / "workflow/notebooks").glob("*.py"))
SENTENCES = sorted((ROOT / "src/chain_of_steps/experiments").glob("*/sentences.py"))
ALLOWED = {
    r"\b(Figure|Table|Supplement) S?\d+[a-z]?\b|\bS[1-9]\b": "the name of a figure",
    r"\b9[05]th percentile\b": "how the case that is shown is picked; compared below",
    r"\b95 %": "the level of intervals, one throughout",
    r"\bstep 0\b|\blatent frame 0\b": "where counting begins",
    r"\bN\(0, I\)": "the normal distribution",
    r"\bL2\b|\blog2\b|\b1 − CKA\b": "the name of a measure",
    r"\b[01]: [a-z]|\b0 alike, 1 twice as much": "what the ends of a scale mean",
    r"\bscaled so that 0 is [^,.()]* and 1 ": "what the ends of a scale mean",
    r"\bstays above 0\b|\bholds 0\b|\bboth numbers are 0\b": "zero as a bound, not as a result",
    r"\bis 0 at every step\b": "zero by algebra: one answer leaves nothing to mix",
    r"\b[A-Z][a-z]+ et al\. \d{4}, arXiv \d{4}\.\d{5}": "a reference",
    r"\bfirst reach 0\.9 of\b|\blost at least 0\.2\b": "a threshold; compared below",
    r"\bin \[0, 1\]": "the range of a score",
    r"\bwith probability 0\.8\b": "the power that is planned with; compared below",
    r"\b14B\b": "the name of a model",
}


def captions(source: str) -> Iterator[str]:
    """Text of captions as it is typed, {} for what is computed.

    They are what is assigned to a name with `caption` or `note` in it, appended to one of texts,
    or returned as texts.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign) and node.value:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [one.id for t in targets for one in ast.walk(t) if isinstance(one, ast.Name)]
            if any(re.search("caption|note|text|sentence|order|alike", name) for name in names):
                yield from _texts(node.value)
        elif isinstance(node, ast.Return) and node.value:
            yield from _texts(node.value)
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("append", "extend"):
            for argument in node.args:
                yield from _texts(argument)


def _texts(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.JoinedStr):
        parts = [one.value if isinstance(one, ast.Constant) else "{}" for one in node.values]
        yield " ".join("".join(parts).split())
        for one in node.values:
            if isinstance(one, ast.FormattedValue):
                yield from _texts(one.value)
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            yield " ".join(node.value.split())
    elif isinstance(node, ast.Subscript):  # table["column"] is no text
        yield from _texts(node.value)
    elif isinstance(node, ast.Call):
        yield from _texts(node.func)
        for one in node.args:  # text("...", n)
            if isinstance(one, ast.JoinedStr):
                yield from _texts(one)
    else:
        for one in ast.iter_child_nodes(node):
            yield from _texts(one)


def typed(text: str) -> list[str]:
    """Digits of a caption that nothing allows, with what stands around them."""
    for pattern in ALLOWED:
        text = re.sub(pattern, "", text)
    return re.findall(r".{0,30}\d[\d.,]*.{0,20}", text)


@pytest.mark.parametrize("path", [*NOTEBOOKS, *SENTENCES], ids=lambda path: path.stem)
def test_no_result_is_typed_into_a_caption(path):
    found = list(captions(path.read_text("utf-8")))
    assert path in SENTENCES or any(len(text) > 80 for text in found)
    assert [part for text in found for part in typed(text)] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_caption_agrees_with_the_paper_by_hand(path):
    """Whether a result is as in the paper hangs on a verdict, in a module of sentences."""
    for text in captions(path.read_text("utf-8")):
        assert not re.search("(as|like) in the paper|agrees? with the paper", text)


@pytest.mark.parametrize(
    "line",
    [
        'caption = f"Clean runs score 0.92, n = {n}."',
        'caption = f"Figure 3. The drop is {drop:.2f} at step 24."',
        'caption += "in 12 of 18 cases"',
        'texts.append(f"from 4.96 to {x}")',
        'note = "n = 234 (95 % intervals)"',
    ],
)
def test_a_typed_number_is_found(line):
    assert [part for text in captions(line) for part in typed(text)]


def test_typed_thresholds_and_picks_are_those_of_the_code():
    text = " ".join(path.read_text("utf-8") for path in NOTEBOOKS)
    text = " ".join(text.split())
    for words, constant in (
        ("first reach", REACHED),
        ("lost at least", LEAST_DROP),
        ("with probability", POWER),
    ):
        assert set(re.findall(rf"{words} (\d[\d.]*\d)", text)) <= {f"{constant:g}"}, words
    for figure in ("figure1", "figure2"):
        source = " ".join((ROOT / f"workflow/notebooks/{figure}.py").read_text("utf-8").split())
        (quantile,) = {panel.quantile for panel in PANELS if panel.figure == figure}
        assert re.findall(r"the (\d+)th percentile", source) == [f"{100 * quantile:.0f}"]
