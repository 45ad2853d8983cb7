"""What a study will cost, before anything runs: NFE of every stage, hours, memory, disk.

Forward passes are counted as the stages count them, by the module `cost` of each experiment;
guidance makes two of one. What is assumed, because neither data nor weights are at hand, is said.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType

from chain_of_steps.cases import sources
from chain_of_steps.cases.vbvr import vbvr_tasks
from chain_of_steps.costs import (
    PROCESS,
    VBVR_SHAPE,
    Group,
    Line,
    Makeup,
    OnCard,
    latents_of_runs,
    main_memory,
    shape_of,
)
from chain_of_steps.decoding import reading_lines
from chain_of_steps.files import MANIFEST_SUFFIX, read_json
from chain_of_steps.models.known import BELIEVED, CARDS, DISK, HASH, ROOM
from chain_of_steps.settings.models import Model, main_model, passes_of, seeds_of, unpinned
from chain_of_steps.study.config import Study
from chain_of_steps.study.experiments import EXPERIMENTS, Experiment
from chain_of_steps.tasks.puzzle import SPLITS

GIB = 2**30
EXPERIMENTS_FOLDER = Path(__file__).parents[1] / "experiments"


def groups(study: Study) -> tuple[list[Group], str | None]:
    """The cases of a study in the order of their index, and what was assumed of them, if anything.

    Raises UserError where an own folder, or data that is there, cannot be used.
    """
    cases, video = study.cases, study.video
    if cases.source == "puzzles":
        shape = shape_of(cases, video)
        found = [
            Group(task, s, shape, cases.number(task, s)) for task in cases.tasks for s in SPLITS
        ]
        return [group for group in found if group.cases], None
    if cases.source == "vbvr-bench" and not Path(cases.path).is_dir():
        width, height, frames = VBVR_SHAPE
        shape = shape_of(cases, video)
        tasks = [vbvr_tasks()[name] for name in cases.tasks]
        found = [
            Group(task.name, task.split, shape, cases.number(task.name, task.split))
            for task in tasks
        ]
        note = (
            f"{cases.path} is not there: every sample is taken to have {width} x {height} "
            f"pixels and {frames} frames"
        )
        return [group for group in found if group.cases], note
    checked = [sources.check_sample(one, video) for one in sources.samples(cases)]
    sources.refuse_problems(checked, cases.path)
    counts = Counter((*one.sample.name.split("/")[:2], one.shape) for one in checked)
    return [Group(task, split, shape, n) for (split, task, shape), n in counts.items()], None


def needed(names: Sequence[str]) -> list[Experiment]:
    """The experiments of these names and those whose artifacts they take, as the table has them."""
    wanted = set(names)
    for row in reversed(EXPERIMENTS):  # what is taken stands above
        wanted |= set(row.after) if row.name in wanted else set()
    return [row for row in EXPERIMENTS if row.name in wanted]


def stages(study: Study, found: list[Group]) -> list[Line]:
    """Every stage of a study that runs a model and says what it costs, in order."""
    resolved = study.resolved()
    lines: dict[Line, None] = {}
    for row in needed(study.experiments):
        cost = _cost_of(row.name)
        if cost is not None:
            settings = cost.Settings.model_validate(resolved)
            lines |= dict.fromkeys(cost.lines(settings, found))
    return list(lines)


def _counted(experiment: str) -> bool:
    """Whether it says what it costs, or what it takes does and it runs no model itself."""
    return _cost_of(experiment) is not None or experiment == "vbvr"


def _cost_of(experiment: str) -> ModuleType | None:
    if not (EXPERIMENTS_FOLDER / experiment / "cost.py").is_file():
        return None
    return import_module(f"chain_of_steps.experiments.{experiment}.cost")


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
    yield (f"{'stage':<18}{'model':<20}{'jobs':>6}{'runs':>10}{'NFE':>14}{unit:>12}{'decodes':>12}")
    for line in lines:
        yield _row(line.name, line.model, line.jobs, line.runs, [line], speeds)
    yield _row("all", "", "", "", lines, speeds)
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
    yield from _loading(study, lines)
    if device != "cpu":
        yield from _counted_hours(study, found, lines)
        yield from reading_lines(study, found) if study.cases.source == "puzzles" else ()
    others = [name for name in study.experiments if not _counted(name)]
    if others:
        yield f"not counted: {', '.join(others)}"
    yield "not counted: text encoder, pictures that are encoded, scoring, figures"
    for sentence in unpinned(study.models):
        yield f"a run refuses this: {sentence}"


def _row(
    name: str,
    model: str,
    jobs: int | str,
    runs: int | str,
    lines: list[Line],
    speeds: dict[str, tuple[float, str] | None],
) -> str:
    """A row of the table of stages: the sums over some lines, `?` where one of them is unknown."""
    nfe, seconds, decodes = 0, 0.0, 0.0
    for line in lines:
        speed = speeds[line.model]
        nfe += line.nfe
        seconds += line.nfe * speed[0] if speed else (math.nan if line.nfe else 0)
        decodes += math.nan if line.decodes is None else line.decodes
    hours = "?" if math.isnan(seconds) else f"{seconds / 3600:.2f}"
    read = "?" if math.isnan(decodes) else f"{decodes:,.0f}"
    return f"{name:<18}{model:<20}{jobs:>6}{runs:>10}{nfe:>14,}{hours:>12}{read:>12}"


def _loading(study: Study, lines: list[Line]) -> Iterator[str]:
    """What loading each model takes, in time and main memory."""
    from chain_of_steps.models.loading import free_memory

    total = sum(line.runs for line in lines if line.name == "sample")
    steps = study.sampler.steps
    for name, model in study.models.items():
        makeup, jobs = Makeup.of(model), sum(line.jobs for line in lines if line.model == name)
        runs = min(study.execution.shard * len(seeds_of(study, name)), total)
        latents = latents_of_runs(makeup, shape_of(study.cases, study.video), runs, steps)
        most, free = main_memory(makeup, latents, study.execution.dtype), free_memory()
        if makeup.weights is None or most is None:
            continue
        seconds = makeup.weights / DISK
        once = f"{seconds:.0f} s at {DISK / 1e9:g} GB/s of disk, assumed"
        if study.processes.resident:
            often = "once for each GPU, by a process that stays"
        else:
            often = f"in each of {jobs} jobs or more: {jobs * seconds / 3600:.2f} hours"
        yield (
            f"{name}: loading takes {once}, {often}; its files are hashed once, "
            f"{makeup.weights / HASH:.0f} s"
        )
        few = "" if most <= free else ": too few, so ask for more, or write a smaller shard"
        yield (
            f"{name}: a job takes up to {_gb(most)} of main memory, counted: weights, latents "
            f"twice and {_gb(PROCESS)}; here {_gb(free)} are free{few}"
        )


def _counted_hours(study: Study, found: list[Group], lines: list[Line]) -> Iterator[str]:
    """What each model's passes cost by their products, and how long that takes on known cards."""
    total = sum(group.cases for group in found)
    for name, model in study.models.items():
        makeup = Makeup.of(model)
        if makeup.assumed:
            continue
        each = [(group.cases / total, *makeup.flops(group.shape)) for group in found]
        weights, attention = (sum(row[0] * row[n] for row in each) for n in (1, 2))
        one = weights + attention
        most = max(makeup.tokens(group.shape) for group in found)
        source = "as published" if makeup.family else "by its files"
        yield (
            f"{name}, {source}: up to {most:,} tokens; a pass takes {one / 1e15:.3g} PFLOP, "
            f"{attention / one:.0%} of them attention"
        )
        nfe = sum(line.nfe for line in lines if line.model == name)
        hours = (
            f"{card} {nfe * one / (known.peak * known.share) / 3600:,.0f} ({known.share:.0%})"
            for card, known in CARDS.items()
        )
        yield f"{name}: hours of one card, counted, at a share of its peak: {', '.join(hours)}"
        yield from _believable(name, model, one)
        yield from _decoding(study, name, makeup, found, lines, one * passes_of(model))
        yield from _on_the_card(study, name, makeup, found)


def _believable(name: str, model: Model, flops: float) -> Iterator[str]:
    """On which cards the configured seconds of a pass can have been measured."""
    seconds = model.seconds_per_nfe
    if seconds is None:
        return
    shares = {card: flops / seconds / known.peak for card, known in CARDS.items()}
    said = ", ".join(f"{card} {share:.0%}" for card, share in shares.items())
    never = [card for card, share in shares.items() if share > BELIEVED]
    yield f"{name}: {seconds:.4g} s per NFE would be this share of a card's peak: {said}"
    if never:
        yield (
            f"{name}: no pass is known to reach more than {BELIEVED:.0%}, so on "
            f"{', '.join(never)} it was another size: measure models.{name}.seconds_per_nfe again"
        )


def _decoding(
    study: Study, name: str, makeup: Makeup, found: list[Group], lines: list[Line], step: float
) -> Iterator[str]:
    """What decoding with the whole codec costs. step: FLOP of one step with its passes."""
    if makeup.like is None:
        yield f"{name}: FLOP of decoding are not counted for this codec"
        return
    shapes = [group.shape for group in found]
    largest = max(shapes, key=makeup.tokens)
    one = makeup.like.decode * largest.width * largest.height * largest.frames
    yield f"{name}: one video decoded takes {one / 1e12:,.0f} TFLOP, {one / step:.0%} of a step"
    videos = sum(line.decodes or 0 for line in lines if line.model == name)
    videos += _videos(study, found, lines).get(name, 0)
    hours = (
        f"{card} {videos * one / (known.peak / 2 * known.share) / 3600:,.1f}"
        for card, known in CARDS.items()
    )
    yield (
        f"{name}: {videos:,} videos decoded, to be read or written: hours of one card, counted, in "
        f"TF32 at half of the peak: {', '.join(hours)}"
    )


def _on_the_card(study: Study, name: str, makeup: Makeup, found: list[Group]) -> Iterator[str]:
    """What the parts of the work take of a card's memory, and which cards have room."""
    execution, like = study.execution, makeup.like
    largest = max((group.shape for group in found), key=makeup.tokens)
    options = {"batch": execution.batch, "tiling": execution.vae_tiling}
    for offload in ("none", "model"):
        parts = OnCard.of(makeup, largest, offload, **options)
        if parts is None:
            yield f"{name}: memory on the card is not counted for this model"
            return
        cards = [card for card, known in CARDS.items() if parts.peak < ROOM * known.memory_gb * GIB]
        yield (
            f"{name}, on the card, counted, offload {offload}: text {parts.encode / GIB:.1f}, "
            f"passes {parts.passes / GIB:.1f}, decode {parts.decode / GIB:.1f} GiB; at its peak "
            f"{parts.peak / GIB:.1f} GiB, which leaves room on {', '.join(cards) or 'no card'}"
        )
    if like is not None and like.unsure:
        yield f"{name}, assumed: {like.unsure}"


def _sizes(study: Study, found: list[Group]) -> Iterator[str]:
    """Memory and disk of each model."""
    steps, execution = study.sampler.steps, study.execution
    for name, model in study.models.items():
        makeup, seeds = Makeup.of(model), len(seeds_of(study, name))
        kept = steps + 1 if execution.estimates == "derived" else 2 * steps + 1
        largest = max(makeup.latent_bytes(group.shape) for group in found)
        disk = sum(group.cases * makeup.latent_bytes(group.shape) for group in found)
        total = sum(group.cases for group in found)
        job = min(execution.shard, total) * largest * (2 * steps + 1) * seeds
        weights = "unknown (write weights_gb)" if makeup.weights is None else _gb(makeup.weights)
        yield (
            f"{name}: weights {weights}; a job keeps {_gb(job)} of latents in memory; trajectories "
            f"take {_gb(disk * kept * seeds)} on disk"
        )
        if makeup.assumed:
            yield f"{name}: {', '.join(makeup.assumed)} assumed to be those of Wan A14B"
    if set(study.experiments) & {"videos", "vbvr"}:
        videos = sum(_videos(study, found, stages(study, found)).values())
        yield f"videos: {videos:,} files, each decoded once"


def _videos(study: Study, found: list[Group], lines: list[Line]) -> dict[str, int]:
    """Model -> the videos of its runs that are written as files."""
    if not set(study.experiments) & {"videos", "vbvr"}:
        return {}
    conditions, main = study.vbvr.conditions, main_model(study)
    every, total = study.vbvr.steps_every, sum(group.cases for group in found)
    looks = len(range(0, study.sampler.steps, every)) if "steps" in conditions else 0
    videos = {name: total * len(seeds_of(study, name)) * (1 + looks) for name in study.models}
    runs = {line.name: line.runs for line in lines if line.model == main}
    made = {"noise": "perturb", "ensemble": "ensemble"}
    videos[main] += sum(runs[made[name]] for name in made if name in conditions)
    return videos


def _gb(size: float) -> str:
    """As text."""
    return f"{size / 1e9:.1f} GB" if size > 1e8 else f"{size / 1e6:.1f} MB"
