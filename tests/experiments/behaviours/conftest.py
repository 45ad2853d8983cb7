"""What the tests of the behaviours share."""

import pytest
from behaving import puzzle_of

from chain_of_steps.cases.folders import Case, write_case
from chain_of_steps.experiments.behaviours import memory
from chain_of_steps.models.wan import WanModel


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
