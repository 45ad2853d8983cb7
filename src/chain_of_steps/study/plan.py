"""What a study will cost, before anything runs: NFE of every stage, hours, memory, disk.

Forward passes are counted as the stages count them, from the same settings and the same lists of
conditions (`perturbation.plan`, `ensemble.variants`, the parts and bands of the layer analyses);
guidance makes two of one. What is assumed, because neither data nor weights are at hand, is said.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from chain_of_steps.cases import sources
from chain_of_steps.cases.sources import Shape
from chain_of_steps.cases.vbvr import vbvr_tasks
from chain_of_steps.experiments.ensemble.ensembles import variants
from chain_of_steps.experiments.layers.ablation import MODES, step_bands
from chain_of_steps.experiments.layers.analyses import ANALYSES, TASK_OF
from chain_of_steps.experiments.layers.settings import Layers
from chain_of_steps.experiments.noise.perturbation import Plan, plan
from chain_of_steps.files import read_json
from chain_of_steps.manifests import MANIFEST_SUFFIX
from chain_of_steps.patching import PARTS
from chain_of_steps.settings.models import Model, main_model, passes_of, seeds_of
from chain_of_steps.study.config import Study
from chain_of_steps.tasks.puzzle import SPLITS
from chain_of_steps.tasks.scene import BOARD, TILE

BENCH_SHAPE = (1024, 1024, 100)  # width, height, frames: the largest that was seen of the bench
WAN = {"z_dim": 16, "scale_factor_temporal": 4, "scale_factor_spatial": 8, "num_layers": 40}
COUNTED = ("decision", "noise", "ensemble", "layers", "videos", "vbvr")


@dataclass(frozen=True)
class Group:
    """Cases of one task, split and shape."""

    task: str
    split: str
    shape: Shape
    cases: int


@dataclass(frozen=True)
class Stage:
    """One line of a plan. jobs: how many cut the work; nfe: of all of them."""

    name: str
    model: str
    jobs: int
    runs: int
    nfe: int


@dataclass(frozen=True)
class Parts:
    """What is known of a model without loading it.

    weights: bytes, None if unknown. assumed: the fields that are Wan A14B's for want of others.
    """

    z_dim: int
    scale_factor_temporal: int
    scale_factor_spatial: int
    num_layers: int
    weights: int | None
    assumed: tuple[str, ...]

    @classmethod
    def of(cls, model: Model) -> Parts:
        """Of a configured model, from the directory it names."""
        folder, found = Path(model.path), {}
        for part in ("vae", "transformer"):
            path = folder / part / "config.json"
            found |= read_json(path) if path.is_file() else {}
        known = {name: found[name] for name in WAN if name in found}
        files = list(folder.rglob("*.safetensors")) if folder.is_dir() else []
        weights = sum(file.stat().st_size for file in files) or None
        if model.weights_gb is not None:
            weights = round(model.weights_gb * 1e9)
        assumed = tuple(name for name in WAN if name not in known)
        return cls(**(WAN | known), weights=weights, assumed=assumed)

    def grid(self, shape: Shape) -> tuple[int, int, int]:
        """(F, h, w) of the latent."""
        frames = (shape.frames - 1) // self.scale_factor_temporal + 1
        side = self.scale_factor_spatial
        return frames, shape.height // side, shape.width // side

    def latent_bytes(self, shape: Shape) -> int:
        return 4 * self.z_dim * math.prod(self.grid(shape))


def groups(study: Study) -> tuple[list[Group], str | None]:
    """The cases of a study in the order of their index, and what was assumed of them, if anything.

    Raises UserError where an own folder, or data that is there, cannot be used.
    """
    cases, video = study.cases, study.video
    if cases.source == "puzzles":
        shape = Shape(BOARD * TILE, BOARD * TILE, video.frames)
        found = [Group(task, s, shape, cases.number(s)) for task in cases.tasks for s in SPLITS]
        return [group for group in found if group.cases], None
    if cases.source == "vbvr-bench" and not Path(cases.path).is_dir():
        width, height, frames = BENCH_SHAPE
        size = sources.fitted_size(width, height, area=video.area, multiple=video.multiple)
        shape = Shape(*size, sources.fitted_frames(frames, video.frames, video.stride))
        tasks = [vbvr_tasks()[name] for name in cases.tasks]
        found = [Group(task.name, task.split, shape, cases.number(task.split)) for task in tasks]
        note = (
            f"{cases['path']} is not there: every sample is taken to have {width} x {height} "
            f"pixels and {frames} frames"
        )
        return [group for group in found if group.cases], note
    checked = [sources.check_sample(one, video) for one in sources.samples(cases)]
    sources.refuse_problems(checked, cases.path)
    counts = Counter((*one.sample.name.split("/")[:2], one.shape) for one in checked)
    return [Group(task, split, shape, n) for (split, task, shape), n in counts.items()], None


def stages(study: Study, found: Sequence[Group]) -> list[Stage]:
    """Every stage of a study that runs a model, in order."""
    steps, total = study.sampler.steps, sum(group.cases for group in found)
    shards = -(-total // study.execution.shard)
    asked, conditions = set(study.experiments), set(study.vbvr.conditions)
    scored = asked & {"videos", "vbvr"}
    main = main_model(study)
    lines = []
    if asked & {"decision", "noise", "ensemble", "videos", "vbvr"}:
        for name, model in study.models.items():
            runs = total * len(seeds_of(study, name))
            lines.append(Stage("sample", name, shards, runs, runs * steps * passes_of(model)))
    if "noise" in asked or (scored and "noise" in conditions):
        lines.append(Stage("perturb", main, shards, *noise_cost(study, found)))
    if "ensemble" in asked or (scored and "ensemble" in conditions):
        for name in study.models:
            lines.append(Stage("ensemble", name, shards, *ensemble_cost(study, name, total)))
    if "layers" in asked:
        jobs = study.layers.jobs
        for analysis in ANALYSES:
            lines.append(Stage(f"layers {analysis}", main, jobs, *layers_cost(study, analysis)))
    return lines


def noise_cost(study: Study, found: Sequence[Group]) -> tuple[int, int]:
    """Runs and NFE of `cos perturb` over all shards."""
    settings, steps = study.perturbation, study.sampler.steps
    name = main_model(study)
    model = study.models[name]
    parts = Parts.of(model)
    seeds = len(settings.seeds or seeds_of(study, name)[:1])
    runs = nfe = 0
    left = Counter()  # cases of a task and split that are controls already
    for group in found:
        planned = plan(settings, steps, parts.grid(group.shape))
        kind = (group.task, group.split)
        few = min(group.cases, settings.control_cases - left[kind])
        left[kind] += few
        runs += seeds * (group.cases * len(planned.sweep) + few * len(planned.controls))
        nfe += planned.nfe(steps, seeds * group.cases, seeds * few)
        if settings.layers:
            nfe += layer_flow_cost(planned, steps, seeds * group.cases, seeds * few)
    return runs, nfe * passes_of(model)


def layer_flow_cost(planned: Plan, steps: int, runs: int, control_runs: int) -> int:
    """What perturbation.layers adds: clean and edited runs, from each perturbed step on."""
    swept, controls = (
        sum(2 * p.nfe(steps) for p in conditions if p.kind == "step")
        for conditions in (planned.sweep, planned.controls)
    )
    return runs * swept + control_runs * controls


def ensemble_cost(study: Study, name: str, total: int) -> tuple[int, int]:
    """Runs and NFE of `cos ensemble` with a model over all shards.

    The ensemble runs on every case, its controls on some of each shard and with the main model.
    """
    settings, shard = study.ensemble, study.execution.shard
    sizes = (min(shard, total - first) for first in range(0, total, shard))
    few = sum(-(-size // settings.every) for size in sizes) if name == main_model(study) else 0
    methods = variants(settings.k, tuple(settings.band), settings.many_steps)
    if study.cases.source != "puzzles":
        methods = tuple(method for method in methods if method.goes_on != "all")
    costs = [method.nfe(settings.k, study.sampler.steps) for method in methods]
    runs, nfe = total + few * (len(methods) - 1), total * costs[0] + few * sum(costs[1:])
    return runs, nfe * passes_of(study.models[name])


def layers_cost(study: Study, analysis: str) -> tuple[int, int]:
    """Runs that start from noise, and NFE, of one layer analysis over all jobs.

    Patched states that agree to the last bit are taken to the end once: with part `all` those of
    all layers are counted as one; further ones that agree make the true number smaller.
    """
    fields, cases = study.layers, study.cases
    name = main_model(study)
    model = study.models[name]
    tasks = cases.tasks if analysis not in TASK_OF else [TASK_OF[analysis]]
    most = getattr(fields, f"{analysis}_cases")
    n = sum(min(most, cases.number(split)) for split in SPLITS) * len(tasks)
    seeds = len(seeds_of(study, name)[: fields.seeds])
    layers, passes = Parts.of(model).num_layers, passes_of(model)
    counts = {
        "full": study.sampler.steps,
        "short": fields.steps,
        "layers": layers,
        "passes": passes,
        "patched": len(fields.branches),
    }
    mine = [len(range(job, n, fields.jobs)) for job in range(fields.jobs)]
    runs = blocks = 0
    for few in mine:
        started, evaluated = layer_blocks(analysis, few, n, seeds, fields, **counts)
        runs += started
        blocks += -(-evaluated // layers)
    return runs, blocks


def layer_blocks(
    analysis: str,
    cases: int,
    everyone: int,
    seeds: int,
    fields: Layers,
    *,
    full: int,
    short: int,
    layers: int,
    passes: int,
    patched: int,
) -> tuple[int, int]:
    """Runs from noise, and block evaluations, of one job.

    cases: of this job; everyone: of all jobs. full, short: steps. patched: branches that are.
    """
    runs, reference = cases * seeds, everyone * seeds
    whole = layers * passes  # blocks of one velocity
    # one velocity patched at each layer in turn; in patched branches blocks up to it are spared
    each = patched * layers * (layers - 1) // 2 + (passes - patched) * layers * layers
    if analysis == "energy":
        return runs, runs * full * whole
    if analysis == "ablation":
        bands = [band for band in step_bands(short).values() if band]
        forks = len(MODES) * layers * sum(short - band.start for band in bands)
        return reference + runs, (reference * short + runs * (short + forks)) * whole
    if analysis == "patching":
        start, rows = min(round(fields.noise_at * short), short - 1), 2 * runs
        blocks = short * whole
        for step in range(start, short):
            blocks += whole + len(PARTS) * each
            blocks += ends(PARTS, layers) * (short - step - 1) * whole
        return rows, rows * blocks
    rows = 2 * runs  # every case and its twin
    blocks = full * whole
    for step in range(0, full, fields.stride):
        control = ["all"] if step == 0 and cases > 1 else []
        parts = [*PARTS, *control]
        finished = ends([part for part in PARTS if part in fields.final_parts], layers)
        if control and "all" in fields.final_parts:
            finished += layers  # its prompt is another one, so its layers do not agree
        blocks += whole + len(parts) * each + finished * (full - step - 1) * whole
    sites = (len(PARTS) - 1) * layers
    blocks += short * whole + short * (1 + sites) * whole
    return 2 * rows, rows * blocks


def ends(parts: Sequence[str], layers: int) -> int:
    """Patched states that are run to the end: `all` gives the same one at every layer."""
    return sum(1 if part == "all" else layers for part in parts)


def measured_seconds(results: Path, model: str) -> tuple[float, int] | None:
    """Seconds per NFE of a model's finished jobs in a study's results, and how many jobs."""
    seconds = nfe = jobs = 0
    for path in sorted((results / "trajectories" / model).glob(f"*{MANIFEST_SUFFIX}")):
        manifest = read_json(path)
        if manifest.get("nfe"):
            seconds, nfe, jobs = seconds + manifest["seconds"], nfe + manifest["nfe"], jobs + 1
    return (seconds / nfe, jobs) if nfe else None


def report(study: Study, results: Path) -> Iterator[str]:
    """The plan as lines of text."""
    found, note = groups(study)
    total = sum(group.cases for group in found)
    shapes = Counter()
    for group in found:
        shapes[group.shape] += group.cases
    yield f"{study.study}: {total} cases, {study.sampler.steps} steps"
    for shape, n in shapes.most_common(5):
        yield f"  {n} of {shape.width} x {shape.height} pixels, {shape.frames} frames"
    if len(shapes) > 5:
        yield f"  and {len(shapes) - 5} other sizes"
    if note:
        yield f"  assumed: {note}"
    lines, device = stages(study, found), study.execution.device
    unit = "CPU hours" if device == "cpu" else "GPU hours"
    speeds: dict[str, tuple[float, str] | None] = {}
    for name, model in study.models.items():
        seen = measured_seconds(results, name)
        if model.seconds_per_nfe is not None:
            speeds[name] = (model.seconds_per_nfe, "as configured")
        else:
            speeds[name] = seen and (seen[0], f"measured in {seen[1]} jobs of this study")
    yield ""
    yield f"{'stage':<18}{'model':<20}{'jobs':>6}{'runs':>10}{'NFE':>14}{unit:>12}"
    sums, unknown = [0, 0.0], False
    for line in lines:
        speed = speeds[line.model]
        hours = f"{line.nfe * speed[0] / 3600:.2f}" if speed else "?"
        unknown |= speed is None
        sums = [sums[0] + line.nfe, sums[1] + (line.nfe * speed[0] / 3600 if speed else 0)]
        yield (
            f"{line.name:<18}{line.model:<20}{line.jobs:>6}{line.runs:>10}{line.nfe:>14,}{hours:>12}"
        )
    hours = "?" if unknown else f"{sums[1]:.2f}"
    yield f"{'all':<54}{sums[0]:>14,}{hours:>12}"
    yield ""
    for name, speed in speeds.items():
        if speed:
            yield f"{name}: {speed[0]:.4g} s per NFE, {speed[1]}"
        else:
            yield (
                f"{name}: seconds per NFE unknown; write models.{name}.seconds_per_nfe, or run one "
                "job first"
            )
    yield from _sizes(study, found)
    others = [name for name in study.experiments if name not in COUNTED]
    if others:
        yield f"not counted: {', '.join(others)}"
    yield "not counted: text encoder, codec, scoring, figures"


def _sizes(study: Study, found: Sequence[Group]) -> Iterator[str]:
    """Memory and disk of each model."""
    steps, execution = study.sampler.steps, study.execution
    files = 0
    for name, model in study.models.items():
        parts, seeds = Parts.of(model), len(seeds_of(study, name))
        each = [2 * steps + 1, seeds]
        largest = max(parts.latent_bytes(group.shape) for group in found)
        disk = sum(group.cases * parts.latent_bytes(group.shape) for group in found)
        total = sum(group.cases for group in found)
        job = min(execution.shard, total) * largest * math.prod(each)
        weights = "unknown (write weights_gb)" if parts.weights is None else _gb(parts.weights)
        yield (
            f"{name}: weights {weights}; a job keeps {_gb(job)} of latents in memory; trajectories "
            f"take {_gb(disk * math.prod(each))} on disk"
        )
        if parts.assumed:
            yield f"{name}: {', '.join(parts.assumed)} assumed to be those of Wan A14B"
        files += total * seeds
    if set(study.experiments) & {"videos", "vbvr"}:
        every = study.vbvr.steps_every
        looks = len(range(0, steps, every)) if "steps" in study.vbvr.conditions else 0
        videos = files * (1 + looks)
        for condition, cost in (("noise", noise_cost), ("ensemble", None)):
            if condition in study.vbvr.conditions:
                total, main = sum(group.cases for group in found), main_model(study)
                runs = cost(study, found) if cost else ensemble_cost(study, main, total)
                videos += runs[0]
        yield f"videos: {videos:,} files, each decoded once"


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size > 1e8 else f"{size / 1e6:.1f} MB"
