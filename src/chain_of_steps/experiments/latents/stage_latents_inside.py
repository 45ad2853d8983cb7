"""The stage that looks inside the steps of a few stored runs."""

from __future__ import annotations

import time
from pathlib import Path

from chain_of_steps.experiments.latents import places
from chain_of_steps.experiments.layers.settings import WithLayers
from chain_of_steps.places import CASES, TRAJECTORIES
from chain_of_steps.settings.execution import WithExecution
from chain_of_steps.settings.models import WithModels, main_model, seeds_of
from chain_of_steps.settings.seeds import WithSeeds
from chain_of_steps.stage import Files, Folder, Stage


class Settings(WithModels, WithSeeds, WithExecution, WithLayers):
    pass


TABLES = tuple(f"latents_{name}_runs.parquet" for name in places.INSIDE)
STAGE = Stage(
    name="latents-inside",
    text=(
        "Both passes of guidance, token energy and what settles, of some stored runs of the main "
        "model; --out is a folder of tables."
    ),
    settings=Settings,
    takes={"cases": CASES, "trajectories": TRAJECTORIES},
    makes={"out": Files("tables", TABLES), "strips": Folder("tables/latents_strips")},
    loads_model=True,
)


def run(settings: Settings, *, cases: Path, trajectories: Path, out: Path, strips: Path) -> None:
    import pandas as pd

    from chain_of_steps.artifacts import read_table, write_tables
    from chain_of_steps.cases.folders import INDEX, cases_of
    from chain_of_steps.experiments.latents.inside import look_inside, spread
    from chain_of_steps.experiments.latents.strips import draw_strip
    from chain_of_steps.files import atomic_path, write_json
    from chain_of_steps.models.adapters import load_model
    from chain_of_steps.progress import progress
    from chain_of_steps.runs import Runs
    from chain_of_steps.trajectory import Trajectory

    name = main_model(settings)
    index, seed = read_table(cases / INDEX), seeds_of(settings, name)[0]
    chosen = spread(index["case"].tolist(), places.CASES)
    size = settings.execution.shard
    shards = {case: index["case"].tolist().index(case) // size for case in chosen}
    adapter = load_model(settings, name)
    started = time.monotonic()
    found, entries, nfe = [], [], 0
    with atomic_path(strips) as folder:
        folder.mkdir(parents=True, exist_ok=True)
        for number, case in enumerate(progress(chosen, desc="inside", unit="runs")):
            # one run at a time, as pictures may have different sizes
            stored = Trajectory.checked(trajectories / f"{shards[case]}.safetensors")
            mine = (stored.runs["case"] == case) & (stored.runs["seed"] == seed)
            stored = stored.select(mine.to_numpy().nonzero()[0].tolist())
            drawn = cases_of(cases, stored.runs)
            runs = Runs.stored(adapter, stored, drawn)
            tables, spent = look_inside(adapter, stored, runs, settings.layers.massive)
            found.append(tables)
            nfe += spent
            entries.append(draw_strip(folder / f"{number}.png", adapter, stored, drawn[0]))
        write_json(folder / "examples.json", entries)
    seconds = time.monotonic() - started
    files = {}
    for file, table in zip(TABLES, places.INSIDE, strict=True):
        parts = [tables[table] for tables in found]
        # an empty table has no types of its own
        parts = [part for part in parts if len(part)] or parts[:1]
        files[out / file] = pd.concat(parts, ignore_index=True)
    parameters = {"model_digest": adapter.digest, "cases": chosen, "seed": seed}
    parameters |= {"massive": settings.layers.massive}
    write_tables(files, parameters=parameters, nfe=nfe, seconds=seconds)
    print(f"{len(chosen)} runs, {nfe} NFE, {seconds:.1f} s")
