"""The scorer's environment, made once for all tests of it."""

import os
from pathlib import Path

import pytest

from chain_of_steps.errors import UserError
from chain_of_steps.experiments.vbvr.scorer import make_environment


@pytest.fixture(scope="session")
def environment(tmp_path_factory) -> Path:
    """The scorer's environment, made from the package index; $COS_SCORER names one that is made."""
    if "COS_SCORER" in os.environ:
        return Path(os.environ["COS_SCORER"])
    folder = tmp_path_factory.mktemp("environment") / "scorer"
    try:
        make_environment(folder)
    except UserError as error:
        if "No matching distribution" in str(error) or "onnection" in str(error):
            pytest.skip(f"no package index at hand: {error}")
        raise
    return folder
