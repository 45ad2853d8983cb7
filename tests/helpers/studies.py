"""Whole studies of tiny models on native puzzles, by one call of Snakemake."""

from pathlib import Path
from typing import Any

import forked
import smoke as helper
import yaml

# laid over the configuration of a family and config/real-puzzles.yaml
SMALL = {
    "study": "family",
    "models": {"*": None, "tiny": {"path": "tiny", "guidance": 2.0, "max_sequence_length": 128}},
    "sampler": {"steps": 2},
    "cases": {
        "tasks": ["maze", "reappear", "move", "identify"],
        "out-of-domain": 0,
        "board": {"rows": 3, "columns": 3, "beats": 4},
        "drawing": {"side": 16, "width": None, "height": None},
    },
    "video": {"frames": 33},
    "seeds": [0, 1],
    "execution": {
        **{"device": "cpu", "dtype": "float32", "shard": 6, "batch": 6, "offload": "none"},
        "vae_tiling": False,  # tiles are larger than these videos
    },
    "processes": {"resident": False},  # jobs are forks of one process
    "statistics": {"resamples": 100},
    "perturbation": {"modes": ["replace"], "levels": [0.76], "seeds": [0], "control_cases": 0},
    "behaviours": {"withheld": [0.5]},
    "layers": {"steps": 3, "swap_steps": [1]},
    "ensemble": {"averaged": [], "early": [0.2]},
    "handover": {"levels": [0.7]},
    "loops": {
        **{"few_steps": [1], "matched_steps": [1], "rest": 1, "passes": [0, 1]},
        **{"chosen": {"sigma": 0.7, "passes": 1}, "above": 1, "below": 1},
    },
}


def run(
    tree: Path,
    family: str,
    over: dict[str, Any],
    *targets: str,
    variables: dict[str, str] | None = None,
) -> Path:
    """The results of a study in a tree, in which tiny/ is the model.

    family: whose configuration it begins with. over: laid over SMALL. targets: files of the
    results; none asks for everything. variables: those of jobs.
    """
    files = [f"config/{family}.yaml", "config/real-puzzles.yaml"]
    for name, fields in (("small.yaml", SMALL), ("over.yaml", over)):
        if fields:
            (tree / name).write_text(yaml.safe_dump(fields))
            files.append(name)
    results = Path("results") / SMALL["study"]
    wanted = ["--", *(str(results / name) for name in targets)] if targets else []
    with forked.programs(tree, variables or helper.environment(tree)):
        helper.snakemake(tree, "--cores", "1", "--configfile", *files, *wanted)
    return tree / results
