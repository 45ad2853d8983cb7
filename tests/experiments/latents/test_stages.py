"""All figures of latents of a study of VBVR-Bench whose model has guidance, from its commands on.

What the scorer gives is made up; what a study may lack is drawn as a sentence.
"""

import re

import matplotlib.pyplot as plt
import pandas as pd
import pytest
import standin
import yaml
from repository import ROOT

from chain_of_steps.artifacts import read_table
from chain_of_steps.cli import main
from chain_of_steps.files import read_json
from chain_of_steps.study.config import load_config
from chain_of_steps.study.plan import groups, stages
from chain_of_steps.video import read_image

pytestmark = pytest.mark.slow
NOTEBOOKS = sorted((ROOT / "workflow/notebooks").glob("latents*.py"))
STEPS = 3
STUDY = {
    "experiments": ["vbvr", "latents"],
    "models": {"pocket": {"path": "model", "max_sequence_length": 24, "guidance": 3.0}},
    "sampler": {"steps": STEPS},
    "execution": {"shard": 1, "batch": 2},
    "vbvr": {"conditions": ["clean", "steps", "noise"], "steps_every": 1},
}


def cos(command: str, *arguments) -> None:
    assert main([command, "--config", "c.yaml", *map(str, arguments)]) == 0


@pytest.fixture(scope="module")
def study(tmp_path_factory, build_pocket):
    """The folder of a study with all parts: the tables of latents and of what lies before them."""
    root, data = (tmp_path_factory.mktemp(name) for name in ("study", "data"))
    standin.write_bench(data, lengths=(17, 9))
    standin.prepare(root, data, build_pocket)
    (root / "c.yaml").write_text(yaml.safe_dump(standin.config_of(data, **STUDY)))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        cases, model = ("--cases", "cases"), ("--model", "pocket")
        cos("cases", "--out", "cases")
        parts, flows = [], []
        for shard in (0, 1):
            stored = f"trajectories/pocket/{shard}.safetensors"
            cos("sample", *model, *cases, "--shard", shard, "--out", stored)
            parts.append(f"latents/{shard}.parquet")
            cos("latents", "--trajectory", stored, "--out", parts[-1])
            flows.append(f"videos/{shard}.flow.parquet")
            made = ("--index", f"videos/{shard}.csv", "--out", f"videos/{shard}.parquet")
            stored = ("--trajectory", stored)
            cos("noise-videos", *model, *cases, *stored, *made, "--flow", flows[-1])
        cos("join", "--out", "tables/latents_runs.parquet", *parts)
        stored = ("--trajectories", "trajectories/pocket")
        cos(
            "latents-inside",
            *cases,
            *stored,
            "--out",
            "tables",
            "--strips",
            "tables/latents_strips",
        )
        runs = [f"tables/latents_{name}runs.parquet" for name in ("", "guidance_", "energy_")]
        pairs = zip(("--runs", "--guidance", "--energy"), runs, strict=True)
        cos("latents-summary", *[word for pair in pairs for word in pair], "--out", "tables")
        cos("latents-flow", "--out", "tables/latents_flow.csv", *flows)
        scores().to_csv("scores.csv", index=False)
        cos("latents-scores", "--scores", "scores.csv", "--out", "tables/latents_scores.csv")
    return root


def scores() -> pd.DataFrame:
    """As a scorer would give them, the later the better."""
    rows = [
        {"model": "pocket", "split": split, "task": task, "case": f"{split}/{task}/0", "seed": 3}
        | {"condition": condition, "step": step, "sigma": sigma, "score": (step or 9) / 10 + n / 9}
        for split in ("in-domain", "out-of-domain")
        for n, task in enumerate(("a", "b", "c"))
        for condition, step, sigma in (("clean", None, None), ("steps", 0, 1.0), ("steps", 2, 0.4))
    ]
    return pd.DataFrame(rows)


def drawn(notebook, tables) -> tuple[str, dict]:
    """The caption and the facts of a figure, drawn in this process from a folder of tables."""
    text = notebook.read_text("utf-8")
    stem = tables.parent / notebook.stem
    given = {"tables": str(tables), "stem": str(stem), "model": "pocket"}
    for name, value in given.items():
        text, n = re.subn(rf"^{name}: str = .*$", f"{name} = {value!r}", text, flags=re.M)
        assert n == 1
    exec(compile(text, notebook.name, "exec"), {})
    plt.close("all")
    assert read_image(stem.with_suffix(".png")).std() > 0
    return " ".join(stem.with_suffix(".md").read_text().split()), read_json(f"{stem}.json")["facts"]


def test_tables_are_of_all_that_there_is(study):
    table = read_table(study / "tables/latents.csv")
    assert set(table["quantity"]) == {"distance", "settled", "motion", "gap"}
    assert set(table["split"]) == {"in-domain", "out-of-domain"}
    inside = study / "tables/latents_guidance_runs.parquet"
    made = read_json(f"{inside}.manifest.json")
    assert made["nfe"] == 2 * STEPS * 2  # cases, steps, passes
    config = load_config([study / "c.yaml"])
    (planned,) = (one for one in stages(config, groups(config)[0]) if one.name == "latents-inside")
    assert (planned.runs, planned.nfe) == (2, made["nfe"])
    strips = read_json(study / "tables/latents_strips/examples.json")
    decoded = sum(len(one["steps"]) - 1 for one in strips)  # the first is given
    assert decoded <= planned.decodes == 2 * 5
    energy = read_table(study / "tables/latents_energy_runs.parquet")
    assert set(energy["case"]) == set(read_table(inside)["case"]) and energy["case"].nunique() == 2
    assert set(energy["step"]) == set(range(STEPS))
    frames = energy.groupby("case")["frame"].nunique().tolist()
    assert sorted(frames) == [3, 5]  # videos of two lengths
    flow = read_table(study / "tables/latents_flow.csv")
    assert {"step", "other seed"} <= set(flow["kind"]) and set(flow["n"]) == {2}


def test_every_figure_is_drawn(study):
    captions = {one.stem: drawn(one, study / "tables") for one in NOTEBOOKS}
    assert len(captions) == 5
    assert "(d) Difference between the velocities" in captions["latents"][0]
    assert len(captions["latents_map"][1]) == 2
    assert set(captions["latents_energy"][1]) == {"step 0", "step 1", "step 2"}
    assert set(captions["latents_flow"][1]) == {"left at the end, step 1"}
    assert len(captions["latents_scores"][1]) == 2
    strip = read_json(study / "tables/latents_strips/examples.json")[0]
    height = read_image(study / "tables/latents_strips" / strip["file"]).shape[0]
    assert height == 80 * len(strip["steps"]) and strip["steps"][0] is None


def test_what_a_study_lacks_is_a_sentence(study, tmp_path, monkeypatch):
    monkeypatch.chdir(study)
    tables = tmp_path / "tables"
    tables.mkdir()
    cos("latents-flow", "--out", tables / "latents_flow.csv")
    cos("latents-scores", "--out", tables / "latents_scores.csv")
    table = read_table(study / "tables/latents.csv")
    table[table["quantity"] != "gap"].to_csv(tables / "latents.csv", index=False)
    wanted = {
        "latents": "The model has no guidance",
        "latents_flow": "films no runs under noise",
        "latents_scores": "scores no clean estimates",
    }
    for one in NOTEBOOKS:
        if one.stem in wanted:
            assert wanted[one.stem] in drawn(one, tables)[0]
