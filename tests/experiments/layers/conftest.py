"""What the tests of the layer experiments share."""

from types import SimpleNamespace

import pytest
import tiny

from chain_of_steps.cases.folders import load_cases, make_cases
from chain_of_steps.models.wan import WanModel


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """A tiny random model that takes the puzzles' pictures and prompts. Leave it as it is."""
    model = WanModel(
        tiny.pipeline(
            codec=tiny.LinearCodec(), transformer=tiny.transformer(1, z_dim=6), **tiny.text_parts()
        ),
        max_sequence_length=24,
        name="small",
    )
    root = tmp_path_factory.mktemp("cases")
    index = make_cases(root, ["identify", "maze", "move"], {"in-domain": 2, "out-of-domain": 1}, 0)
    cases = {case.name: case for case in load_cases(root, index["case"].tolist())}
    return SimpleNamespace(model=model, index=index, cases=cases)
