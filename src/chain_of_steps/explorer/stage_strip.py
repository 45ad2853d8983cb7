"""The stage that draws one run for a paper."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.errors import UserError
from chain_of_steps.places import CASES, TRAJECTORIES
from chain_of_steps.settings.execution import WithExecution
from chain_of_steps.settings.models import WithModels, seeds_of
from chain_of_steps.settings.sampler import WithSampler, require_euler
from chain_of_steps.settings.seeds import WithSeeds
from chain_of_steps.stage import Option, Stage


class Settings(WithModels, WithSampler, WithSeeds, WithExecution):
    pass


STAGE = Stage(
    name="strip",
    text="One run as PNG, PDF, GIF and MP4; --out is their path without the ending.",
    settings=Settings,
    takes={"cases": CASES, "trajectories": TRAJECTORIES},
    asks=("model",),
    options=(
        Option("--out", {"type": Path, "required": True, "help": "path without the ending"}),
        Option("--case", {"required": True, "help": "such as in-domain/maze/00003"}),
        Option("--seed", {"type": int, "help": "seed of the run (default: the model's first)"}),
        Option("--noise", {"help": "step-<k> or frame-<latent frame> (default: none)"}),
        Option(
            "--kind",
            {
                "choices": ("strip", "grid"),
                "default": "strip",
                "help": "strip: first frame, some steps, prompt; grid: steps by frames",
            },
        ),
        Option(
            "--steps",
            {"type": int, "nargs": "+", "help": "steps to show, from 0; N: the result"},
        ),
    ),
    loads_model=True,
    writes=lambda out: [out.with_name(out.name + end) for end in (".png", ".pdf", ".gif", ".mp4")],
)


def run(
    settings: Settings,
    *,
    model: str,
    cases: Path,
    trajectories: Path,
    out: Path,
    case: str,
    seed: int | None = None,
    noise: str | None = None,
    kind: str = "strip",
    steps: list[int] | None = None,
) -> None:
    from chain_of_steps.artifacts import read_table
    from chain_of_steps.cases.folders import INDEX, load_cases
    from chain_of_steps.explorer.data import intervention, looks_of, perturbed
    from chain_of_steps.explorer.strip import draw_grid, draw_strip, shown_steps
    from chain_of_steps.models.adapters import load_codec, load_model
    from chain_of_steps.trajectory import Trajectory

    if noise:
        require_euler(settings, "strip --noise")
    names = read_table(cases / INDEX)["case"].tolist()
    if case not in names:
        raise UserError(f"case is {case!r}: write one of {cases / INDEX}.")
    shard = names.index(case) // settings.execution.shard
    trajectory = Trajectory.checked(trajectories / f"{shard}.safetensors")
    seeds = seeds_of(settings, model)
    seed = seeds[0] if seed is None else seed
    runs = trajectory.runs
    rows = runs.index[(runs["case"] == case) & (runs["seed"] == seed)]
    if not len(rows):
        raise UserError(f"seed is {seed}: write one of {', '.join(map(str, seeds))}.")
    shown = shown_steps(kind, trajectory.n_steps, steps)
    one = trajectory.select(rows)
    chosen = load_cases(cases, [case])
    change = noise and intervention(noise, one.n_steps, one.x.shape[3])
    adapter = (load_model if change else load_codec)(settings, model)
    nfe = 0
    if change:
        one, nfe = perturbed(adapter, one, chosen, change)
    video = adapter.decode(looks_of(one, 0)[shown]).cpu().numpy()
    draw = {"strip": draw_strip, "grid": draw_grid}[kind]
    label = f"{model}, {case}, seed {seed}"
    label += f", noise at {noise.replace('-', ' ')}" if noise else ""
    draw(out, chosen[0], video, shown, one.sigmas.tolist(), label)
    print(f"{nfe} NFE")
