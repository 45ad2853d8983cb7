"""What `make differences` wrote is its table, and says nothing that the table does not."""

import importlib.util
import sys

import pandas as pd
import pytest
from repository import ROOT

CSV = ROOT / "benchmarks/differences.csv"


@pytest.fixture(scope="module")
def script():
    path = ROOT / "benchmarks/differences.py"
    spec = importlib.util.spec_from_file_location("differences", path)
    sys.modules["differences"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_that_of_the_table_but_for_the_versions(script):
    table = pd.read_csv(CSV, keep_default_na=False)
    found, written = (
        text.split("\nMeasured with")[0]
        for text in (script.document(table), (ROOT / "docs/differences.md").read_text())
    )
    assert found.replace(version_of(found), version_of(written)) == written


def version_of(text: str) -> str:
    return text.split("pipeline of diffusers ")[1].split(" ")[0]


def test_what_nobody_explains_is_no_page(script):
    table = pd.read_csv(CSV, keep_default_na=False)
    mine = (table["what"] == "SkyReels-V2") & (table["quantity"] == "float32, largest")
    table.loc[mine, "value"] = 1e-3
    with pytest.raises(AssertionError, match=r"nobody explains: .'SkyReels-V2'"):
        script.document(table)
