"""Shared fixtures; the builders are in helpers/."""

import forked
import pytest
import smoke as smoke_study
import tiny
import torch
from hypothesis import HealthCheck, settings
from hypothesis.configuration import set_hypothesis_home_dir

# the same examples in every run, and none on the clock
settings.register_profile(
    "ours",
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("ours")

# files whose tests take the smoke study: in parallel runs, one process has them all
SMOKE = {
    f"tests/workflow/test_{name}.py"
    for name in (
        "smoke",
        "add_an_experiment",
        "declared",
        "slurm",
        "interruption",
        "report",
        "recompute",
        "docs",
    )
}


def part_of(nodeid: str) -> str:
    """What one process takes: a file, or all that takes the smoke study; its soak on its own."""
    file = nodeid.split("::")[0]
    if "[soak" in nodeid:
        return "soak"
    return "smoke" if file in SMOKE else file


def pytest_collection_modifyitems(items):
    """The longest parts first, so that another process of pytest-xdist has the rest meanwhile."""
    longest = ["soak", "smoke"]
    items.sort(key=lambda item: (*longest, part_of(item.nodeid)).index(part_of(item.nodeid)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """A process takes whole parts, as tests of a file share fixtures."""
    from xdist.scheduler import LoadScopeScheduling

    class ByPart(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return part_of(nodeid)

    return ByPart(config, log)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """What is remembered of files goes into a folder of this session."""
    set_hypothesis_home_dir(tmp_path_factory.mktemp("hypothesis"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Tiny tensors gain nothing from threads, and other work may hold the cores."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def one_expert():
    """A tiny random Wan image-to-video pipeline; do not change it."""
    return tiny.pipeline()


@pytest.fixture(scope="session")
def two_experts():
    """The same with two experts, the boundary at sigma 0.8; do not change it."""
    return tiny.pipeline(experts=2)


@pytest.fixture(scope="session")
def puzzle_codec():
    """The linear codec of the puzzles, fitted to fewer of them; do not change it."""
    from chain_of_steps.pocket.training import codec_for_puzzles

    return codec_for_puzzles(52, per_task=60)


@pytest.fixture(scope="session")
def build_pocket(puzzle_codec):
    """Builds pocket pipelines with one small random layer, which know the words of `prompts`."""
    from chain_of_steps.pocket.pipeline import build_pipeline, build_tokenizer

    def build(prompts, seed=0):
        size = {"layers": 1, "heads": 1, "head_dim": 24, "ffn_dim": 32, "text_dim": 16}
        return build_pipeline(puzzle_codec, build_tokenizer(prompts), **size, seed=seed)

    return build


@pytest.fixture(scope="session")
def smoke(tmp_path_factory):
    """A tree in which the smoke study has run once, without interruption, and its numbers."""
    tree = smoke_study.copy_tree(tmp_path_factory.mktemp("smoke") / "tree")
    variables = {**smoke_study.environment(tree), **smoke_study.recorded(tree / "records")}
    with forked.programs(tree, variables, forked.RECORDED):
        smoke_study.snakemake(tree, "--cores", "2", *smoke_study.SMOKE)
    jobs = smoke_study.records(tree / "records")
    return smoke_study.Study(tree, smoke_study.numbers(tree), jobs)
