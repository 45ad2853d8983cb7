"""Stand-in samples of VBVR-Bench: puzzles of this project, drawn under the bench's task names."""

import itertools
from pathlib import Path

import yaml
from PIL import Image

from chain_of_steps import cli
from chain_of_steps.cases.vbvr import vbvr_tasks
from chain_of_steps.pocket import training
from chain_of_steps.tasks import stream, task_of
from chain_of_steps.tasks.scene import render_movie
from chain_of_steps.video import to_uint8, write_mp4, write_png

# a task of the bench, and the puzzle that stands in for it
STAND_INS = {"O-39_maze": "maze", "G-21_multiple_occlusions_vertical": "occlude"}


def write_bench(root: Path, samples: int = 1, *, scale: int = 3, lengths=(17, 17)) -> None:
    """Samples 00000.. of each stand-in task below `root`, of 80 `scale` pixels a side.

    lengths: number of frames of each task's videos, which hold their last frame.
    """
    for (name, puzzle), length in zip(STAND_INS.items(), lengths, strict=True):
        task = vbvr_tasks()[name]
        drawn = itertools.islice(stream(puzzle, task.split, "evaluation", 0), samples)
        for number, one in enumerate(drawn):
            video = to_uint8(render_movie(task_of(puzzle).movie(one, one.shown)))
            video = video.repeat(scale, axis=1).repeat(scale, axis=2)
            video = video[[min(i, len(video) - 1) for i in range(length)]]
            folder = root / task.folder / f"{number:05d}"
            folder.mkdir(parents=True)
            write_png(folder / "first_frame.png", video[0])
            write_png(folder / "final_frame.png", video[-1])
            write_mp4(folder / "ground_truth.mp4", video)
            (folder / "prompt.txt").write_text(one.prompt + "\n", encoding="utf-8")


def write_own(root: Path) -> None:
    """Two own cases: a transparent picture with a text, and a case folder with a palette image."""
    root.mkdir(parents=True, exist_ok=True)
    Image.new("RGBA", (100, 75), (200, 0, 0, 120)).save(root / "red.png")
    (root / "red.txt").write_text("Move the red square to the right.\n")
    folder = root / "inside" / "one"
    folder.mkdir(parents=True)
    Image.new("P", (64, 64), 3).save(folder / "first_frame.png")
    (folder / "prompt.txt").write_text("Grow.\n")


def config_of(root: Path, **fields) -> dict:
    """A study of one case of each stand-in task, whose samples lie below `root`."""
    base = {
        "study": "bench",
        "experiments": ["vbvr"],
        "models": {"pocket": {"path": "model", "max_sequence_length": 24}},
        "sampler": {"steps": 2},
        "cases": {"source": "vbvr-bench", "path": str(root), "tasks": list(STAND_INS)}
        | {"in-domain": 1, "out-of-domain": 1},
        "video": {"frames": None, "area": 6400},
        "seeds": [3, 1],
        "execution": {"shard": 1, "batch": 2},
        "statistics": {"resamples": 100},
        "perturbation": {"modes": ["replace"], "steps": [1], "frames": [2], "control_cases": 0},
        "ensemble": {"k": 2, "averaged": [], "controls": True},
        "vbvr": {"conditions": ["clean", "steps"], "steps_every": 1},
    }
    return base | fields


def cos(command: str, *arguments) -> int:
    return cli.main([command, "--config", "c.yaml", *map(str, arguments)])


def prepare(root: Path, data: Path, build_pocket) -> None:
    """Puts a random model and the c.yaml of a study of the samples below `data` into a folder."""
    prompts = [path.read_text().strip() for path in data.rglob("prompt.txt")]
    training.save_pipeline(build_pocket(prompts), root / "model")
    (root / "c.yaml").write_text(yaml.safe_dump(config_of(data)))
