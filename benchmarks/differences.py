"""How far the numbers here are from those of the stock pipelines: `make differences`.

Runs small random models of the true classes through the unmodified pipelines of diffusers and
through the loop of this package, from the same noise, in float32 and in bfloat16; and the main
model through the two schedules that are about. Writes benchmarks/differences.csv and
docs/differences.md, whose numbers are all from that table.
"""

from __future__ import annotations

import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from PIL import Image

from chain_of_steps.artifacts import write_table
from chain_of_steps.cases.folders import load_cases, make_cases
from chain_of_steps.files import atomic_path
from chain_of_steps.manifests import package_versions
from chain_of_steps.models.cogvideox import CogVideoXModel
from chain_of_steps.models.hunyuan import HunyuanModel
from chain_of_steps.models.ltx import LTXModel
from chain_of_steps.models.wan import SkyReelsModel, WanGivenFrameModel, WanModel
from chain_of_steps.runs import read_trajectory, run_shard
from chain_of_steps.sampling import flow_sigmas, sample, single_shift
from chain_of_steps.tasks.board import Board
from chain_of_steps.video import read_mp4, write_mp4

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/helpers"))  # small models of the true classes

import tiny  # noqa: E402

STEPS, FRAMES, SIZE, SHIFT, GUIDANCE = 50, 9, 32, 5.0, 3.0
SHAPE = {"height": SIZE, "width": SIZE, "num_frames": FRAMES}
MAIN, TASKS = "models/depth-3", ["chain", "maze", "flood"]
LARGEST = 1e-6  # of a float32 difference that needs no word
TEXT = """\
# Differences from the stock pipelines

This file is written by `benchmarks/differences.py` (`make differences`); every number in it is from
[benchmarks/differences.csv](../benchmarks/differences.csv).

## Latents

Results of {steps} steps from equal noise, on small random models of the true classes: this package
against the unmodified pipeline of diffusers {diffusers}. Differences are root mean squares over
that of the result, and the largest of all; "0" is the same bits. In bfloat16 the transformer alone
is in half precision, as here; the last two columns say how far each side is from its own float32.

{latents}

{words}

## Schedules

Wan's scheduler in diffusers (FlowMatchEuler) shifts its smallest noise level twice; the official
tools and UniPC shift once (`sampler.schedule: single-shift`). At {steps} steps and shift {shift:g}:

{schedules}

What that does to the main model ({main}, {cases} puzzles of {tasks}, seed 0):

{study}

## Pictures

{pictures}

Measured with Python {python}, torch {torch}, diffusers {diffusers}.
"""


@dataclass(frozen=True)
class Pair:
    """A family: what this package makes of its pipeline, and what the pipeline makes itself.

    make: the pipeline, new; ours, stock: latents of it. why: of what differs in float32. whole:
    whether the pipeline takes all its parts in one precision alone.
    """

    name: str
    make: Callable[[], Any]
    ours: Callable[[Any], torch.Tensor]
    stock: Callable[[Any], torch.Tensor]
    why: str = ""
    whole: bool = False


def ours_of(adapter: type, **options: Any) -> Callable[[Any], torch.Tensor]:
    def run(pipe: Any) -> torch.Tensor:
        given = {name: value for name, value in options.items() if name != "last_images"}
        model = adapter(pipe, **({"guidance": GUIDANCE} | given))
        more = {"last_images": options["last_images"]} if "last_images" in options else {}
        text, negative = tiny.prompt_embeds(0), tiny.prompt_embeds(1)
        condition = model.condition(
            [tiny.picture()], text, FRAMES, negative_embeds=negative, **more
        )
        noise = model.noise(4, FRAMES, SIZE, SIZE)
        shift = model.default_shift(*noise.shape[2:])
        return sample(model.velocity(condition), noise, model.sigmas(STEPS, shift))

    return run


def stock_of(adapter: type, turned: bool = False, **options: Any) -> Callable[[Any], torch.Tensor]:
    def run(pipe: Any) -> torch.Tensor:
        noise = adapter(pipe).noise(4, FRAMES, SIZE, SIZE)
        given = [tiny.prompt_embeds(0), tiny.prompt_embeds(1), noise]
        if turned:  # of CogVideoX, whose pipeline casts nothing
            noise = noise.transpose(1, 2)
            given = [tensor.to(pipe.transformer.dtype) for tensor in (*given[:2], noise)]
        found = pipe(
            image=tiny.picture(),
            prompt_embeds=given[0],
            negative_prompt_embeds=given[1],
            guidance_scale=GUIDANCE,
            latents=given[2],
            num_inference_steps=STEPS,
            output_type="latent",
            **SHAPE,
            **options,
        ).frames
        return found.transpose(1, 2) if turned else found

    return run


def pairs() -> Iterator[Pair]:
    last = tiny.picture(1)
    for name, make in (
        ("Wan2.2, two experts", lambda: tiny.pipeline(experts=2)),
        ("Wan2.1, with CLIP", lambda: tiny.pipeline(**tiny.clip_parts())),
    ):
        yield Pair(name, make, ours_of(WanModel), stock_of(WanModel))
    yield Pair(
        "Wan, first to last frame",
        lambda: tiny.pipeline(**tiny.clip_parts(last=True)),
        ours_of(WanModel, last_images=[last]),
        stock_of(WanModel, last_image=last),
    )
    yield Pair(
        "Wan2.2 TI2V",
        tiny.given_frame_pipeline,
        ours_of(WanGivenFrameModel),
        stock_of(WanGivenFrameModel),
        "the pipeline puts the picture's latent at the end; here a line leads to it",
    )
    sides = ours_of(SkyReelsModel), stock_of(SkyReelsModel)
    yield Pair("SkyReels-V2", tiny.skyreels_pipeline, *sides)
    length = {"max_sequence_length": tiny.PROMPT_LENGTH}
    for later in (False, True):
        yield Pair(
            f"CogVideoX {'1.5' if later else '1.0'}",
            lambda later=later: tiny.cogvideox_pipeline(later=later),
            ours_of(CogVideoXModel, **length),
            stock_of(CogVideoXModel, turned=True, **length),
            "its steps of DDIM are taken in flow coordinates, and the product of guidance rounds",
            whole=True,
        )
    yield Pair(
        "LTX",
        tiny.ltx_pipeline,
        ltx_ours,
        ltx_stock,
        "the pipeline puts both branches into one batch, which rounds differently",
        whole=True,
    )
    yield Pair("HunyuanVideo-1.5", tiny.hunyuan_pipeline, hunyuan_ours, hunyuan_stock)


def ltx_of(pipe: Any) -> tuple:
    length = {"max_sequence_length": tiny.PROMPT_LENGTH}
    model = LTXModel(pipe, guidance=GUIDANCE, negative_prompt="blue", **length)
    condition = model.condition([tiny.picture()], ["go to the red dot"], FRAMES)
    return model, condition, model.noise(4, FRAMES, SIZE, SIZE)


def ltx_ours(pipe: Any) -> torch.Tensor:
    model, condition, noise = ltx_of(pipe)
    sigmas = model.sigmas(STEPS, model.default_shift(FRAMES, SIZE, SIZE))
    return sample(model.velocity(condition), noise, sigmas)


def ltx_stock(pipe: Any) -> torch.Tensor:
    _, condition, noise = ltx_of(pipe)
    start = torch.cat([condition.picture["latents"], noise[:, :, 1:]], dim=2)
    half = pipe.transformer.dtype
    packed = pipe(
        latents=pipe._pack_latents(start).to(half),
        prompt_embeds=condition.text["embeds"].to(half),
        prompt_attention_mask=condition.text["mask"],
        negative_prompt_embeds=condition.negative["embeds"].to(half),
        negative_prompt_attention_mask=condition.negative["mask"],
        guidance_scale=GUIDANCE,
        num_inference_steps=STEPS,
        output_type="latent",
        **SHAPE,
    ).frames
    return pipe._unpack_latents(packed, *noise.shape[2:])


def hunyuan_of(pipe: Any) -> tuple:
    model = HunyuanModel(pipe, **HunyuanModel.options_of(pipe))
    return model, model.noise(4, FRAMES, SIZE, SIZE)


def hunyuan_ours(pipe: Any) -> torch.Tensor:
    model, noise = hunyuan_of(pipe)
    condition = model.condition([tiny.picture()], ["go to the red dot"], FRAMES)
    return sample(model.velocity(condition), noise, model.sigmas(STEPS, SHIFT))


def hunyuan_stock(pipe: Any) -> torch.Tensor:
    _, noise = hunyuan_of(pipe)
    given = {"image": tiny.picture(), "prompt": "go to the red dot", "negative_prompt": ""}
    given |= {"num_frames": FRAMES, "num_inference_steps": STEPS, "latents": noise}
    return pipe(**given, output_type="latent").frames


def latents(pair: Pair, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """What both sides make with transformers in `dtype`."""
    found = []
    for run in (pair.ours, pair.stock):
        pipe = pair.make()
        if pair.whole and run is pair.stock:
            pipe.to(dtype)
        for name in ("transformer", "transformer_2"):
            if getattr(pipe, name, None) is not None:
                getattr(pipe, name).to(dtype)
        found.append(run(pipe).float())
    return found[0], found[1]


def rms(a: torch.Tensor, b: torch.Tensor) -> float:
    """Of the difference, as a share of that of b."""
    return ((a - b).square().mean() / b.square().mean()).sqrt().item()


def row(part: str, what: str, quantity: str, value: float, words: str = "") -> dict[str, object]:
    return {"part": part, "what": what, "quantity": quantity, "value": value, "words": words}


def of_latents() -> Iterator[dict[str, object]]:
    for pair in pairs():
        full, stock = latents(pair, torch.float32)
        yield row("latents", pair.name, "float32", rms(full, stock), pair.why)
        yield row("latents", pair.name, "float32, largest", (full - stock).abs().max().item())
        half, half_stock = latents(pair, torch.bfloat16)
        yield row("latents", pair.name, "bfloat16", rms(half, half_stock))
        yield row("latents", pair.name, "ours, bfloat16", rms(half, full))
        yield row("latents", pair.name, "stock, bfloat16", rms(half_stock, stock))


def of_schedules() -> Iterator[dict[str, object]]:
    stock, once = flow_sigmas(STEPS, SHIFT), single_shift(STEPS, SHIFT)
    for k in (10, 25, 40, 48, 49):
        yield row("schedule", f"step {k}", "diffusers", stock[k].item())
        yield row("schedule", f"step {k}", "single-shift", once[k].item())


def of_study() -> Iterator[dict[str, object]]:
    with tempfile.TemporaryDirectory() as folder:
        index = make_cases(
            Path(folder), TASKS, {"in-domain": 16, "out-of-domain": 0}, 7, board=Board(6, 6, 5)
        )
        cases = load_cases(Path(folder), index["case"].tolist())
        looks = {}
        for levels in ("diffusers", "single-shift"):
            model = WanModel.load(ROOT / MAIN, name="main", max_sequence_length=24, levels=levels)
            made = {"steps": STEPS, "shift": SHIFT, "n_frames": 21, "batch": 13}
            looks[levels] = read_trajectory(model, run_shard(model, cases, [0], **made), cases)
    ends = {levels: table[table["step"] == STEPS] for levels, table in looks.items()}
    for levels, table in ends.items():
        yield row("study", levels, "right", table["correct"].mean(), f"{len(table)}")
    answers = [table.set_index("case")["answer"].sort_index() for table in ends.values()]
    yield row("study", "both", "other final answers", (answers[0] != answers[1]).mean())
    every = [t.set_index(["case", "step"])["leads"].sort_index() for t in looks.values()]
    yield row("study", "both", "other leaders at equal steps", (every[0] != every[1]).mean())


def of_pictures() -> Iterator[dict[str, object]]:
    rng = np.random.default_rng(0)
    smooth = Image.fromarray(rng.integers(0, 256, (12, 20, 3), np.uint8))
    photo = smooth.resize((640, 384), Image.Resampling.BICUBIC)
    kernels = (Image.Resampling.LANCZOS, Image.Resampling.BICUBIC)
    ours, stock = (np.asarray(photo.resize((416, 240), kernel), float) for kernel in kernels)
    yield row(
        *("pictures", "first frame, LANCZOS here and BICUBIC in the documentation's example"),
        *("largest, of 255", np.abs(ours - stock).max()),
    )
    frames = np.stack([np.roll(np.asarray(photo), 4 * n, axis=1) for n in range(9)])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.mp4"
        write_mp4(path, frames)
        error = np.abs(read_mp4(path).astype(float) - frames)
    yield row("pictures", "a video, written and read (H.264, qp 12)", "mean, of 255", error.mean())


def number(value: float) -> str:
    return "0" if value == 0 else f"{value:.2g}"


def cells(table: pd.DataFrame, part: str, columns: list[str], form=number) -> str:
    rows = table[table["part"] == part]
    wide = rows.pivot(index="what", columns="quantity", values="value")
    wide = wide.loc[rows["what"].unique(), columns]
    lines = [["", *columns], ["---"] * (1 + len(columns))]
    lines += [[name, *map(form, values)] for name, *values in wide.itertuples()]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def document(table: pd.DataFrame) -> str:
    columns = ["float32", "float32, largest", "bfloat16", "ours, bfloat16", "stock, bfloat16"]
    full = table[(table["part"] == "latents") & (table["quantity"] == "float32, largest")]
    large = full.set_index("what")["value"]
    why = table[table["words"] != ""].set_index("what")["words"]
    left = [name for name in large.index[large > LARGEST] if name not in why]
    assert not left, f"differences that nobody explains: {left}"
    said = [f"- {name}: {why[name]}." for name in large.index[large > LARGEST]]
    study = table[table["part"] == "study"]
    value = study.set_index(["what", "quantity"])["value"]
    n = int(study["words"].iloc[0])
    sentences = [
        f"{value['diffusers', 'right']:.2f} of the results are right with the levels of diffusers, "
        f"{value['single-shift', 'right']:.2f} with a single shift.",
        f"{value['both', 'other final answers'] * n:.0f} of {n} final answers are others, and at "
        f"equal step numbers a share of {number(value['both', 'other leaders at equal steps'])} "
        "of the leaders.",
    ]
    pictures = table[table["part"] == "pictures"]
    versions = package_versions()
    return TEXT.format(
        latents=cells(table, "latents", columns),
        words=f"What is above {LARGEST:g} in float32, and why:\n\n" + "\n".join(said),
        schedules=cells(table, "schedule", ["diffusers", "single-shift"], lambda v: f"{v:.4f}"),
        study=textwrap.fill(" ".join(sentences), 100),
        pictures="\n".join(
            f"- {one.what}: {number(one.value)} ({one.quantity})." for one in pictures.itertuples()
        ),
        **{"steps": STEPS, "shift": SHIFT, "main": Path(MAIN).name, "cases": n},
        tasks=", ".join(TASKS),
        **{name: versions[name] for name in ("python", "torch", "diffusers")},
    )


def main() -> None:
    torch.set_num_threads(1)
    # as here, pipelines take the mode of a picture's latent and no draw
    DiagonalGaussianDistribution.sample = lambda self, generator=None: self.mode()
    rows = [*of_latents(), *of_schedules(), *of_study(), *of_pictures()]
    table = pd.DataFrame(rows)
    text = document(table)
    write_table(ROOT / "benchmarks/differences.csv", table)
    with atomic_path(ROOT / "docs/differences.md") as temporary:
        temporary.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
