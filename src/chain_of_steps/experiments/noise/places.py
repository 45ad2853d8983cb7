"""Where noise's own artifacts lie in a study's results."""

from __future__ import annotations

from chain_of_steps.stage import File

ROWS = File("perturbation/{model}/{shard}.parquet")
FLOW = File("perturbation/{model}/{shard}.flow.parquet")
