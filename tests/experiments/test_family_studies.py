"""Every experiment, figure and claim of each model family, from one call of Snakemake.

The weights are random, so no answer may be read into what they make; what experiments measure is
tested elsewhere. Videos are twice as long as the movies of their puzzles.
"""

import pytest
import smoke as helper
import studies
import tiny

from chain_of_steps.artifacts import read_table
from chain_of_steps.files import read_json
from chain_of_steps.statistics.verdicts import HOLDS
from chain_of_steps.study.experiments import EXPERIMENTS

pytestmark = pytest.mark.slow

STRIDE = {"video": {"stride": 4}}  # of the tiny codecs of LTX


def two_experts():
    experts = {"transformer": tiny.transformer(1, layers=2)}
    experts |= {"transformer_2": tiny.transformer(2, layers=2), "boundary_ratio": 0.8}
    return tiny.pipeline(**experts, **tiny.text_parts())


# configuration -> its tiny pipeline, and what differs
FAMILIES = {
    "vbvr-wan2.2": lambda: (two_experts(), {}),
    "wan2.1": lambda: (tiny.pipeline(**tiny.text_parts() | tiny.clip_parts()), {}),
    "ti2v-5b": lambda: (tiny.given_frame_pipeline(**tiny.text_parts()), {}),
    "ltx": lambda: (tiny.ltx_pipeline(layers=2), STRIDE),
    "ltx2": lambda: (tiny.ltx2_pipeline(layers=2), STRIDE),
    "cogvideox": lambda: (tiny.cogvideox_pipeline(later=True, side=6), {}),
    "hunyuan": lambda: (tiny.hunyuan_pipeline(), {}),
    "skyreels-v2": lambda: (tiny.skyreels_pipeline(), {}),
}


def test_two_families_in_one_study(tmp_path):
    """What is quick enough for every day; each family has a whole study below."""
    tree = helper.copy_tree(tmp_path / "tree")
    for name, family in (("tiny", "vbvr-wan2.2"), ("other", "ti2v-5b")):
        FAMILIES[family]()[0].save_pretrained(tree / name)
    over = {
        "experiments": ["decision", "latents"],
        "models": {"other": {"path": "other", "guidance": 2.0, "max_sequence_length": 128}},
        "cases": {"tasks": ["maze", "move"]},
        "seeds": [0],
    }
    results = studies.run(tree, "vbvr-wan2.2", over)
    looks = read_table(results / "tables/readouts.parquet")
    assert looks.groupby("model").size().to_dict() == {"tiny": 2 * 3, "other": 2 * 3}
    assert (looks["answer"] == -1).all() and not looks["correct"].any()
    figures = {
        name for row in EXPERIMENTS if row.name in over["experiments"] for name in row.figures
    }
    assert {path.stem for path in (results / "figures").glob("*.png")} == figures
    claims = read_table(results / "figures/claims.csv")
    assert len(claims) > 40 and not (claims["verdict"] == HOLDS).any()


@pytest.mark.soak
@pytest.mark.parametrize("family", FAMILIES)
def test_one_call_makes_everything(tmp_path, family):
    tree = helper.copy_tree(tmp_path / "tree")
    pipe, over = FAMILIES[family]()
    pipe.save_pretrained(tree / "tiny")
    results = studies.run(tree, family, over)
    figures = results / "figures"
    made = read_json(results / "config.json")["experiments"]
    assert {row.name for row in EXPERIMENTS if row.needs_puzzles} <= {*made, "reading"}
    for row in EXPERIMENTS:
        if row.name not in made:
            continue
        for name in row.figures:
            assert (figures / f"{name}.png").stat().st_size > 1000, name
            assert (figures / f"{name}.md").is_file()
        for name in row.tables:
            assert (figures / f"{name}.csv").is_file()
        for name in row.keeps:
            assert (figures / "tables" / name).exists()
    looks = read_table(results / "tables/readouts.parquet")
    assert len(looks) == 4 * 2 * 3
    assert (looks["answer"] == -1).all() and not looks["correct"].any()
    noisy = read_table(results / "perturbation/tiny/0.parquet")
    assert noisy.loc[noisy["kind"] == "frame", "frame_is_read"].all()  # the last one
    claims = read_table(figures / "claims.csv")
    assert len(claims) > 40 and not (claims["verdict"] == HOLDS).any()
    assert (figures / "claims.md").is_file()


@pytest.mark.soak
def test_a_model_that_needs_a_last_frame_is_refused_before_it_runs(tmp_path):
    """A puzzle's last frame is its answer."""
    tree = helper.copy_tree(tmp_path / "tree")
    tiny.pipeline(**tiny.text_parts() | tiny.clip_parts(last=True)).save_pretrained(tree / "tiny")
    with pytest.raises(AssertionError):
        studies.run(tree, "wan2.1", {})
    log = (tree / "results/family/logs/sample_tiny_0.log").read_text()
    assert "Model tiny goes from a first to a last frame, and only the first is given" in log
