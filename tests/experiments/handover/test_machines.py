"""The instrument on machines whose way of answering is known: which contrast tells which apart.

Serial is told from the others by each test of SERIAL; recompute from polish by those of POLISHING.
"""

from functools import cache

import judged
import machines
import pandas as pd
import pytest
import torch
from repository import ROOT

from chain_of_steps.edits import Loop
from chain_of_steps.experiments.behaviours.posterior import encoded_answers
from chain_of_steps.experiments.handover import subjects
from chain_of_steps.experiments.handover.contrasts import POLISHING, SERIAL, contrasts
from chain_of_steps.experiments.handover.ends import COLUMNS, ends_of
from chain_of_steps.experiments.handover.jacobian import derivative, jacobian_of
from chain_of_steps.experiments.handover.outcomes import handover_outcomes
from chain_of_steps.experiments.handover.settings import Handover
from chain_of_steps.experiments.handover.tiles import tiles_of
from chain_of_steps.experiments.loops.outcomes import loops_outcomes
from chain_of_steps.experiments.loops.passes import passes_of, read_ends
from chain_of_steps.experiments.loops.schedules import through
from chain_of_steps.experiments.loops.settings import Loops
from chain_of_steps.experiments.loops.summary import loop_contrasts
from chain_of_steps.interventions import by_row
from chain_of_steps.measures import NO_ANSWER
from chain_of_steps.models.wan import WanModel
from chain_of_steps.runs import Runs, loops_of, run_shard
from chain_of_steps.sampling import sample
from chain_of_steps.statistics.resampling import Resampling
from chain_of_steps.statistics.verdicts import HOLDS, NO_ROOM, UNMEASURED
from chain_of_steps.study.claims import load_claims

STEPS, SHIFT, BATCH = 24, 5.0, 10
LONG = 40  # steps in which a serial machine ends chains of ten hops; in fewer it can be put right
FIELDS = Handover(levels=[0.93, 0.7, 0.45], tile_levels=[0.75, 0.6], directions=1)
LOOPS = Loops(
    few_steps=[4],
    matched_steps=[1, 16],
    matched_levels=[0.5],
    rest=4,
    chosen={"sigma": 0.6, "passes": 12},
    levels=[0.6, 0.4],
    passes=[0, 12],
    above=4,
    below=4,
)
FEW = Resampling(200, 0)
pytestmark = pytest.mark.slow
every_machine = pytest.mark.parametrize("name", machines.MACHINES)


@pytest.fixture(scope="module")
def measure(tmp_path_factory, puzzle_codec):
    """name of a machine -> its ends, tiles, derivatives and loops, on chains near and far."""
    puzzles = [*machines.puzzles_by_need(1, 2, 4), *machines.puzzles_by_need(8, 10, 6)]
    cases = machines.write_cases(tmp_path_factory.mktemp("machines"), puzzles)
    pipe = machines.pipe_of(puzzle_codec, puzzles)
    coded = WanModel(pipe, max_sequence_length=24)
    known = [machines.Known.of(coded, puzzle) for puzzle in puzzles]

    @cache
    def of(name):
        model = machines.MachineModel(pipe, name, known)
        options = {"steps": STEPS, "shift": SHIFT, "n_frames": 17, "batch": BATCH}
        runs = run_shard(model, cases, [0], **options)
        made = [f(model, runs, cases, FIELDS, BATCH) for f in (ends_of, tiles_of, jacobian_of)]
        made.append(passes_of(model, runs, cases, LOOPS, SHIFT, BATCH))
        return model, runs, cases, [table for table, _ in made], [nfe for _, nfe in made]

    drawn = {}

    def drawn_once(model, puzzle, drawing):  # the machines share their codec
        key = puzzle.digest, len(puzzle.candidates)
        if key not in drawn:
            drawn[key] = encoded_answers(model, puzzle, drawing)
        return drawn[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subjects, "encoded_answers", drawn_once)
        yield of


def found(measure, name) -> dict[str, pd.Series]:
    """The contrasts of a machine by test."""
    *_, (ends, tiles, jacobian, looped), _ = measure(name)
    tables = [
        contrasts(ends, tiles, jacobian, STEPS, resampling=FEW),
        loop_contrasts(looped, LOOPS.chosen, resampling=FEW).query("task == split == 'all'"),
    ]
    return {row["test"]: row for table in tables for _, row in table.iterrows()}


@pytest.mark.parametrize("test", [*SERIAL, "matched", "looped"])
def test_each_test_tells_a_serial_machine_from_all_others(measure, test):
    serial = found(measure, "serial")[test]
    assert serial["mean"] > 0.01, serial
    for name in ("recompute", "posterior", "polish"):
        others = found(measure, name)
        if test not in others:  # it is never wrong, say
            assert test == "repaired" and name != "posterior"
            continue
        assert others[test]["mean"] < serial["mean"] / 3, (name, others[test])
        # ten cases of which none differs still leave an interval of 0.3 on both sides
        none_differs = others[test]["mean"] == 0
        assert none_differs or others[test]["high"] < serial["mean"], (name, others[test])


@pytest.mark.parametrize("test", POLISHING)
def test_polish_is_told_from_recompute_by_what_is_accepted_behind_what_leads(measure, test):
    assert found(measure, "recompute")[test]["mean"] == 0
    assert found(measure, "polish")[test]["low"] > 0


def test_nothing_that_is_put_in_changes_what_is_recomputed(measure):
    for name in ("recompute", "polish"):
        ends = measure(name)[3][0]
        assert ends["right"].all(), name
        assert ends.loc[ends["intervention"] == "bottleneck", "unread"].eq(0).all()
        assert not ends.loc[ends["put"].isin(["direct", "indirect"]), "kept"].any()


def test_who_trusts_the_latent_keeps_what_it_is_sure_of(measure):
    """The exact posterior: once an ideal reader is sure, the run ends on that."""
    ends = measure("posterior")[3][0]
    known = ends["intervention"].isin(["inject", "u_turn", "fresh_noise", "plain"])
    # the machine does not know the mistakes that are no candidates of the puzzle itself
    sure = ends[known & (ends["ideal"] != NO_ANSWER) & (ends["put"] != "direct")]
    assert len(sure) > 50
    assert (sure["leads"] == sure["ideal"]).mean() > 0.9
    right = ends[(ends["put"] == "right") & (ends["step"] > STEPS // 2)]
    assert right["kept"].all(), "the right answer put in is the control"


def test_loops_carry_the_front_on_and_their_control_does_not(measure):
    looped = measure("serial")[3][3]
    front = (
        looped.assign(far=looped["need"] > 2).groupby(["method", "far", "count"])["front"].mean()
    )
    assert front["loop", True, 12] > front["loop", True, 0] + 3
    assert front["erased", True, 12] < front["loop", True, 12] - 3
    assert found(measure, "serial")["erased"]["mean"] <= 0


@every_machine
def test_tables_have_a_row_for_each_thing_and_count_what_ran(measure, name):
    _, _, cases, (ends, tiles, jacobian, looped), nfes = measure(name)
    assert tuple(ends.columns) == COLUMNS
    n, levels = len(cases), ends.loc[ends["intervention"] == "u_turn", "step"].unique()
    assert len(levels) == 3
    size = ends.groupby("intervention").size()
    assert size["plain"] == n * 4 and size["u_turn"] == size["fresh_noise"] == n * 3
    assert size["swap_picture"] == n * 3, "every case has a partner"
    assert size["bottleneck"] == size["renoised"] == n
    # right, direct, indirect, U-turn, fresh noise, a swap; then two whole runs but for step 0
    per_run = 6 * sum(STEPS - k for k in levels) + 2 * (STEPS - 1)
    assert nfes[0] == n * per_run
    sources = jacobian.groupby(["case", "step", "source", "direction", "depth"]).ngroups
    assert nfes[2] == 2 * sources
    # 4 steps; 1 and 16 to one level and 4 below; 4 + 12 + 1 to two levels and 4 below thrice
    assert nfes[3] == n * (4 + (5 + 20) + 2 * (17 + 3 * 4))
    assert set(tiles["intervention"]) == {"transplant", "erase"}
    assert not looped.loc[looped["method"] == "full", "leads"].isna().any()


def test_a_further_model_makes_the_chosen_loop_and_few_steps_alone(measure):
    model, runs, cases, tables, _ = measure("serial")
    made, nfe = passes_of(model, runs, cases, LOOPS, SHIFT, BATCH, main=False)
    whole = tables[3]
    same = whole["method"].isin(["full", "few"])
    same |= whole["method"].eq("loop") & whole["sigma"].eq(0.6) & whole["count"].eq(12)
    assert len(made) == same.sum()
    keys = ["case", "method", "count"]
    columns = ["leads", "accepted", "score", "nfe"]
    sides = [table.set_index(keys)[columns].sort_index() for table in (made, whole[same])]
    pd.testing.assert_frame_equal(*sides)
    assert nfe == len(cases) * (4 + 4 + 12 + 1 + 4)


def test_a_loop_that_shares_its_beginning_is_the_loop_by_itself(measure):
    """passes_of leaves the longest loop where each shorter one ends."""
    model, runs, cases, tables, _ = measure("serial")
    given = Runs.stored(model, runs, cases)
    sigmas, loop = through(0.6, 4, 4, SHIFT), Loop(sigma=0.6, passes=12)
    edit = by_row(loops_of(loop, runs.runs, sigmas, given.latent_shape()))
    velocity = model.velocity(given.condition())
    ends = sample(velocity, given.noise(), loop.schedule(sigmas), edit=edit)
    known = [({}, case, end) for case, end in zip(cases, ends, strict=True)]
    leads = [row["leads"] for row in read_ends(model, known)]
    looped = tables[3].query("method == 'loop' and count == 12").query("0.59 < sigma < 0.61")
    assert looped["leads"].tolist() == leads


def test_the_derivative_is_that_of_differences(measure):
    model, runs, cases, *_ = measure("serial")
    velocity = model.velocity(Runs.stored(model, runs, cases).condition())
    k = 12
    x, sigma = runs.x[:, k].double(), runs.sigmas[k].item()
    along = torch.randn(x.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    step = 1e-3

    def clean(at):
        return at - sigma * velocity(at, sigma, k)

    expected = (clean(x + step * along) - clean(x - step * along)) / (2 * step)
    got = derivative(velocity, x.float(), sigma, k, along.float())
    assert torch.allclose(got.double(), expected, atol=2e-2, rtol=2e-2)
    assert expected.abs().max() > 0.1


# What the claims say of them


def drawn_at_once(task):
    """The machines solve one drawing of chains; claims read another, or several puzzles."""
    tasks = task if isinstance(task, list) else [task]
    return ["chain_once" if one == "chain" else one for one in tasks]


CLAIMS = [
    claim.model_copy(
        update={
            **{"held_out": False, "primary": False, "absent": "not made here"},
            "rows": {
                name: drawn_at_once(value) if name == "task" else value
                for name, value in claim.rows.items()
            },
        }
    )
    for claim in load_claims(ROOT / "workflow/paper/expected.yaml")
]
OF_NEED = ("commitment-later-for-greater-need", "loops-beat-plain-steps")


def said_of(measure, name) -> pd.DataFrame:
    """The table of claims on a machine, by id."""
    model, _, cases, (ends, _, _, looped), _ = measure(name)
    runs = run_shard(model, cases, [0], steps=LONG, shift=SHIFT, n_frames=17, batch=BATCH)
    needs = [case.puzzle.need for case in cases]
    index = pd.DataFrame({"case": [case.name for case in cases], "solutions": 1, "need": needs})
    tables = judged.outcomes_of_runs(model, runs, cases) | {
        "handover_outcomes.parquet": handover_outcomes(ends, index, STEPS),
        "loops_outcomes.parquet": loops_outcomes(looped, index),
    }
    here = {"condition": "12 passes at sigma 0.6"}  # as LOOPS has it
    claims = [
        claim.model_copy(update={"rows": claim.rows | here})
        if claim.id == "loops-beat-plain-steps"
        else claim
        for claim in CLAIMS
    ]
    return judged.judged(claims, tables, [name], LONG)


def test_claims_find_the_serial_machine_and_none_of_the_others(measure):
    serial = said_of(measure, "serial")["verdict"]
    assert serial["steps-needed-beyond-the-reach"] == HOLDS
    assert serial["commitment-later-for-greater-need"] == HOLDS
    for name in ("recompute", "posterior", "polish"):
        found = said_of(measure, name)["verdict"]
        for claim in OF_NEED:
            assert found[claim] != HOLDS, (name, claim)


def test_claims_about_steps_are_not_judged_on_what_recomputes(measure):
    found = said_of(measure, "recompute")
    about = found[found["about"] == "steps"]["verdict"]
    assert set(about) <= {NO_ROOM, UNMEASURED}
    assert (about == NO_ROOM).any()


def test_that_a_polisher_needs_its_steps_hangs_on_the_threshold_alone(measure):
    """Its first look is faint and right: by a lower threshold nothing is left to do."""
    row = said_of(measure, "polish").loc["steps-needed-beyond-the-reach"]
    assert "ACCEPT 0.5: holds" not in row["sweep"]
    serial = said_of(measure, "serial").loc["steps-needed-beyond-the-reach"]
    assert "ACCEPT 0.5: holds" in serial["sweep"]
