"""Killed at any moment, a study resumes to the same numbers; nothing of the dead run is left."""

import pytest
import smoke as helper


def check(tree, study, arguments, moments, seed):
    killed = helper.interrupt(helper.copy_tree(tree), arguments, moments, seed)
    print(f"seed {seed}, killed at:", *killed, sep="\n  ")
    assert len(killed) == moments
    # the documented command, as it is
    helper.snakemake(tree, "--cores", "2", *arguments)
    helper.assert_clean(tree)
    helper.assert_same_numbers(tree, study, arguments)
    assert "Nothing to be done" in helper.snakemake(tree, "--cores", "2", *arguments)


@pytest.mark.slow
def test_three_kills_and_the_same_numbers(tmp_path, smoke):
    check(tmp_path / "mein Träger", smoke, helper.SHORT, 3, 0)


# all experiments once, as that takes many minutes; else the first one, where a kill hits as well
STUDIES = [helper.SMOKE, *[helper.SHORT] * 4]


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.parametrize(
    ("seed", "study"), [pytest.param(n, s, id=f"soak-{n}") for n, s in enumerate(STUDIES, 1)]
)
def test_twenty_kills_and_the_same_numbers(tmp_path, smoke, seed, study):
    check(tmp_path / "tree", smoke, study, 4, seed)


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.parametrize("seed", [pytest.param(n, id=f"soak-{n}") for n in (6, 7)])
def test_kills_leave_no_process_that_keeps_a_model(tmp_path, smoke, seed):
    check(tmp_path / "tree", smoke, (*helper.SHORT, "processes={resident: true}"), 3, seed)
