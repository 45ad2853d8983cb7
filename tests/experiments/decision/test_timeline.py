"""Picked cases, timelines and tables on synthetic readouts whose answers are known."""

import itertools
import json

import numpy as np
import pandas as pd
import pytest
import torch

from chain_of_steps.cases.folders import Case, write_case
from chain_of_steps.errors import UserError
from chain_of_steps.experiments.decision.examples import PANELS
from chain_of_steps.experiments.decision.timeline import disagreement, timeline
from chain_of_steps.files import digest_file
from chain_of_steps.films import film_sheet, shown_steps
from chain_of_steps.measures import commitment, pick_case, with_solution_kind
from chain_of_steps.models.wan import WanModel
from chain_of_steps.pocket.card import accuracy_table
from chain_of_steps.runs import Runs, batches, read_trajectory, run_shard
from chain_of_steps.sampling import flow_sigmas, sample
from chain_of_steps.statistics.means import mean_ci
from chain_of_steps.statistics.resampling import Resampling
from chain_of_steps.study.config import check_config
from chain_of_steps.study.manifest import config_digest, figure_manifest, model_digests
from chain_of_steps.tasks import stream, task_names, task_of
from chain_of_steps.tasks.scene import render_movie
from chain_of_steps.trajectory import Trajectory

SIGMAS = (1.0, 0.8, 0.4, 0.0)


def rows_of(case, answers, *, seed=0, task="maze", model="pocket", right=0, candidates=None):
    """The readouts of one run: an answer for each step."""
    candidates = np.ones(len(answers)) if candidates is None else candidates
    return pd.DataFrame(
        {
            "model": model,
            "case": case,
            "task": task,
            "split": "in-domain",
            "seed": seed,
            "step": range(len(answers)),
            "sigma": SIGMAS[: len(answers)],
            "answer": answers,
            "correct": [answer == right for answer in answers],
            "score": [float(answer == right) for answer in answers],
            "n_candidates": candidates,
            "solution": [0.5 * (answer == right) for answer in answers],
            "evidence": [[1.0, 0.0]] * len(answers),
        }
    )


# Picked cases


def openness(case, mean, *, solved=True, **options):
    """Two runs of a case whose mean number of candidates before the last look is `mean`."""
    end = 0 if solved else 1
    last = 200 - 20 * mean  # were it counted, the order would be the other way round
    return [
        rows_of(
            case, [-1, 0, 0, 0], seed=0, candidates=[mean - 1, mean, mean + 1, last], **options
        ),
        rows_of(case, [-1, 0, 0, end], seed=1, candidates=[mean, mean, mean, last], **options),
    ]


@pytest.fixture
def readouts() -> pd.DataFrame:
    cases = {"c": 2.0, "a": 5.0, "d": 3.0, "b": 3.0, "e": 4.0}
    tables = [table for case, mean in cases.items() for table in openness(case, mean)]
    tables += openness("z", 9.0, solved=False)  # one seed ends wrong, so it is no example
    tables += openness("y", 9.0, task="odd")
    return pd.concat(tables, ignore_index=True).sample(frac=1, random_state=0)


@pytest.mark.parametrize(
    ("quantile", "case"), [(0.0, "c"), (0.25, "b"), (0.5, "d"), (0.75, "e"), (0.95, "a"), (1, "a")]
)
def test_the_case_at_a_quantile_of_openness_is_picked(readouts, quantile, case):
    # in order of openness, ties by name: c, b, d, e, a
    assert pick_case(readouts, "maze", quantile) == case


def test_without_a_solved_case_all_are_ranked(readouts):
    wrong = readouts[readouts["task"] == "maze"].copy()
    wrong["correct"] = False
    assert pick_case(wrong, "maze", 1.0) == "z"
    assert pick_case(wrong, "maze", 0.0) == "c"


def test_one_case_is_picked_at_any_quantile(readouts):
    assert {pick_case(readouts, "odd", q) for q in (0.0, 0.5, 1.0)} == {"y"}


@pytest.mark.parametrize("n", [1, 3, 6, 50])
def test_shown_steps_begin_with_noise_and_end_with_the_result(n):
    steps = shown_steps(n)
    assert steps[0] == 0
    assert steps[-1] == n
    assert steps == sorted(set(steps))
    assert len(steps) <= 9


def test_panels_name_known_tasks_and_the_letters_of_the_paper():
    assert {panel.task for panel in PANELS} <= set(task_names())
    assert [p.panel for p in PANELS if p.figure == "figure2"] == list("abcdef")
    assert len({(p.figure, p.panel) for p in PANELS}) == len(PANELS)


def test_a_film_sheet_has_steps_below_and_frames_beside_each_other():
    video = np.arange(3 * 2 * 4 * 5 * 3).reshape(3, 2, 4, 5, 3)
    sheet = film_sheet(video)
    assert sheet.shape == (12, 10, 3)
    for row, column in itertools.product(range(3), range(2)):
        part = sheet[4 * row : 4 * row + 4, 5 * column : 5 * column + 5]
        assert np.array_equal(part, video[row, column])


# Timeline


@pytest.fixture
def runs() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Readouts of two cases with one right answer, one with several, and of a second model."""
    table = pd.concat(
        [
            rows_of("m/0", [-1, 1, 0, 0], seed=0, candidates=[3, 2, 1, 1]),
            rows_of("m/0", [0, 0, 0, 0], seed=1, candidates=[1, 1, 1, 1]),
            rows_of("m/1", [0, 1, 1, 1], seed=0, candidates=[4, 2, 2, 1]),
            rows_of("m/1", [0, 0, 0, -1], seed=1, candidates=[2, 2, 2, 0]),
            rows_of("g/0", [1, 1, 2, 2], seed=0, task="grid", right=2, candidates=[5, 4, 2, 1]),
            rows_of("g/0", [2, 2, 2, 2], seed=1, task="grid", right=2, candidates=[5, 3, 2, 1]),
            rows_of("m/0", [1, 1, 1, 1], model="early", candidates=[1, 1, 1, 1]),
        ],
        ignore_index=True,
    ).sample(frac=1, random_state=1)
    cases = pd.DataFrame({"case": ["m/0", "m/1", "g/0"], "solutions": [1, 1, 3]})
    return table, cases


def test_commitment_has_a_row_for_each_run(runs):
    found = commitment(runs[0]).set_index(["model", "case", "seed"])
    expected = {
        ("pocket", "m/0", 0): (2, True, True),
        ("pocket", "m/0", 1): (0, True, True),
        ("pocket", "m/1", 0): (1, True, False),
        ("pocket", "m/1", 1): (np.nan, False, False),
        ("pocket", "g/0", 0): (2, True, True),
        ("pocket", "g/0", 1): (0, True, True),
        ("early", "m/0", 0): (0, True, False),
    }
    assert set(found.index) == set(expected)
    for run, (step, answered, correct) in expected.items():
        row = found.loc[run]
        assert row["commitment"] == step or (np.isnan(step) and np.isnan(row["commitment"]))
        assert (row["answered"], row["correct"]) == (answered, correct)


def test_puzzles_with_several_answers_are_kept_apart(runs):
    kinds = with_solution_kind(*runs)
    assert set(kinds.loc[kinds["case"] == "g/0", "solutions"]) == {"several"}
    assert set(kinds.loc[kinds["case"] != "g/0", "solutions"]) == {"one"}


def test_timeline_by_hand(runs):
    table = timeline(*runs, resampling=Resampling(200, 0))
    assert list(table.columns) == [
        *("model", "task", "solutions", "quantity", "step", "sigma", "n", "mean", "low", "high")
    ]

    def means(quantity, task="maze", model="pocket"):
        rows = table[(table["quantity"] == quantity) & (table["task"] == task)]
        rows = rows[rows["model"] == model].sort_values("step")
        assert set(rows["solutions"]) == {"several" if task == "grid" else "one"}
        return rows[["n", "mean"]].values.tolist()

    third = 1 / 3
    # the run without a final answer agrees with nothing and is left out
    assert means("agrees") == [[3, third], [3, 2 * third], [3, 1], [3, 1]]
    assert means("correct") == [[4, 0.75], [4, 0.5], [4, 0.75], [4, 0.5]]
    assert means("candidates") == [[4, 2.5], [4, 1.75], [4, 1.5], [4, 0.75]]
    assert means("solution") == [[4, 0.375], [4, 0.25], [4, 0.375], [4, 0.25]]
    assert means("commitment") == [[3, 1.0]]
    assert means("agrees", "grid") == [[2, 0.5], [2, 0.5], [2, 1], [2, 1]]
    assert means("commitment", "grid") == [[2, 1.0]]
    assert means("correct", model="early") == [[1, 0]] * 4
    # candidates at step 0 minus those at step 2, the middle of the four looks
    assert means("pruned") == [[4, (2 + 0 + 2 + 0) / 4]]
    assert means("pruned", "grid") == [[2, 3.0]]
    # of each case the two seeds are one pair
    assert means("seeds_differ") == [[2, 0.5], [2, 1.0], [2, 0.5], [2, 0.5]]
    assert means("seeds_differ", "grid") == [[1, 1], [1, 1], [1, 0], [1, 0]]
    once = table["quantity"].isin(["commitment", "pruned"])
    steps = table[~once]
    assert (steps["sigma"] == steps["step"].map(lambda k: SIGMAS[int(k)])).all()
    assert table.loc[once, ["step", "sigma"]].isna().all(axis=None)


def test_seeds_that_differ_are_counted_in_pairs():
    answers = [[0, -1], [0, 2], [1, -1], [1, 2], [2, 3]]
    table = pd.concat([rows_of("m/0", a, seed=n) for n, a in enumerate(answers)])
    found = disagreement(table.assign(solutions="one")).set_index("step")["seeds_differ"]
    pairs = list(itertools.combinations(answers, 2))
    for step in (0, 1):
        assert found[step] == pytest.approx(np.mean([a[step] != b[step] for a, b in pairs]))
    assert disagreement(rows_of("m/0", [0, 1]).assign(solutions="one")).empty


def test_the_timeline_of_all_tasks_keeps_kinds_of_puzzles_apart(runs):
    readouts, cases = runs
    readouts.loc[readouts["case"] == "m/1", "task"] = "odd"
    table = timeline(readouts, cases, resampling=Resampling(200, 0))
    table = table[(table["model"] == "pocket") & (table["step"].fillna(0) == 0)]
    mine = table[table["task"] == "all"].set_index(["solutions", "quantity"])
    assert mine.loc[("one", "candidates"), ["n", "mean"]].tolist() == [4, 2.5]
    assert mine.loc[("several", "candidates"), ["n", "mean"]].tolist() == [2, 5]
    assert mine.loc[("one", "pruned"), ["n", "mean"]].tolist() == [4, 1]
    assert set(table.loc[table["task"] != "all", "task"]) == {"maze", "odd", "grid"}


def test_timeline_resamples_cases_not_runs(runs):
    readouts, cases = runs
    table = timeline(readouts, cases, resampling=Resampling(300, 4))
    row = table[
        (table["quantity"] == "candidates") & (table["step"] == 0) & (table["task"] == "maze")
    ]
    row = row[row["model"] == "pocket"].iloc[0]
    expected = mean_ci([3, 1, 4, 2], clusters=[0, 0, 1, 1], resampling=Resampling(300, 4))
    assert (row["low"], row["high"]) == (expected.low, expected.high) == (2.0, 3.0)
    # one case is one cluster: there is no telling how cases differ
    grids = table[(table["task"] == "grid") & (table["quantity"] != "seeds_differ")]
    assert grids[["low", "high"]].isna().all(axis=None)
    again = timeline(readouts.sample(frac=1, random_state=7), cases, resampling=Resampling(300, 4))
    pd.testing.assert_frame_equal(table, again)


def test_timeline_of_runs_that_never_answer(runs):
    readouts, cases = runs
    silent = readouts.assign(answer=-1, correct=False)
    table = timeline(silent, cases, resampling=Resampling(100, 0))
    assert set(table["quantity"]) == {
        *("correct", "candidates", "solution", "seeds_differ", "pruned")
    }


# Model card


def test_accuracy_by_hand():
    rows = [
        {"task": task, "split": split, "correct": n < right, "score": 0.5, "answered": n < answered}
        for task, split, total, right, answered in (
            ("maze", "in-domain", 200, 180, 190),
            ("maze", "out-of-domain", 50, 0, 10),
            ("odd", "in-domain", 10, 10, 10),
        )
        for n in range(total)
    ]
    table = accuracy_table(rows)
    assert table[["task", "split", "n", "accuracy"]].values.tolist() == [
        ["maze", "in-domain", 200, 0.9],
        ["maze", "out-of-domain", 50, 0.0],
        ["odd", "in-domain", 10, 1.0],
    ]
    assert table["no_answer"].tolist() == pytest.approx([0.05, 0.8, 0.0])
    assert table["score"].tolist() == [0.5] * 3
    # Wilson intervals from their formula
    for row in table.itertuples():
        z, n, p = 1.959964, row.n, row.accuracy
        centre = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        assert (row.low, row.high) == pytest.approx((centre - half, centre + half), abs=1e-6)


# Runs


@pytest.fixture(scope="module")
def cases(tmp_path_factory) -> list[Case]:
    root = tmp_path_factory.mktemp("cases")
    found = []
    for task in ("maze", "reappear", "odd"):
        name = f"in-domain/{task}/00000"
        (root / name).mkdir(parents=True)
        write_case(root / name, next(stream(task, "in-domain", "evaluation", 0)))
        found.append(Case(name, root / name))
    return found


@pytest.fixture(scope="module")
def model(build_pocket, cases) -> WanModel:
    pipe = build_pocket([case.prompt for case in cases], seed=5)
    return WanModel(pipe, name="tiny", max_sequence_length=16)


def test_runs_are_planned_case_by_case_and_cut_into_batches(model, cases):
    runs = Runs.planned(model, cases, [3, 1], 17).table
    assert set(runs["model"]) == {"tiny"}
    assert runs["case"].tolist() == [case.name for case in cases for _ in range(2)]
    assert runs["seed"].tolist() == [3, 1] * 3
    assert runs["task"].tolist() == ["maze"] * 2 + ["reappear"] * 2 + ["odd"] * 2
    for size in (1, 2, 4, 100):
        cut = [list(rows) for rows in batches(runs, size)]
        assert sorted(itertools.chain(*cut)) == list(range(6))
        assert all(len(rows) <= size for rows in cut)
        assert all(runs["seed"].iloc[rows].nunique() == 1 for rows in cut)


def test_each_run_gets_the_condition_of_its_case(model, cases):
    condition = Runs.planned(model, cases, [0, 1], 17).select([4, 0, 1]).condition()
    for row, case in enumerate((cases[2], cases[0], cases[0])):
        alone = model.condition([case.image], [case.prompt], 17)
        assert torch.equal(condition.image_latents[row : row + 1], alone.image_latents)
        assert torch.allclose(
            condition.prompt_embeds[row : row + 1], alone.prompt_embeds, atol=1e-6
        )


def test_a_shard_holds_every_run_as_if_made_alone(model, cases, tmp_path):
    options = {"steps": 3, "shift": 5.0, "n_frames": 17}
    found = run_shard(model, cases, [4, 7], batch=2, **options)
    assert found.made_by["nfe"] == 6 * 3
    for row, (case, seed) in enumerate(itertools.product(cases, [4, 7])):
        assert found.runs.loc[row, ["case", "seed"]].tolist() == [case.name, seed]
        velocity = model.velocity(model.condition([case.image], [case.prompt], 17))
        states = []
        last = sample(
            velocity, model.noise(seed, 17, 80, 80), flow_sigmas(3, 5.0), watch=states.append
        )
        assert torch.allclose(found.x[row, -1], last[0], atol=1e-4)
        for k, state in enumerate(states):
            assert torch.allclose(found.x[row, k], state.x[0], atol=1e-4)
            assert torch.allclose(found.clean[row, k], state.clean[0], atol=1e-4)
    path = tmp_path / "a.safetensors"
    found.save(path)
    again = Trajectory.load(path)
    pd.testing.assert_frame_equal(again.runs, found.runs)
    for name in ("sigmas", "x", "clean"):
        assert torch.equal(getattr(again, name), getattr(found, name))
    assert (again.experts, again.made_by) == (found.experts, found.made_by)


def test_a_trajectory_of_ground_truth_is_read_as_such(model, cases):
    """Clean estimates: each candidate in turn; the result: the truth."""
    steps = 3
    videos = []
    for case in cases:
        puzzle = case.puzzle
        shown = [0, 1, puzzle.shown, puzzle.shown]
        movies = [task_of(puzzle.task).movie(puzzle, candidate) for candidate in shown]
        videos.append(torch.from_numpy(np.stack([render_movie(movie) for movie in movies])))
    looks = torch.stack([model.encode(video) for video in videos])
    runs = Runs.planned(model, cases, [0], 17).table
    x = torch.zeros(3, steps + 1, *looks.shape[2:])
    x[:, -1] = looks[:, -1]
    trajectory = Trajectory(runs, flow_sigmas(steps, 5.0), x, looks[:, :steps], [0] * steps, {})
    table = read_trajectory(model, trajectory, cases)
    for case in cases:
        rows = table[table["case"] == case.name]
        shown = case.puzzle.shown
        assert rows["step"].tolist() == [0, 1, 2, 3]
        assert rows["sigma"].tolist() == pytest.approx(trajectory.sigmas.tolist())
        assert rows["answer"].tolist() == [0, 1, shown, shown]
        right = [answer in case.puzzle.solutions for answer in rows["answer"]]
        assert rows["correct"].tolist() == right
        assert ((rows["score"] == 1) == right).all()
        assert ((rows["solution"] > 0.7) == right).all()
        assert {len(row) for row in rows["evidence"]} == {len(case.puzzle.candidates)}


# Manifest


def test_the_digest_of_a_configuration_covers_what_decides_numbers():
    config = check_config(
        {"study": "a", "models": {"m": {"path": "p"}}, "cases": {"tasks": ["maze"]}}
    )
    content = config.resolved()
    same = config_digest(content)
    assert same == config_digest(json.loads(json.dumps(content)))
    assert same == config_digest({**content, "train": {}, "card": {}})
    for name in ("sampler", "seeds", "cases", "models", "execution", "statistics", "perturbation"):
        assert config_digest({**content, name: {"other": 1}}) != same


def test_the_manifest_names_notebook_inputs_and_model_of_each_figure(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("notebooks", "figures", "weights"):
        (tmp_path / folder).mkdir()
    (tmp_path / "notebooks/s9.py").write_text("# draws")
    (tmp_path / "figures/table.csv").write_text("a,b\n")
    facts = tmp_path / "figures/s9.json"
    facts.write_text(json.dumps({"inputs": ["table.csv"]}))
    (tmp_path / "weights/model.safetensors").write_bytes(b"1")
    config = check_config(
        {
            "study": "a",
            "models": {"here": {"path": "weights"}, "far": {"path": "some/hub-model"}},
            "cases": {"tasks": ["maze"]},
        }
    )
    found = figure_manifest(config.resolved(), tmp_path / "notebooks", [facts])
    entry = found["figures"]["s9"]
    assert entry["notebook_sha256"] == digest_file(tmp_path / "notebooks/s9.py")
    assert entry["inputs"] == {"table.csv": digest_file(tmp_path / "figures/table.csv")}
    assert found["study"] == "a"
    assert found["models"].keys() == {"here"}
    (tmp_path / "weights/model.safetensors").write_bytes(b"2")
    assert model_digests(config) != found["models"]
    (tmp_path / "notebooks/s9.py").unlink()
    with pytest.raises(UserError, match=r"s9\.json has no notebook"):
        figure_manifest(config.resolved(), tmp_path / "notebooks", [facts])
