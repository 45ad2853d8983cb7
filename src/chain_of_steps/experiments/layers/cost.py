"""What the layer analyses cost, in blocks that are computed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chain_of_steps.costs import Group, Line, Makeup
from chain_of_steps.experiments.layers import job
from chain_of_steps.experiments.layers.ablation import REMOVALS, step_bands
from chain_of_steps.experiments.layers.settings import Layers
from chain_of_steps.experiments.layers.swap import FORKED, counts_of, first_middle_last
from chain_of_steps.patching import PARTS
from chain_of_steps.settings.cases import WithCases
from chain_of_steps.settings.models import main_model, passes_of, seeds_of
from chain_of_steps.tasks.puzzle import SPLITS

ANALYSES = ("energy", "swap", "patching", "ablation")


class Settings(job.Settings, WithCases):
    pass


def lines(settings: Settings, groups: list[Group]) -> Iterator[Line]:
    main, jobs = main_model(settings), settings.layers.jobs
    for analysis in ANALYSES:
        yield Line(analysis, main, jobs, *_cost(settings, analysis))


def _cost(settings: Settings, analysis: str) -> tuple[int, int]:
    """Runs that start from noise, and NFE, of one layer analysis over all jobs.

    Patched states that agree to the last bit are taken to the end once: with part `all` those of
    all layers are counted as one; further ones that agree make the true number smaller.
    """
    fields, cases = settings.layers, settings.cases
    name = main_model(settings)
    model = settings.models[name]
    tasks = [job.TASK_OF[analysis]] if analysis in job.TASK_OF else cases.tasks
    most = getattr(fields, f"{analysis}_cases")
    n = sum(min(most, cases.number(task, split)) for task in tasks for split in SPLITS)
    seeds = len(seeds_of(settings, name)[: fields.seeds])
    layers, passes = Makeup.of(model).num_layers, passes_of(model)
    counts = {
        "full": settings.sampler.steps,
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
    runs, averaged = cases * seeds, everyone * seeds
    whole = layers * passes  # blocks of one velocity
    # one velocity patched at each layer in turn; in patched branches blocks up to it are spared
    each = patched * layers * (layers - 1) // 2 + (passes - patched) * layers * layers
    if analysis == "energy":
        return runs, runs * full * whole
    if analysis == "ablation":
        bands = [band for band in step_bands(short).values() if band]
        forks = len(REMOVALS) * layers * sum(short - band.start for band in bands)
        return averaged + runs, (averaged * short + runs * (short + forks)) * whole
    if analysis == "patching":
        start, rows = min(round(fields.noise_at * short), short - 1), 2 * runs
        blocks = short * whole
        for step in range(start, short):
            blocks += whole + len(PARTS) * each
            blocks += ends(PARTS, layers) * (short - step - 1) * whole
        return rows, rows * blocks
    rows = 2 * runs  # every case and its twin
    blocks = full * whole + ends(fields.final_parts, layers) * (full - 1) * whole
    blocks += len(range(0, full, fields.stride)) * (whole + len(PARTS) * each)
    # the first steps: donors, swaps at all steps, and what is let go before the end
    sites = (len(PARTS) - 1) * layers
    blocks += short * (1 + 1 + sites) * whole
    forks = len(FORKED) * len(first_middle_last(layers)) + 1
    left = sum(short - count for count in counts_of(fields.swap_steps, short))
    return 2 * rows, rows * (blocks + forks * left * whole)


def ends(parts: Sequence[str], layers: int) -> int:
    """Patched states that are run to the end: `all` gives the same one at every layer."""
    return sum(1 if part == "all" else layers for part in parts)
