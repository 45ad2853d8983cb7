"""Before a study: its plan; one's own pictures, what is wrong with them, one run of one of them."""

from __future__ import annotations

import time
from pathlib import Path

from chain_of_steps.commands.common import Stage, load_model
from chain_of_steps.errors import UserError
from chain_of_steps.study.config import load_config, main_model


def add(stage: Stage) -> None:
    run = stage(
        "run",
        cmd_run,
        "One run of your own picture: its video, the clean estimate of every step as a video, a "
        "grid of the steps, and the trajectory.",
        "out",
    )
    run.add_argument("--image", type=Path, required=True, help="picture that the video starts from")
    run.add_argument("--prompt", required=True, help="what shall happen, in words")
    run.add_argument("--model", help="name of a model in the configuration (default: the first)")
    run.add_argument("--seed", type=int, default=0, help="seed of the first latent (default: 0)")
    check = stage(
        "check",
        cmd_check,
        "Look at all pictures, texts and videos of a folder before a model loads; without a folder,"
        " at those of the configuration.",
    )
    check.add_argument("folder", type=Path, nargs="?", help="folder of pictures and texts")
    check.add_argument("--model", help="name of a model in the configuration (default: the first)")
    plan = stage(
        "plan",
        cmd_plan,
        "What a study will cost: forward passes (NFE) of every stage, hours, memory and disk.",
    )
    plan.add_argument(
        "--results", type=Path, help="results that tell the speed (default: results/<study>)"
    )


def cmd_plan(arguments) -> None:
    from chain_of_steps.study.plan import report

    config = load_config(arguments.config)
    results = arguments.results or Path("results") / config["study"]
    print("\n".join(report(config, results)))


def _named(config: dict, name: str | None) -> str:
    name = main_model(config) if name is None else name
    if name not in config["models"]:
        known = ", ".join(config["models"])
        raise UserError(f"model {name!r} is not in the configuration: write one of {known}.")
    return name


def cmd_run(arguments) -> None:
    from chain_of_steps.cases import sources
    from chain_of_steps.cases.folders import Case
    from chain_of_steps.files import atomic_path
    from chain_of_steps.manifests import write_manifest

    config = load_config(arguments.config)
    name = _named(config, arguments.model)
    if not 0 <= arguments.seed < 2**63:
        raise UserError(f"--seed is {arguments.seed}: write a whole number from 0 on.")
    video = config["video"]
    title = f"{sources.OWN}/{sources.OWN}/{arguments.image.stem}"
    sample = sources.Sample(title, sources.OWN, arguments.image, arguments.prompt)
    checked = sources.check_sample(sample, video, sources.Prompts.of(config["models"][name]))
    sources.refuse_problems([checked], "--image and --prompt")
    _tell(checked)

    from chain_of_steps.explorer.own_run import write_run
    from chain_of_steps.runs import run_shard

    model = load_model(config, name)
    with atomic_path(arguments.out) as folder:
        sources.write_case_of(checked, folder / "case", "folder")
        case = Case(title, folder / "case")
        started = time.monotonic()
        trajectory = run_shard(
            model,
            [case],
            [arguments.seed],
            steps=config["sampler"]["steps"],
            shift=config["sampler"]["shift"],
            n_frames=checked.shape.frames,
            batch=1,
            solver=config["sampler"]["solver"],
        )
        seconds = time.monotonic() - started
        path = folder / "trajectory.safetensors"
        trajectory.save(path)
        parameters = {**trajectory.made_by, "seed": arguments.seed, "prompt": case.prompt}
        nfe = trajectory.made_by["nfe"]
        write_manifest(path, parameters=parameters, nfe=nfe, seconds=seconds)
        write_run(folder, model, trajectory, case.prompt, video["fps"])
    print(f"{arguments.out}: video.mp4, steps.png, steps/, trajectory ({nfe} NFE, {seconds:.1f} s)")


def cmd_check(arguments) -> None:
    from chain_of_steps.cases import sources

    config = load_config(arguments.config)
    prompts = sources.Prompts.of(config["models"][_named(config, arguments.model)])
    if arguments.folder is not None:
        cases = {"source": "folder", "path": str(arguments.folder), "tasks": None}
    elif config["cases"]["source"] == "puzzles":
        raise UserError("cases.source is puzzles, which need no check: write a folder to look at.")
    else:
        cases = config["cases"]
    checked = [
        sources.check_sample(sample, config["video"], prompts) for sample in sources.samples(cases)
    ]
    for one in checked:
        _tell(one)
    bad = [one for one in checked if one.problem]
    print(f"{len(checked) - len(bad)} of {len(checked)} cases can be used")
    sources.refuse_problems(checked, cases["path"])


def _tell(checked) -> None:
    """One line on a sample."""
    if checked.problem:
        print(f"{checked.sample.name}: {checked.problem}")
        return
    width, height = checked.size
    shape = checked.shape
    line = f"{checked.sample.name}: {width} x {height}"
    if (shape.width, shape.height) != checked.size:
        line += f", given as {shape.width} x {shape.height}"
    line += f", {shape.frames} frames"
    if checked.truth:
        line += f" (ground truth {checked.truth['frames']})"
    if checked.unknown:
        line += f"; the model does not know: {', '.join(checked.unknown)}"
    print(line)
