"""Data of an explorer page without a model: every picture's colour tells its look and frame."""

from pathlib import Path

import numpy as np
from PIL import Image

from chain_of_steps.explorer import data as explorer
from chain_of_steps.explorer import publish
from chain_of_steps.files import write_json

STEPS, FRAMES, SIDE, CANDIDATES = 50, 17, 16, 3
SIGMAS = np.linspace(1, 0, STEPS + 1).round(5).tolist()
TRUTH, CLEAN, NOISY = 0, 100, 200  # blue of each kind of picture
# what two scorers say of a result, and one of a step
BENCH = {
    str(STEPS): [
        {
            **{"by": "lmms-eval 0.7.3", "score": 0.7254, "reason": None},
            "details": {"alignment": 0.7222, "shapes": {"found": 3}, "path": [1, "and 2 more"]},
        },
        {"by": "VBVR-Pro-Bench", "score": None, "reason": "it took too long", "details": None},
    ],
    "20": [{"by": "lmms-eval 0.7.3", "score": 0.25, "reason": None, "details": {}}],
}


def colour(look: int, frame: int, kind: int) -> tuple[int, int, int]:
    return 5 * look, 15 * frame, kind


def sheet(looks: range, kind: int) -> Image.Image:
    pixels = np.array([[colour(k, f, kind) for f in range(FRAMES)] for k in looks], np.uint8)
    return Image.fromarray(pixels.repeat(SIDE, 0).repeat(SIDE, 1))


def run(stem: str, seed: int, name: str = "clean", start: int = 0) -> dict:
    """A run that holds two answers open, reads as the wrong one, and is right from step 20 on."""
    looks = np.arange(STEPS + 1)
    right = looks >= 20
    weight = np.clip(looks / 40, 0, 1)
    evidence = np.stack([weight, 1 - weight, 0 * weight], axis=1)
    return {
        "seed": seed,
        "with": name,
        "start": start,
        "answer": np.where(looks < 5, -1, np.where(right, 0, 1)).tolist(),
        "correct": right.astype(int).tolist(),
        "score": weight.round(3).tolist(),
        "candidates": (2 - weight).round(3).tolist(),
        "evidence": evidence.round(3).tolist(),
        "dissimilarity": (0.1 * (1 - weight)).round(4).tolist(),
        "commitment": 20.0,
        "film": f"{stem}-{seed}-{name}.webp",
    }


def case(name: str, runs: list[dict], energy: str | None = None) -> dict:
    return {
        "case": name,
        "prompt": f"Solve {name}, please.",
        "sheet": f"{explorer.stem_of(name)}.webp",
        "n": CANDIDATES,
        "solutions": [0],
        "truth": True,
        "runs": runs,
        "energy": energy,
    }


def energy(name: str) -> dict:
    """Tokens on a grid of 5 x 2 x 2: the first of each frame above, the others below the median."""
    layer = {"0": [150, -150, -150, -150] * 5, "7": [0] * 20}
    return {"case": name, "seed": 0, "grid": [5, 2, 2], "values": {"0": layer, "24": layer}}


def summary(data: dict, frames: list[int], size: list[int]) -> dict:
    """What the index says of a case."""
    split, task, _ = data["case"].split("/")
    runs = [
        {
            "seed": run["seed"],
            "with": run["with"],
            "right": run["correct"] and run["correct"][-1],
            "answers": 2 if run["answer"] else 0,
        }
        for run in data["runs"]
    ]
    facts = {"case": data["case"], "task": task, "split": split, "runs": runs}
    return {**facts, "energy": data["energy"] is not None, "frames": frames, "size": size}


def write_shard(folder: Path, names: list[str], film: bytes | None = None) -> None:
    """Two clean runs of each case; the first one also under noise, with token energy.

    film: the bytes of one WebP for all clean runs, instead of telling colours.
    """
    folder.mkdir(parents=True)
    entries = []
    for name in names:
        stem, first = explorer.stem_of(name), name == names[0]
        runs = [run(stem, 0), run(stem, 1)]
        runs += [run(stem, 0, "step-15", 15)] if first else []
        data = case(name, runs, f"{stem}.energy.js" if first else None)
        publish.write_script(folder / f"{stem}.js", "add", data)
        for one in runs:
            start, noisy = one["start"], one["with"] != "clean"
            if film and not noisy:
                (folder / one["film"]).write_bytes(film)
                continue
            picture = sheet(range(start, STEPS + 1), NOISY if noisy else CLEAN)
            picture.save(folder / one["film"], lossless=True)
        sheet(range(2), TRUTH).save(folder / data["sheet"], lossless=True)
        if first:
            publish.write_script(folder / data["energy"], "energy", energy(name))
        size = [80, 80] if film else [SIDE, SIDE]
        entries.append(summary(data, list(range(FRAMES)), size))
    write_json(folder / "runs.json", {"sigmas": SIGMAS, "cases": entries})


def write_plain_shard(folder: Path, name: str) -> None:
    """A clean run of a case without reader and truth, with three wide frames of a longer video."""
    folder.mkdir(parents=True)
    stem, wide = explorer.stem_of(name), (3 * 2 * SIDE, (STEPS + 1) * SIDE)
    one = run(stem, 4) | dict.fromkeys(explorer.READINGS)
    one["bench"] = BENCH
    picture = sheet(range(STEPS + 1), CLEAN).crop((0, 0, 3 * SIDE, wide[1]))
    picture.resize(wide, Image.Resampling.NEAREST).save(folder / one["film"], lossless=True)
    data = case(name, [one]) | {"n": 0, "solutions": [], "truth": False}
    sheet(range(1), TRUTH).crop((0, 0, 3 * SIDE, SIDE)).resize((wide[0], SIDE)).save(
        folder / data["sheet"], lossless=True
    )
    publish.write_script(folder / f"{stem}.js", "add", data)
    entries = [summary(data, [0, 8, 16], [SIDE, 2 * SIDE])]
    write_json(folder / "runs.json", {"sigmas": SIGMAS, "cases": entries})


def write_page(
    folder: Path, names: list[str], film: bytes | None = None, plain: str | None = None
) -> Path:
    """A page with one shard, and one with a plain case if it is named; returns its index.html."""
    write_shard(folder / "pocket" / "0", names, film)
    titles = {"maze": "maze", "odd": "odd shape out"}
    shards = [folder / "pocket" / "0"]
    if plain:
        shards.append(folder / "pocket" / "1")
        write_plain_shard(shards[1], plain)
    publish.write_page(folder, shards, study="fake", model="pocket", titles=titles)
    return folder / "index.html"
