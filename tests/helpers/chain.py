"""A tiny study of two puzzles, stage by stage through the command line."""

from pathlib import Path

import yaml

from chain_of_steps import cli
from chain_of_steps.pocket import training
from chain_of_steps.tasks import maze, odd

STEPS, SEEDS, SHARDS = 3, (0, 1), (0, 1)
STUDY = {
    "study": "tiny",
    "models": {"pocket": {"path": "model", "max_sequence_length": 24}},
    "sampler": {"steps": STEPS},
    "cases": {"tasks": ["maze", "odd"], "in-domain": 2, "out-of-domain": 1},
    "seeds": list(SEEDS),
    "execution": {"shard": 4, "batch": 3, "threads": 1},
    "statistics": {"resamples": 100},
    "ensemble": {"k": 1, "averaged": []},
    "card": {"cases": 3, "elsewhere": 2, "steps": 1},
}
EXPLORE = ("explore", "--model", "pocket", "--cases", "cases")
EXPLORE += ("--trajectory", "trajectories/pocket/0.safetensors")
STRIP = ("strip", "--model", "pocket", "--cases", "cases", "--trajectories", "trajectories/pocket")


def cos(*arguments: str | Path | int) -> int:
    return cli.main([str(argument) for argument in arguments])


def tree(root: Path) -> dict[str, bytes]:
    """Every file below a folder, with its content."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def prepare(root: Path, build_pocket) -> None:
    """Puts a random model and a config.yaml into a folder."""
    training.save_pipeline(build_pocket([maze.PROMPT, odd.PROMPT]), root / "model")
    (root / "config.yaml").write_text(yaml.safe_dump(STUDY, sort_keys=False))


def run_chain(out: Path) -> None:
    assert cos("cases", "--out", out / "cases") == 0
    for shard in SHARDS:
        given = ("--model", "pocket", "--cases", out / "cases")
        path = out / f"trajectories/pocket/{shard}.safetensors"
        assert cos("sample", *given, "--shard", shard, "--out", path) == 0
        table = out / f"{shard}.parquet"
        assert cos("read", *given, "--trajectory", path, "--out", table) == 0
    tables = [out / f"{shard}.parquet" for shard in SHARDS]
    assert cos("join", "--out", out / "readouts.parquet", *tables) == 0
    given = ("--cases", out / "cases", "--readouts", out / "readouts.parquet")
    made = ("--out", out / "timeline.parquet", "--outcomes", out / "decision_outcomes.parquet")
    assert cos("timeline", *given, *made) == 0
    given = (*given, "--trajectories", out / "trajectories")
    assert cos("examples", *given, "--out", out / "examples") == 0
