# Names and paths that the rules share. Nothing heavy is imported: every job pays for it.
import json
from pathlib import Path

import yaml
from chain_of_steps.artifacts import atomic_path, digest_json, package_fingerprint
from chain_of_steps.bench.scorer import pins
from chain_of_steps.bench.sources import count_cases
from chain_of_steps.config import check_config
from chain_of_steps.errors import UserError
from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

min_version("9.0")


configfile: "config.yaml"


container: "docker://python:3.11"


# `--config shipped=true` draws the figures from the tables that came with the repository.
SHIPPED = bool(config.pop("shipped", False))
try:
    STUDY = check_config(config)
except UserError as error:
    raise WorkflowError(f"configuration: {error}") from None

IS_DEFAULT = STUDY["study"] == yaml.safe_load(Path("config.yaml").read_text())["study"]
RESULTS = Path("results") / STUDY["study"]
FIGURES = Path("figures") if IS_DEFAULT else RESULTS / "figures"
TABLES = FIGURES / "tables"
CASES = RESULTS / "cases"
MODELS = list(STUDY["models"])
MAIN_MODEL = MODELS[0]
try:
    N_CASES = count_cases(STUDY["cases"])
except UserError as error:
    raise WorkflowError(str(error)) from None
SHARDS = range(-(-N_CASES // STUDY["execution"]["shard"]))
THREADS = STUDY["execution"]["threads"]


wildcard_constraints:
    model=r"[A-Za-z0-9][A-Za-z0-9._-]*",
    shard=r"\d+",


def settings_file() -> Path:
    """The checked configuration as one file, which every `cos` command reads."""
    path = RESULTS / "config.json"
    text = json.dumps(STUDY, indent=1)
    if not path.exists() or path.read_text() != text:
        with atomic_path(path) as temporary:
            temporary.write_text(text)
    return path


def settings(*names: str) -> str:
    """Digest of some fields of the configuration, for `params:`: a change re-runs the rule."""
    return digest_json({name: STUDY[name] for name in names})


def model_files(wildcards) -> list[str]:
    """The weights of a local model, so that new weights re-run what depends on them."""
    folder = Path(STUDY["models"][wildcards.model]["path"])
    return sorted(map(str, folder.rglob("*.safetensors")))


def chosen(groups: dict) -> dict:
    """The entries of the experiments that the configuration asks for."""
    picked = [groups.get(name, {}) for name in STUDY["experiments"]]
    return {name: inputs for group in picked for name, inputs in group.items()}


SETTINGS = settings_file()
