"""Where the artifacts that the stages of several experiments share lie in a study's results."""

from __future__ import annotations

from chain_of_steps.stage import File, Files

CASES = Files("cases", ("cases.csv",), whole=True)
TRAJECTORY = File("trajectories/{model}/{shard}.safetensors")
TRAJECTORIES = Files("trajectories/{model}", ("{shard}.safetensors",))
READOUTS = File("tables/readouts.parquet")
REFERENCES = File("tables/references.csv")
# how a cheap decoder and the codec read some steps; of studies that ask for one
COMPARED = File(
    "compared/{model}.parquet", every_model=True, when=lambda study: study.reading.cheap
)
PERTURBATION = File("tables/perturbation.csv")
