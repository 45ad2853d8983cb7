"""Table 2 as its notebook draws it, from made-up scores."""

import numpy as np
import pandas as pd
import pytest
from repository import ROOT

from chain_of_steps.artifacts import read_table, write_table
from chain_of_steps.experiments.vbvr.scores import summarise_scores
from chain_of_steps.files import read_json
from chain_of_steps.statistics.resampling import Resampling

NOTEBOOK = ROOT / "workflow/notebooks/table2_vbvr.py"
PUBLISHED = ROOT / "workflow/paper/published_vbvr.csv"
HEAD, PRO = "as EvalKit's HEAD", "by VBVR-Pro-Bench"
CASES = pd.DataFrame(
    {
        "case": ["in-domain/a/0", "in-domain/a/1", "out-of-domain/b/0", "out-of-domain/b/1"],
        "task": ["a", "a", "b", "b"],
        "split": ["in-domain"] * 2 + ["out-of-domain"] * 2,
        "family": ["Knowledge", "Knowledge", "Spatiality", "Spatiality"],
    }
)


def run_of(label: str, condition: str, score, head=None, pro=np.nan) -> pd.DataFrame:
    none = dict.fromkeys(("kind", "mode", "index", "step", "sigma"), np.nan)
    reference = condition == "reference"
    return CASES[["case", "task", "split"]].assign(
        **none,
        **{"label": label, "condition": condition, "score": score, "pro": pro},
        **{"model": "none" if reference else "m", "seed": np.nan if reference else 1},
        head=score if head is None else head,
        scorer="lmms-eval 0.7.3 (OpenCV 4.10.0)",
        pro_scorer=None if np.isnan(pro).all() else "VBVR-Pro-Bench, commit abc",
    )


def drawn(folder, *scores: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The table by run, and its note."""
    tables = folder / "tables"
    tables.mkdir()
    table = pd.concat(scores, ignore_index=True)
    write_table(tables / "vbvr.csv", summarise_scores(table, CASES, resampling=Resampling(100, 0)))
    (tables / "published_vbvr.csv").write_bytes(PUBLISHED.read_bytes())
    source, places = NOTEBOOK.read_text("utf-8"), {"tables": tables, "stem": folder / "table2"}
    for name, place in places.items():
        (line,) = [one for one in source.splitlines() if one.startswith(f"{name}: str = ")]
        source = source.replace(line, f"{name}: str = {str(place)!r}")
    exec(compile(source, str(NOTEBOOK), "exec"), {"__name__": "notebook"})
    found = read_table(folder / "table2.csv").set_index("run")
    return found, read_json(folder / "table2.json")["caption"]


def test_table_2_says_whose_scorer_it_is_and_what_others_count(tmp_path):
    found, note = drawn(
        tmp_path,
        run_of("truth", "reference", [0.9, 1.0, 0.8, 0.9]),
        run_of("single run", "clean", [0.5, 0.7, 0.1, 0.3], head=[0.5, 0.7, 0.0, 0.0]),
    )
    assert found.loc["single run", "overall"] == pytest.approx(0.4)
    assert found.loc["single run", HEAD] == pytest.approx(0.3)
    assert found.loc["truth", HEAD] == found.loc["truth", "overall"] == pytest.approx(0.9)
    assert found.loc[["truth", "single run"], PRO].isna().all()
    assert "as lmms-eval 0.7.3 (OpenCV 4.10.0) has it" in note
    assert "at commit 275472f, where G-24 and G-54 lack an import" in note
    assert "By VBVR-Pro-Bench: means" not in note


def test_published_scores_stand_under_the_bench_that_they_are_of(tmp_path):
    pro = [0.2, 0.4, np.nan, 0.6]
    found, note = drawn(
        tmp_path,
        run_of("truth", "reference", 0.9, pro=0.8),
        run_of("single run", "clean", 0.5, pro=pro),
    )
    assert found.loc["single run", PRO] == pytest.approx(0.4)
    assert "by the rules of VBVR-Pro-Bench, commit abc, of 7 of 8 videos" in note
    published = read_table(PUBLISHED).set_index("model")
    assert set(published["bench"]) == {"VBVR-Bench", "VBVR-Pro-Bench"}
    base = found.loc["Wan2.2-TI2V-5B (published)"]
    assert base[PRO] == published.loc["Wan2.2-TI2V-5B", "overall"] == 0.094
    assert pd.isna(base["overall"]) and pd.isna(base["ID"])
    both = found.loc["VBVR-Wan2.2 (published)"]  # by either bench
    assert both["overall"].dropna().tolist() == [0.685]
    assert both[PRO].dropna().tolist() == [0.517]
