"""The plain runs of Table 1 are those of the library, read as all others."""

import pytest
import tiny

from chain_of_steps.cases.folders import load_cases, make_cases
from chain_of_steps.edits import Loop
from chain_of_steps.experiments.ensemble.comparison import LOOP, SINGLE, single_run
from chain_of_steps.experiments.ensemble.plain import run_plain
from chain_of_steps.experiments.ensemble.variants import COLUMNS
from chain_of_steps.experiments.loops.schedules import through
from chain_of_steps.experiments.loops.settings import Chosen, Loops
from chain_of_steps.interventions import by_row
from chain_of_steps.models.wan import WanModel
from chain_of_steps.runs import Runs, loops_of, read_looks, run_shard
from chain_of_steps.sampling import sample

SHIFT, SEEDS, FRAMES = 3.0, [4, 2], 17
FIELDS = Loops(few_steps=[1, 3], chosen=Chosen(sigma=0.6, passes=2), above=2, below=2)


@pytest.fixture(scope="module")
def model():
    pipe = tiny.pipeline(
        codec=tiny.LinearCodec(),
        transformer=tiny.transformer(1, z_dim=6, layers=2),
        **tiny.text_parts(),
    )
    return WanModel(pipe, max_sequence_length=32, name="small")


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    root = tmp_path_factory.mktemp("cases")
    index = make_cases(root, ["identify", "maze"], {"in-domain": 1, "out-of-domain": 0}, 0)
    return load_cases(root, index["case"].tolist())


@pytest.fixture(scope="module")
def made(model, cases):
    return run_plain(model, cases, SEEDS, FIELDS, shift=SHIFT, n_frames=FRAMES, batch=2)


@pytest.mark.parametrize("steps", FIELDS.few_steps)
def test_few_steps_are_whole_runs_of_every_seed(model, cases, made, steps):
    table = made[0].query(f"method == '{single_run(steps)}'").set_index(["case", "seed"])
    options = {"steps": steps, "shift": SHIFT, "n_frames": FRAMES, "batch": 2}
    whole = run_shard(model, cases, SEEDS, **options)
    readers = Runs.stored(model, whole, cases).readers()
    expected = read_looks(model, readers, whole.x[:, -1][None])
    keys = list(zip(whole.runs["case"], whole.runs["seed"], strict=True))
    assert len(table) == len(keys)
    assert table.loc[keys, "score"].tolist() == pytest.approx(expected["score"][0].tolist())
    assert table.loc[keys, "answer"].tolist() == expected["answer"][0].tolist()
    assert (table["nfe"] == steps).all() and (table["kind"] == SINGLE).all()


def test_the_loop_is_the_chosen_one_of_the_first_seed(model, cases, made):
    table = made[0].query(f"kind == '{LOOP}'").set_index("case")
    runs = Runs.planned(model, cases, SEEDS[:1], FRAMES)
    sigmas, loop = through(0.6, 2, 2, SHIFT), Loop(sigma=0.6, passes=2)
    edit = by_row(loops_of(loop, runs.table, sigmas, runs.latent_shape()))
    velocity = model.velocity(runs.condition())
    ends = sample(velocity, runs.noise(), loop.schedule(sigmas), edit=edit)
    expected = read_looks(model, runs.readers(), ends[None])
    assert set(table["method"]) == {"2 passes at sigma 0.6"} and set(table["seed"]) == {4}
    assert table.loc[runs.table["case"], "score"].tolist() == pytest.approx(
        expected["score"][0].tolist()
    )
    assert (table["nfe"] == velocity.nfe / len(cases)).all()


def test_columns_are_those_of_the_ensembles_also_without_cases(model, made):
    table, nfe = made
    assert list(table.columns) == list(COLUMNS)
    assert nfe == table["nfe"].sum() + 2, "one pass a case to leave the loop"
    none, nothing = run_plain(model, [], SEEDS, FIELDS, shift=SHIFT, n_frames=FRAMES, batch=2)
    assert list(none.columns) == list(COLUMNS) and not len(none) and nothing == 0
