"""Behaviours on runs built to have a known answer: one corrects, one never commits, one forgets."""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from scipy.stats import binomtest

from chain_of_steps.cases.folders import Case, write_case
from chain_of_steps.experiments.behaviours import correction, memory, perception
from chain_of_steps.experiments.behaviours.examples import picks
from chain_of_steps.experiments.behaviours.summaries import means, paired, pooled
from chain_of_steps.experiments.behaviours.verdicts import dispute, judge_row
from chain_of_steps.models.wan import WanModel
from chain_of_steps.runs import run_shard
from chain_of_steps.sampling import flow_sigmas, sample
from chain_of_steps.statistics.resampling import Resampling
from chain_of_steps.tasks import stream, task_of
from chain_of_steps.tasks.puzzle import name_of, shape_layer
from chain_of_steps.tasks.reader import first_frame
from chain_of_steps.tasks.scene import COLOURS, FLOOR, render, render_movie, with_tiles
from chain_of_steps.trajectory import Trajectory
from chain_of_steps.video import to_uint8

N = 20
FEW = {"resampling": Resampling(200, 0)}


# Self-correction


def readouts_of(case, answers, *, seed=0, task="maze", split="in-domain", score=None):
    """The readouts of one run; answer 0 is right, -1 is none."""
    answers = np.asarray(answers)
    right = answers == 0
    return pd.DataFrame(
        {
            "model": "pocket",
            "case": case,
            "task": task,
            "split": split,
            "seed": seed,
            "step": range(len(answers)),
            "sigma": np.linspace(1, 0, len(answers)),
            "answer": answers,
            "correct": right,
            "score": right.astype(float) if score is None else score,
            "n_candidates": np.where(answers == -1, 2.0, 1.0),
            "solution": right.astype(float),
            "evidence": [[1.0, 0.0]] * len(answers),
        }
    )


def index_of(readouts, several=()):
    names = readouts["case"].unique()
    return pd.DataFrame({"case": names, "solutions": [1 + (name in several) for name in names]})


def runs_of(*tables):
    rows = pd.concat(tables, ignore_index=True).sample(frac=1, random_state=0)
    return correction.by_run(correction.states(rows, index_of(rows)))


def test_a_run_that_corrects_at_step_12_counts_once_also_through_unreadable_looks():
    answers = [2] * 8 + [-1] * 4 + [0] * (N + 1 - 12)
    run = runs_of(readouts_of("a", answers)).iloc[0]
    assert run["commitment"] == 12
    assert run["commitment_share"] == 12 / N
    assert run["committed_early"] == 0
    events = ["flips", "corrections", "corruptions", "completions", "losses"]
    assert run[events].tolist() == [2, 1, 0, 1, 0]
    assert run["improved"] and not run["worsened"]


def test_a_run_that_never_commits():
    answers = [0, 1] * (N // 2) + [-1]
    run = runs_of(readouts_of("a", answers)).iloc[0]
    assert np.isnan(run["commitment"])
    assert np.isnan(run["committed_early"])
    assert run["flips"] == N
    assert run["corrections"] == N // 2 - 1
    assert run["corruptions"] == N // 2
    assert run["worsened"] and not run["improved"]


def test_open_looks_before_the_first_answer_are_no_answer():
    state = np.array([["open", "open", "right", "open", "wrong"]])
    assert correction.settled(state).tolist() == [["open", "open", "right", "right", "wrong"]]
    found = correction.changes(state)
    assert {name: counts.tolist() for name, counts in found.items()} == {
        "corrections": [0],
        "corruptions": [1],
        "completions": [1],
        "losses": [1],
    }


def test_chance_to_end_right_given_the_state_at_a_step():
    ends = {"a": 0, "b": 1, "c": 1, "d": -1}
    tables = [readouts_of(case, [1] * N + [end]) for case, end in ends.items()]
    tables.append(readouts_of("e", [-1] * N + [0]))
    rows = pd.concat(tables, ignore_index=True)
    table = correction.correction_table(rows, index_of(rows), **FEW)
    here = table[(table["part"] == "all") & (table["step"] == 5)].set_index("quantity")
    assert here.loc["final_right_if_wrong", ["n", "mean"]].tolist() == [4, 0.25]
    assert here.loc["final_right_if_open", ["n", "mean"]].tolist() == [1, 1.0]
    assert "final_right_if_right" not in here.index
    assert here.loc["wrong", "mean"] == 0.8
    assert here.loc["entropy", "mean"] == pytest.approx(np.log(2) / 5)


def test_partial_answers_are_those_with_a_score_that_are_not_right():
    run = readouts_of("a", [-1, -1, 1, 0], score=[0.0, 0.5, 0.5, 1.0])
    assert correction.states(run, index_of(run))["partial"].tolist() == [0, 1, 1, 0]


def test_gains_are_tested_by_case_and_not_by_flip():
    gain, loss, still = [1] * N + [0], [0] * N + [1], [0] * (N + 1)
    spread = [readouts_of(f"c{i}", gain) for i in range(8)]
    one_case = [readouts_of("same", gain, seed=i) for i in range(8)]
    one_case += [readouts_of(f"still{i}", still) for i in range(4)]
    for tables, p in ((spread, 2 / 2**8), (one_case, 1.0)):
        rows = pd.concat(tables, ignore_index=True)
        table = correction.correction_tests(rows, index_of(rows), **FEW)
        whole = table[(table["part"] == "all") & (table["span"] == "run")]
        row = whole[(whole["change"] == "strict") & (whole["step"] == 0)].iloc[0]
        assert row[["gained", "lost"]].tolist() == [8, 0]
        assert row["mcnemar_p"] == pytest.approx(binomtest(8, 8).pvalue)
        assert row["p"] == pytest.approx(p)
    rows = pd.concat([*spread[:2], readouts_of("d", loss)], ignore_index=True)
    table = correction.correction_tests(rows, index_of(rows), **FEW)
    steps = table[(table["part"] == "all") & (table["span"] == "steps")]
    assert steps[["gained", "lost"]].to_numpy().tolist() == [[2, 1], [2, 1]]
    assert steps["net"].tolist() == pytest.approx([1 / 3, 1 / 3])


def test_wide_changes_count_completions_and_strict_ones_do_not():
    rows = pd.concat([readouts_of(c, [-1] * N + [0]) for c in "ab"], ignore_index=True)
    table = correction.correction_tests(rows, index_of(rows), **FEW)
    first = table[(table["part"] == "all") & (table["step"] == 0)].set_index("change")
    assert first.loc["strict", ["gained", "lost", "net"]].tolist() == [0, 0, 0]
    assert first.loc["wide", ["gained", "lost", "net"]].tolist() == [2, 0, 1]
    # no change in two cases does not show that there never is one
    assert first.loc["strict", "low"] < -0.3
    assert first.loc["strict", "high"] > 0.3


def test_puzzles_with_several_right_answers_are_apart():
    rows = pd.concat([readouts_of("a", [-1] * N + [0]), readouts_of("b", [0] * (N + 1))])
    table = correction.correction_tests(rows, index_of(rows, several=["a"]), **FEW)
    kinds = table[(table["part"] == "solutions") & (table["change"] == "wide")]
    gained = kinds[kinds["step"] == 0].set_index("solutions")["gained"]
    assert gained.to_dict() == {"several": 1, "one": 0}


# Memory


def puzzle_of(task, n=0, split="in-domain"):
    return next(itertools.islice(stream(task, split, "evaluation", 0), n, None))


def ending(puzzle, *objects):
    """The last frame with only these (cell, pair, share) on the board, blended with the floor."""
    bare = task_of(puzzle.task).empty(puzzle)[-1]
    picture = render(bare)
    for cell, pair, share in objects:
        drawn = render(with_tiles(bare, {cell: (shape_layer(pair),)}))
        picture = picture + share * (drawn - render(bare))
    return picture


@pytest.mark.parametrize("task", memory.REMEMBERED)
def test_memory_errors_of_pictures_with_known_faults(task):
    puzzle = replace(puzzle_of(task), layout={**puzzle_of(task).layout, "bystanders": []})
    field = memory.REMEMBERED[task]
    puzzle.layout[field], puzzle.layout["large"] = ("disc", "red"), "blue"
    (shape, colour), place = memory.hidden_object(puzzle)
    elsewhere = ((place[0] + 1) % 5, place[1])
    frames = [
        ending(puzzle, (place, (shape, colour), 1)),
        ending(puzzle),
        ending(puzzle, (elsewhere, (shape, colour), 1)),
        ending(puzzle, (place, (shape, colour), 0.75), (elsewhere, (shape, colour), 0.25)),
        ending(puzzle, (place, (shape, "green"), 1)),
        ending(puzzle, (place, ("cross", colour), 1)),
    ]
    found = memory.read_memory(puzzle, np.stack(frames))
    red, green, floor = (np.array(c) / 255 for c in (COLOURS["red"], COLOURS["green"], FLOOR))
    far = np.linalg.norm(green - red) / np.linalg.norm(floor - red)
    assert found["position"].tolist() == pytest.approx([0, 1, 1, 0.25, 0, 0], abs=1e-5)
    assert found["colour"].tolist() == pytest.approx([0, 1, 0, 0.25, far, 0], abs=2e-3)
    assert found["identity"].tolist() == [0, 1, 0, 0, 0, 1]


@pytest.mark.parametrize("task", memory.REMEMBERED)
@pytest.mark.parametrize("split", ["in-domain", "out-of-domain"])
def test_controls_hold_nothing_of_what_is_to_be_remembered(task, split):
    for puzzle in itertools.islice(stream(task, split, "evaluation", 1), 20):
        pair, place = memory.hidden_object(puzzle)
        other = memory.changed_puzzle(puzzle)
        new, elsewhere = memory.hidden_object(other)
        assert name_of(pair) not in other.prompt
        assert name_of(new) in other.prompt
        assert not set(new) & set(pair)
        assert elsewhere != place
        first, changed = first_frame(puzzle), first_frame(other)
        (row, column) = (slice(16 * i, 16 * i + 16) for i in place)
        floor = np.array(FLOOR, np.float32) / 255
        for picture in (changed, memory.without_object(puzzle)):
            assert np.allclose(picture[row, column], floor)
        rest = np.ones(first.shape, bool)
        rest[row, column] = False
        assert np.array_equal(memory.without_object(puzzle)[rest], first[rest])


@pytest.fixture
def remembering(build_pocket, tmp_path):
    """A tiny random model with two cases of each memory task and one of move."""
    puzzles = [puzzle_of(task, n) for task in memory.REMEMBERED for n in range(2)]
    puzzles.append(puzzle_of("move"))
    cases = []
    for number, puzzle in enumerate(puzzles):
        name = f"in-domain/{puzzle.task}/{number:05d}"
        folder = tmp_path / name
        folder.mkdir(parents=True)
        write_case(folder, puzzle)
        cases.append(Case(name, folder))
    prompts = [puzzle.prompt for puzzle in puzzles]
    prompts += [memory.changed_puzzle(p).prompt for p in puzzles if p.task in memory.REMEMBERED]
    model = WanModel(build_pocket(prompts), name="tiny", max_sequence_length=24)
    return model, cases


def test_a_run_that_forgets_at_step_12(remembering):
    model, cases = remembering
    puzzle = cases[0].puzzle
    movie = render_movie(task_of(puzzle.task).movie(puzzle, puzzle.shown))
    forgotten = movie.copy()
    forgotten[-4:] = render(task_of(puzzle.task).empty(puzzle)[-1])
    kept, lost = model.encode(torch.from_numpy(np.stack([movie, forgotten])))
    clean = torch.stack([kept] * 12 + [lost] * (N - 12))[None]
    runs = pd.DataFrame(
        [{"model": "m", "case": cases[0].name, "task": puzzle.task, "split": "s", "seed": 0}]
    )
    x = torch.cat([clean, lost[None, None]], dim=1)
    trajectory = Trajectory(runs, flow_sigmas(N, 5.0), x, clean, [0] * N, {"batch": 1})
    rows, nfe = memory.memory_shard(model, trajectory, cases[:1], [], seeds=[0], starts=[0])
    assert nfe == 0
    early, late = rows[rows["step"] < 12], rows[rows["step"] >= 12]
    assert len(early) == 12 and len(late) == N + 1 - 12
    assert (early[list(memory.ERRORS)].to_numpy() < 0.1).all()
    assert (late[list(memory.ERRORS)].to_numpy() > 0.9).all()


def test_memory_controls_are_runs_from_the_stored_latents_with_the_other_picture(remembering):
    model, cases = remembering
    made = {"steps": 4, "shift": 5.0, "n_frames": 17, "batch": 3}
    trajectory = run_shard(model, cases, [0, 1], **made)
    few = [case.name for case in cases[:3]]
    rows, nfe = memory.memory_shard(model, trajectory, cases, few, seeds=[1], starts=[0, 3])
    assert nfe == 3 * (4 + 4 + 1)
    counts = rows.groupby(["condition", "start"])["step"].agg(["size", "min"]).to_dict("index")
    assert counts == {
        ("absent", 0): {"size": 15, "min": 0},
        ("changed", 0): {"size": 15, "min": 0},
        ("clean", 0): {"size": 40, "min": 0},
        ("withheld", 3): {"size": 3, "min": 4},
    }
    assert set(rows.loc[rows["condition"] != "clean", "seed"]) == {1}

    # the run of the second case, made again one at a time
    case, puzzle = cases[1], cases[1].puzzle
    mine = rows[(rows["case"] == case.name) & (rows["step"] == 4)].set_index("condition")
    at = trajectory.select(
        np.flatnonzero((trajectory.runs["case"] == case.name) & (trajectory.runs["seed"] == 1))
    )
    picture = Image.fromarray(to_uint8(memory.without_object(puzzle)))
    for condition, start in (("absent", 0), ("withheld", 3)):
        velocity = model.velocity(model.condition([picture], [puzzle.prompt], 17))
        end = sample(velocity, at.x[:, start], at.sigmas, start=start)
        wanted = memory.read_memory(puzzle, model.decode(end, frames=[16])[:, 0].numpy())
        found = mine.loc[condition, list(memory.ERRORS)].astype(float).tolist()
        assert found == pytest.approx(wanted.iloc[0].tolist(), abs=1e-3)


def memory_rows(finals, n_steps=4):
    """Synthetic rows of `memory_shard` of six cases; finals: (condition, start) -> final error."""
    rows = []
    for number, ((condition, start), error) in itertools.product(range(6), finals.items()):
        steps = [n_steps] if start else range(n_steps + 1)
        for step in steps:
            value = error if step == n_steps else 0.0
            rows.append(
                {
                    **{"model": "m", "case": f"c{number}", "task": "reappear", "seed": 0},
                    **{"split": "in-domain", "condition": condition, "start": start},
                    **{"step": step, "sigma": 1 - step / n_steps},
                    **dict.fromkeys(memory.ERRORS, value),
                }
            )
    return pd.DataFrame(rows)


def test_memory_table_tells_forgetting_from_remembering():
    finals = {
        ("clean", 0): 0.125,
        ("absent", 0): 1.0,
        ("changed", 0): 0.875,
        ("withheld", 1): 1.0,
        ("withheld", 3): 0.25,
    }
    table = memory.memory_table(memory_rows(finals), **FEW)
    table = table[(table["task"] == "all") & (table["split"] == "all")]
    table = table[table["quantity"] == "position"]

    def mean(part, condition, step=None):
        rows = table[(table["part"] == part) & (table["condition"] == condition)]
        rows = rows if step is None else rows[rows["step"] == step]
        assert len(rows) == 1
        return rows.iloc[0]

    assert mean("control", "absent")["mean"] == pytest.approx(0.875)
    assert mean("control", "changed")["mean"] == pytest.approx(0.75)
    assert mean("control", "absent")["p"] == pytest.approx(2 / 2**6)
    assert mean("held", "withheld", 1)["mean"] == 0
    assert mean("held", "withheld", 1)["high"] > 0.2  # six cases do not prove that nothing is held
    assert mean("held", "withheld", 3)["mean"] == pytest.approx(0.75)
    assert [mean("withheld", "withheld", k)["mean"] for k in (0, 1, 3)] == [1.0, 1.0, 0.25]
    assert mean("steps", "clean", 2)["mean"] == 0
    assert mean("worst", "clean")["mean"] == mean("final", "paired")["mean"] == 0.125


def test_memory_under_noise_counts_runs_that_were_right():
    rows = pd.DataFrame(
        [
            {"case": f"{task}{i}", "task": task, "kind": kind, "index": 0, "correct": kept}
            for task, kept, kind in (
                ("reappear", True, "step"),
                ("occlude", False, "step"),
                ("maze", False, "step"),
                ("maze", True, "clean"),
            )
            for i in range(4)
        ]
    ).assign(model="m", part="sweep", clean_correct=True, frame_is_read=False)
    spoiled = rows.assign(case=rows["case"] + "wrong", clean_correct=False, correct=True)
    table = memory.memory_noise_table(pd.concat([rows, spoiled]), **FEW)
    found = table.dropna(subset="index").set_index("task")
    assert found["mean"].to_dict() == {"reappear": 1, "occlude": 0, "memory": 0.5, "others": 0}
    assert found["n"].to_dict() == {"reappear": 4, "occlude": 4, "memory": 8, "others": 4}


# Perception before action


def frames_of(scenes):
    return render_movie(scenes)[list(perception.BEATS)]


def test_evidence_of_videos_with_known_content():
    puzzle = puzzle_of("move", 1)
    movie = task_of("move").movie(puzzle, puzzle.shown)
    start = tuple(puzzle.layout["objects"][0][0])
    still = [movie[0]] * len(movie)
    cleared = [movie[0], *[with_tiles(movie[0], {start: ()})] * 16]
    nothing = [movie[0], *[{}] * 16]
    shown = np.stack([frames_of(scenes) for scenes in (movie, still, cleared, nothing)])
    half = (shown[0] + shown[1]) / 2
    found = perception.read_evidence(puzzle, np.concatenate([shown, half[None]]))
    assert found["localised"].tolist() == pytest.approx([1, 0, 1, 0, 0.5], abs=1e-5)
    assert found["motion"].tolist() == pytest.approx([1, 0, 0, 0, 0.5], abs=1e-5)


def test_the_null_has_the_target_alone_and_the_same_prompt():
    puzzle = puzzle_of("move", 2)
    null = perception.alone(puzzle)
    assert null.prompt == puzzle.prompt
    assert null.layout["objects"] == puzzle.layout["objects"][:1]
    movie = task_of("move").movie(null, null.shown)
    assert all(len(scene) == 1 for scene in movie)
    found = perception.read_evidence(null, frames_of(movie)[None])
    assert found.to_numpy().tolist() == [pytest.approx([1, 1], abs=1e-5)]


def evidence_rows(case, seed, condition, localised_at, motion_at, *, level=1.0, split="in-domain"):
    steps = np.arange(N + 1)
    return pd.DataFrame(
        {
            **{"model": "m", "case": case, "task": "move", "split": split, "seed": seed},
            **{"condition": condition, "step": steps, "sigma": 1 - steps / N},
            "localised": np.where(steps >= localised_at, 0.95, 0.3) * level,
            "motion": np.where(steps >= motion_at, 0.95, 0.3) * level,
        }
    )


def test_a_known_lag_is_found_and_held_against_its_null():
    lags = (4, 5, 5, 6, 7, 5)
    tables = [evidence_rows(f"c{i}", 0, "clean", 3, 3 + lag) for i, lag in enumerate(lags)]
    tables += [evidence_rows(f"c{i}", 0, "alone", 2, 3) for i in range(6)]
    tables.append(evidence_rows("never", 0, "clean", 3, 9, level=0.4))
    rows = pd.concat(tables, ignore_index=True).sample(frac=1, random_state=0)
    runs = perception.onsets(rows)
    assert runs.loc[runs["condition"] == "clean", "lag"].dropna().tolist() == list(lags)
    assert runs.loc[runs["case"] == "never", "excluded"].tolist() == [1]
    table = perception.perception_table(rows, **FEW)
    table = table[table["split"] == "all"].set_index(["condition", "quantity"])
    assert table.loc[("clean", "lag_median"), "mean"] == 5
    assert table.loc[("alone", "lag_median"), "mean"] == 1
    beyond = table.loc[("difference", "lag_mean")]
    assert beyond["mean"] == pytest.approx(np.mean(lags) - 1)
    assert beyond["p"] == pytest.approx(2 / 2**6)
    assert 0 < beyond["low"] <= beyond["mean"] <= beyond["high"]
    assert table.loc[("clean", "excluded"), "mean"] == pytest.approx(1 / 7)
    shares = table.loc[("clean", "lag_share")].set_index("step")["mean"]
    assert shares.to_dict() == pytest.approx({4: 1 / 6, 5: 3 / 6, 6: 1 / 6, 7: 1 / 6})
    curve = table.loc[("clean", "localised")].set_index("step")["mean"]
    assert curve[2] == pytest.approx(0.3 / 0.95)
    assert curve[3] == 1


def test_perception_reads_stored_runs_and_makes_the_null(remembering):
    model, cases = remembering
    trajectory = run_shard(model, cases[-2:], [0, 1], steps=3, shift=5.0, n_frames=17, batch=2)
    rows, nfe = perception.perception_shard(model, trajectory, cases, [cases[-1].name], seeds=[0])
    assert nfe == 3
    assert rows.groupby(["condition", "seed"]).size().to_dict() == {
        ("alone", 0): 4,
        ("clean", 0): 4,
        ("clean", 1): 4,
    }
    puzzle = cases[-1].puzzle
    row = int(
        np.flatnonzero((trajectory.runs["task"] == "move") & (trajectory.runs["seed"] == 1))[0]
    )
    video = model.decode(trajectory.clean[row, 1:2])[:, list(perception.BEATS)].numpy()
    wanted = perception.read_evidence(puzzle, video).iloc[0]
    found = rows[(rows["seed"] == 1) & (rows["step"] == 1)].iloc[0]
    assert found[list(perception.EVIDENCE)].tolist() == pytest.approx(wanted.tolist())


def test_without_its_puzzles_a_shard_has_no_rows(remembering):
    model, cases = remembering
    trajectory = run_shard(model, cases[-1:], [0], steps=2, shift=5.0, n_frames=17, batch=1)
    rows, nfe = memory.memory_shard(model, trajectory, cases, [], seeds=[0], starts=[0])
    assert (len(rows), nfe) == (0, 0)
    assert set(memory.ERRORS) <= set(rows)
    table = memory.memory_table(rows, **FEW)
    some = memory.memory_table(memory_rows({("clean", 0): 0.5, ("absent", 0): 1.0}), **FEW)
    assert len(table) == 0
    assert list(table) == list(some)


# Summaries, verdicts, examples


def test_means_leave_out_what_is_missing_and_count_cases():
    frame = pd.DataFrame({"g": "x", "case": ["a", "a", "b", "c"], "v": [1.0, 3.0, 5.0, np.nan]})
    row = means(frame, ["g"], ["v"], test=True, **FEW).iloc[0]
    assert row[["n", "cases", "mean"]].tolist() == [3, 2, 3.0]
    assert row["p"] == 0.5  # two cases of one sign: two of the four patterns reach it


def test_pooled_rows_come_again_under_all():
    frame = pd.DataFrame({"task": ["a", "b"], "split": ["x", "y"]})
    found = pooled(frame, "task", "split").value_counts().to_dict()
    assert found[("all", "all")] == 2
    assert found[("a", "all")] == found[("all", "x")] == found[("a", "x")] == 1


def test_paired_takes_what_both_sides_have():
    rows = pd.DataFrame(
        {
            "case": ["a", "b", "a", "c"],
            "condition": ["one", "one", "other", "other"],
            "v": [3.0, 9.0, 1.0, 7.0],
        }
    )
    assert paired(rows, "one", "other", ["case"], ["v"]).to_dict("list") == {
        "case": ["a"],
        "v": [2],
    }


@pytest.mark.parametrize(
    ("low", "high", "p", "against", "verdict"),
    [
        (0.1, 0.3, 0.01, 0.0, "holds"),
        (0.1, 0.3, 0.2, 0.0, "undecided"),
        (-0.3, -0.1, 0.01, 0.0, "reversed"),
        (-0.1, 0.3, 0.01, 0.0, "undecided"),
        (0.6, 0.7, 0.01, 0.5, "holds"),
        (0.1, 0.3, 0.9, 0.5, "reversed"),
        (np.nan, np.nan, 0.01, 0.0, "undecided"),
    ],
)
def test_a_verdict_can_come_out_either_way(low, high, p, against, verdict):
    row = {"model": "m", "n": 9, "cases": 9, "mean": 0.2, "low": low, "high": high, "p": p}
    assert judge_row(pd.DataFrame([row]), "claim", "control", against)["verdict"] == verdict


@pytest.mark.parametrize(
    ("firm", "early", "side"),
    [
        ("holds", "undecided", "sides with self-correction"),
        ("undecided", "holds", "fixed within the first steps"),
        ("reversed", "undecided", "decides for neither"),
    ],
)
def test_the_dispute_is_told_as_the_numbers_have_it(firm, early, side):
    rows = [
        ("corrections_exceed_corruptions", "strict, from step 0, one right answer", firm),
        ("corrections_exceed_corruptions", "wide, from step 0, one right answer", "undecided"),
        ("most_committed_early", "all cases", early),
    ]
    verdicts = pd.DataFrame(
        [{"model": "m", "claim": c, "control": k, "verdict": v} for c, k, v in rows]
    )
    known = {"model": "m", "solutions": "one", "span": "run", "step": 0, "net": 0.25}
    known |= {"gained": 7, "lost": 3, "low": 0.125, "high": 0.5}
    tests = pd.DataFrame([{**known, "change": change} for change in ("strict", "wide")])
    text = dispute(verdicts, tests, "m")
    assert side in text
    assert ("(7) outnumber corruptions (3; net a run 0.250 [0.125 to 0.500])" in text) == (
        firm == "holds"
    )
    assert "nothing is said" in dispute(verdicts, tests, "another")


def test_examples_are_picked_by_rule():
    fixed = [0] * (N + 1)
    corrected = {case: [1] * k + [0] * (N + 1 - k) for case, k in (("p", 3), ("q", 9), ("r", 15))}
    tables = [readouts_of("a", fixed, task="reappear")]
    tables += [readouts_of(case, run, task="bounce") for case, run in corrected.items()]
    tables.append(readouts_of("s", [1, 0, 1] + [1] * (N - 2), task="polyomino"))
    tables += [readouts_of(f"m{i}", fixed, task="move") for i in range(3)]
    rows = pd.concat(tables, ignore_index=True)
    lags = pd.concat([evidence_rows(f"m{i}", 0, "clean", 1, 1 + 2 * i) for i in range(3)])
    found = {pick.panel: (pick.rule, pick.case) for pick in picks(rows, lags, index_of(rows))}
    assert found == {
        "a": ("typical", "a"),
        "c": ("corrected", "q"),
        "d": ("flips", "s"),
        "median lag": ("lag", "m1"),
        "long lag": ("lag", "m2"),
    }
