"""Where the behaviours' own artifacts lie in a study's results."""

from __future__ import annotations

from chain_of_steps.stage import File

BEHAVIOURS = ("memory", "perception", "posterior")
FOLDER = "behaviours/{model}/{shard}"
RUNS = {name: File(f"tables/{name}_runs.parquet") for name in BEHAVIOURS}
