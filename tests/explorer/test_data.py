"""The explorer's data: films are the clean estimates, runs under noise those of the study."""

import json
import math
import shutil
from pathlib import Path

import fake_explorer as fake
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from chain_of_steps.cases.folders import load_cases, make_cases
from chain_of_steps.cka import cka
from chain_of_steps.errors import UserError
from chain_of_steps.experiments.noise.perturbation import Perturbation, run_conditions
from chain_of_steps.explorer import data as explorer
from chain_of_steps.explorer.publish import PARTS, write_page
from chain_of_steps.explorer.settings import Explorer
from chain_of_steps.models.wan import WanModel
from chain_of_steps.pocket import training
from chain_of_steps.runs import read_trajectory, run_shard
from chain_of_steps.tasks import maze, odd
from chain_of_steps.video import read_mp4

STEPS, NOISES = 4, ["step-2", "frame-1"]
SETTINGS = Explorer(pixels=160, quality=100)


@pytest.fixture(scope="module")
def pocket(tmp_path_factory, build_pocket) -> WanModel:
    folder = tmp_path_factory.mktemp("model")
    training.save_pipeline(build_pocket([maze.PROMPT, odd.PROMPT]), folder)
    return WanModel.load(folder, name="pocket", max_sequence_length=24)


@pytest.fixture(scope="module")
def cases(tmp_path_factory) -> list:
    root = tmp_path_factory.mktemp("cases")
    index = make_cases(root, ["maze", "odd"], {"in-domain": 1, "out-of-domain": 1}, 0)
    return load_cases(root, index["case"].tolist())


@pytest.fixture(scope="module")
def trajectory(pocket, cases):
    return run_shard(pocket, cases, [0, 3], steps=STEPS, shift=5.0, n_frames=17, batch=3)


@pytest.fixture(scope="module")
def readouts(pocket, trajectory, cases) -> pd.DataFrame:
    return read_trajectory(pocket, trajectory, cases)


@pytest.fixture(scope="module")
def maps(cases) -> pd.DataFrame:
    """Energies of two layers and steps, of one case; another branch is there to be left out."""
    place = np.stack(np.indices((5, 5, 5)), -1).reshape(-1, 3)
    rng = np.random.default_rng(0)
    tables = []
    for step, layer, branch in [(0, 0, "cond"), (0, 1, "cond"), (3, 0, "cond"), (0, 0, "uncond")]:
        table = pd.DataFrame(place, columns=["frame", "row", "column"])
        table["energy"] = rng.uniform(1, 50, len(table)) * 100**layer
        tables.append(table.assign(step=step, layer=layer, branch=branch))
    joined = pd.concat(tables).sample(frac=1, random_state=0)
    return joined.assign(case=cases[1].name, seed=0)


@pytest.fixture(scope="module")
def shard(tmp_path_factory, pocket, trajectory, cases, readouts, maps) -> Path:
    folder = tmp_path_factory.mktemp("explorer") / "pocket" / "0"
    nfe = explorer.explore_shard(
        folder,
        pocket,
        trajectory,
        cases,
        readouts,
        noisy_cases=cases[:1],
        noises=NOISES,
        settings=SETTINGS,
        maps=maps,
    )
    assert nfe == (STEPS - 2) + STEPS
    return folder


def content(path: Path) -> dict:
    """What a data script hands to the page: JSON in the call of one function."""
    text = path.read_text()
    start, end = text.index("("), text.rindex(")")
    assert text[:start] in {"explorer.add", "explorer.energy", "explorer.open"}
    assert text[end:] == ");\n"
    return json.loads(text[start + 1 : end])


def case_data(shard: Path, case) -> dict:
    return content(shard / f"{case.name.replace('/', '-')}.js")


def picture(path: Path, row: int, column: int, size: int = 80) -> np.ndarray:
    image = Image.open(path).convert("RGB")
    box = (column * size, row * size, (column + 1) * size, (row + 1) * size)
    return np.asarray(image.crop(box), dtype=float)


def grey_difference(one: np.ndarray, other: np.ndarray) -> float:
    """In levels of 255; WebP keeps colour at half size, so brightness is compared."""
    return abs(one.mean(-1) - other.mean(-1)).mean()


def test_data_of_a_case_are_its_readouts(shard, cases, readouts):
    data = case_data(shard, cases[2])
    assert (data["case"], data["prompt"]) == (cases[2].name, cases[2].prompt)
    assert data["solutions"] == list(cases[2].puzzle.solutions)
    assert data["n"] == len(cases[2].puzzle.candidates)
    assert [(run["seed"], run["with"]) for run in data["runs"]] == [(0, "clean"), (3, "clean")]
    mine = readouts[(readouts["case"] == cases[2].name) & (readouts["seed"] == 3)]
    run = data["runs"][1]
    assert run["answer"] == mine["answer"].tolist()
    assert [bool(value) for value in run["correct"]] == mine["correct"].tolist()
    held = [None if math.isnan(n) else pytest.approx(n, abs=6e-4) for n in mine["n_candidates"]]
    assert run["candidates"] == held
    assert np.allclose(run["evidence"], np.stack(mine["evidence"]), atol=6e-4)
    assert len(run["dissimilarity"]) == STEPS + 1 and run["dissimilarity"][-1] == 0


def test_the_pages_own_tests_use_data_of_this_form(shard, cases, tmp_path):
    fake.write_shard(tmp_path / "fake", [cases[1].name])
    made, real = (case_data(folder, cases[1]) for folder in (tmp_path / "fake", shard))
    assert made.keys() == real.keys() and made["runs"][0].keys() == real["runs"][0].keys()
    made, real = (json.loads((f / "runs.json").read_text()) for f in (tmp_path / "fake", shard))
    assert made.keys() == real.keys() and made["cases"][0].keys() == real["cases"][0].keys()
    assert made["cases"][0]["runs"][0].keys() == real["cases"][0]["runs"][0].keys()
    energies = (
        f / f"{explorer.stem_of(cases[1].name)}.energy.js" for f in (tmp_path / "fake", shard)
    )
    made, real = map(content, energies)
    assert made.keys() == real.keys()


def test_a_film_holds_every_look_and_frame(shard, pocket, trajectory, cases):
    row = int(trajectory.runs.query("case == @cases[1].name and seed == 3").index[0])
    film = shard / f"{cases[1].name.replace('/', '-')}-3-clean.webp"
    assert Image.open(film).size == (17 * 80, (STEPS + 1) * 80)
    for look, frame in [(0, 0), (1, 16), (3, 7)]:
        decoded = pocket.decode(trajectory.clean[row, look][None])[0, frame].numpy() * 255
        assert grey_difference(picture(film, look, frame), decoded) < 3
    decoded = pocket.decode(trajectory.x[row, -1:])[0, 9].numpy() * 255
    assert grey_difference(picture(film, STEPS, 9), decoded) < 3
    assert grey_difference(picture(film, STEPS, 8), decoded) > 6


def test_the_sheet_of_a_case_shows_truth_and_candidates(shard, cases):
    sheet = shard / case_data(shard, cases[0])["sheet"]
    given = np.asarray(cases[0].image, dtype=float)
    assert abs(picture(sheet, 0, 0) - given).mean() < 4
    final = np.asarray(Image.open(cases[0].folder / "final_frame.png").convert("RGB"), dtype=float)
    assert abs(picture(sheet, 0, 16) - final).mean() < 4
    shown = cases[0].puzzle.shown
    assert abs(picture(sheet, 1, shown) - final).mean() < 4
    pictures = {picture(sheet, 1, i).tobytes() for i in range(len(cases[0].puzzle.candidates))}
    assert len(pictures) == len(cases[0].puzzle.candidates)


def test_runs_under_noise_end_as_those_of_the_noise_experiment(
    shard, pocket, trajectory, cases, readouts
):
    data = case_data(shard, cases[0])
    assert [run["with"] for run in data["runs"]] == ["clean", "clean", *NOISES]
    noises = [explorer.intervention(name, STEPS, 5) for name in NOISES]
    planned = [Perturbation("step", 2, noises[0]), Perturbation("frame", 1, noises[1])]
    rows = trajectory.runs.index[trajectory.runs["seed"] == 0]
    table, _, _ = run_conditions(pocket, trajectory.select(rows), cases, planned)
    ends = table[table["case"] == cases[0].name].set_index("kind")
    for run, kind in zip(data["runs"][2:], ("step", "frame"), strict=True):
        assert run["answer"][-1] == ends.loc[kind, "answer"]
        assert run["score"][-1] == pytest.approx(ends.loc[kind, "score"], abs=1e-3)


def test_before_the_noise_a_run_is_the_clean_one_and_is_not_drawn_again(shard, cases):
    clean, _, at_step, at_frame = case_data(shard, cases[0])["runs"]
    assert (at_step["start"], at_frame["start"]) == (2, 0)
    for name in ("answer", "score", "evidence"):
        assert at_step[name][:2] == clean[name][:2]
    assert at_step["dissimilarity"][:2] == [0, 0]
    assert min(at_step["dissimilarity"][2:]) > 0 and min(at_frame["dissimilarity"]) > 0
    assert Image.open(shard / at_step["film"]).size[1] == (STEPS + 1 - 2) * 80
    assert Image.open(shard / at_frame["film"]).size[1] == (STEPS + 1) * 80


def test_dissimilarity_is_one_minus_cka_of_the_clean_estimates(shard, pocket, trajectory, cases):
    clean, _, at_step, _ = case_data(shard, cases[0])["runs"]
    rows = trajectory.runs.query("case == @cases[0].name and seed == 0").index
    run = trajectory.select(rows)
    tokens = [latent.flatten(1).T for latent in (run.clean[0, 1], run.x[0, -1])]
    assert clean["dissimilarity"][1] == pytest.approx(1 - cka(*tokens).item(), abs=1e-4)
    noise = explorer.intervention("step-2", STEPS, 5)
    noisy, _ = explorer.perturbed(pocket, run, cases[:1], noise)
    tokens = [latent.flatten(1).T for latent in (noisy.clean[0, 3], run.clean[0, 3])]
    assert at_step["dissimilarity"][3] == pytest.approx(1 - cka(*tokens).item(), abs=1e-4)
    assert torch.equal(noisy.x[:, :2], run.x[:, :2])
    assert not torch.equal(noisy.x[:, 2], run.x[:, 2])


def test_energy_is_relative_to_the_median_of_layer_and_step(shard, cases, maps):
    assert case_data(shard, cases[0])["energy"] is None
    found = content(shard / case_data(shard, cases[1])["energy"])
    assert (found["case"], found["seed"], found["grid"]) == (cases[1].name, 0, [5, 5, 5])
    assert {step: list(layers) for step, layers in found["values"].items()} == {
        "0": ["0", "1"],
        "3": ["0"],
    }
    layer = maps.query("step == 0 and layer == 1 and branch == 'cond'")
    one = layer.query("frame == 2 and row == 3 and column == 4")["energy"].item()
    value = found["values"]["0"]["1"][2 * 25 + 3 * 5 + 4] / 100
    assert 2**value * np.sort(layer["energy"])[62] == pytest.approx(one, rel=0.01)


def test_the_page_lists_runs_and_how_they_end(shard, cases, readouts):
    page = shard.parents[1]
    write_page(page, [shard], study="tiny", model="pocket", titles={"maze": "a maze"})
    assert {path.name for path in page.iterdir()} == {*PARTS, "pocket"}
    index = content(page / "runs.js")
    assert index["titles"] == {"maze": "a maze"} and len(index["sigmas"]) == STEPS + 1
    assert [entry["case"] for entry in index["cases"]] == [case.name for case in cases]
    assert [entry["energy"] for entry in index["cases"]] == [False, True, False, False]
    for entry in index["cases"]:
        assert (page / entry["folder"] / f"{entry['case'].replace('/', '-')}.js").is_file()
        for run in entry["runs"]:
            if run["with"] == "clean":
                mine = readouts.query("case == @entry['case'] and seed == @run['seed']")
                assert run["right"] == mine["correct"].iloc[-1]
                assert run["answers"] == mine.loc[mine["answer"] >= 0, "answer"].nunique()


def test_a_shard_without_shown_cases_is_left_out(tmp_path, shard, pocket, trajectory, readouts):
    given = {"noisy_cases": [], "noises": NOISES, "settings": SETTINGS}
    empty = shard.with_name("1")
    none = trajectory.select([])
    assert explorer.explore_shard(empty, pocket, none, [], readouts, **given) == 0
    options = {"study": "tiny", "model": "pocket", "titles": {}}
    write_page(shard.parents[1], [shard, empty], **options)
    assert len(content(shard.parents[1] / "runs.js")["cases"]) == 4


def test_shards_of_two_studies_are_refused(tmp_path):
    for name, sigmas in (("0", [1, 0]), ("1", [1, 0.5, 0])):
        (tmp_path / name).mkdir()
        facts = {"sigmas": sigmas, "cases": [{"case": "a"}]}
        (tmp_path / name / "runs.json").write_text(json.dumps(facts))
    with pytest.raises(UserError, match="differ in sigmas"):
        write_page(tmp_path, [tmp_path / "0", tmp_path / "1"], study="t", model="m", titles={})


@pytest.mark.parametrize("with_truth", [True, False])
def test_cases_without_a_reader_are_shown_without_readings(tmp_path, pocket, cases, with_truth):
    folder = tmp_path / "cases/own/own/a picture"
    shutil.copytree(cases[0].folder, folder)
    (folder / "meta.json").unlink()
    if not with_truth:
        (folder / "ground_truth.mp4").unlink()
    facts = {"source": "folder", "width": 80, "height": 80, "frames": 5, "truth": None}
    (folder / "case.json").write_text(json.dumps(facts))
    (own,) = load_cases(tmp_path / "cases", ["own/own/a picture"])
    run = run_shard(pocket, [own], [0], steps=STEPS, shift=5.0, n_frames=5, batch=1)
    given = {"noisy_cases": [own], "noises": ["step-3"], "settings": SETTINGS}
    assert explorer.explore_shard(tmp_path / "0", pocket, run, [own], None, **given) == 1
    data = case_data(tmp_path / "0", own)
    assert (data["n"], data["solutions"], data["truth"]) == (0, [], with_truth)
    assert [one["with"] for one in data["runs"]] == ["clean", "step-3"]
    for one in data["runs"]:
        assert [one[name] for name in explorer.READINGS] == [None] * len(explorer.READINGS)
        assert len(one["dissimilarity"]) == STEPS + 1
    sheet = Image.open(tmp_path / "0" / data["sheet"])
    assert sheet.size == (5 * 80, 80)
    shown = picture(tmp_path / "0" / data["sheet"], 0, 4)
    if with_truth:
        expected = read_mp4(folder / "ground_truth.mp4")[4]
    else:
        expected = np.asarray(own.image)
    assert grey_difference(shown, expected.astype(float)) < 3
    (entry,) = json.loads((tmp_path / "0/runs.json").read_text())["cases"]
    assert entry["runs"][0] == {"seed": 0, "with": "clean", "right": None, "answers": 0}
    assert (entry["frames"], entry["size"]) == ([0, 1, 2, 3, 4], [80, 80])


@pytest.mark.parametrize("name", ["step", "step-", "step--1", "layer-2", "step-1.5", ""])
def test_an_unknown_intervention_is_refused(name):
    with pytest.raises(UserError, match="write step-<number> or frame-<number>"):
        explorer.intervention(name, STEPS, 5)


def test_an_intervention_outside_the_run_is_refused():
    with pytest.raises(UserError, match="step is 4"):
        explorer.intervention("step-4", STEPS, 5)
    with pytest.raises(UserError, match="frame is 5"):
        explorer.intervention("frame-5", STEPS, 5)


def test_interventions_are_shares_of_the_run():
    settings = Explorer(noise_at_steps=[0.1, 0, 0.99, 0.11], noise_at_frames=[1, 0.5])
    assert explorer.interventions(settings, 50, 5) == [
        *("step-0", "step-5", "step-49"),
        *("frame-2", "frame-4"),
    ]
    assert explorer.interventions(Explorer(noise_at_steps=[], noise_at_frames=[]), 50, 5) == []


def test_films_of_large_videos_stay_within_webp():
    assert explorer.picture_size(80, 80, 51, 17, 160) == (80, 80)
    assert explorer.shown_frames(17) == list(range(17))
    frames = explorer.shown_frames(81)
    assert (len(frames), frames[0], frames[-1]) == (21, 0, 80)
    assert set(np.diff(frames)) == {4}
    height, width = explorer.picture_size(480, 832, 51, len(frames), 160)
    assert width == 160 and height / width == pytest.approx(480 / 832, rel=0.01)
    for looks in (301, 1001):
        height, width = explorer.picture_size(480, 832, looks, len(frames), 160)
        assert height * looks <= 16383 and width * len(frames) <= 16383
    assert explorer.picture_size(480, 832, 301, 21, 160)[0] == 54


def test_large_pictures_are_shrunk_in_films(pocket, trajectory):
    looks = explorer.looks_of(trajectory, 0)[:2]
    whole = explorer.film(pocket, looks, [0, 8], (80, 80))
    small = explorer.film(pocket, looks, [0, 8], (20, 20))
    assert small.size == (40, 40)
    blocks = np.asarray(whole, dtype=float).reshape(40, 4, 40, 4, 3).mean((1, 3))
    assert abs(np.asarray(small, dtype=float) - blocks).max() <= 1


def test_what_vbvr_bench_says_stands_with_the_run(tmp_path, pocket, trajectory, cases):
    """Of the result and the steps that are scored; by one scorer, or by both."""
    case, nothing = cases[0].name, np.nan
    said = {"scorer": "lmms-eval 0.7.3", "pro_scorer": nothing, "pro": nothing}
    said |= {"pro_reason": nothing, "pro_details": nothing, "head": nothing}
    row = {"model": trajectory.runs["model"].iloc[0], "case": case, "seed": 0, **said}
    detail = {"details": '{"alignment": {"near": 0.5}, "path": [1, 2]}', "reason": nothing}
    both = {"pro": nothing, "pro_scorer": "VBVR-Pro-Bench", "pro_reason": "it took too long"}
    scores = pd.DataFrame(
        [
            {**row, "condition": "clean", "step": nothing, "score": 0.51239, **detail},
            {**row, "condition": "steps", "step": 3.0, "score": 0.25, **detail, **both},
            {**row, "condition": "noise", "step": nothing, "score": 0.9, **detail},
            {**row, "condition": "clean", "model": "other", "score": 0.8, **detail},
            {**row, "condition": "reference", "model": "none", "seed": nothing, "score": 1.0},
        ]
    )
    one = trajectory.select(np.flatnonzero(trajectory.runs["case"] == case))
    given = {"noisy_cases": [], "noises": [], "settings": SETTINGS}
    explorer.explore_shard(tmp_path / "0", pocket, one, cases[:1], None, scores=scores, **given)
    runs = {run["seed"]: run for run in case_data(tmp_path / "0", cases[0])["runs"]}
    found = runs.pop(0)["bench"]
    assert set(found) == {"3", str(STEPS)}
    details = {"alignment": {"near": 0.5}, "path": [1, 2]}
    first = {"by": "lmms-eval 0.7.3", "score": 0.5124, "reason": None, "details": details}
    assert found[str(STEPS)] == [first]
    late = {"by": "VBVR-Pro-Bench", "score": None, "reason": "it took too long", "details": None}
    assert found["3"] == [{**first, "score": 0.25}, late]
    assert not any("bench" in run for run in runs.values())
