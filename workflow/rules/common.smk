# Names and paths that the rules share. Nothing heavy is imported: every job pays for it.
import json
import os
from pathlib import Path

import yaml
from chain_of_steps import guard
from chain_of_steps.files import atomic_path, digest_json
from chain_of_steps.fingerprints import package_fingerprint
from chain_of_steps.experiments.vbvr.scorer import pins
from chain_of_steps.cases.sources import count_cases
from chain_of_steps.study.config import check_config
from chain_of_steps.errors import UserError
from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

min_version("9.0")


configfile: "config.yaml"


container: "docker://python:3.11"


# Linux's malloc returns every large tensor to the system and pays for its pages again: a tenth of
# a forward pass on a CPU.
for name in ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"):
    os.environ.setdefault(name, str(2**32))


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
SETTINGS = RESULTS / "config.json"
CASES = RESULTS / "cases"
MODELS = list(STUDY["models"])
MAIN_MODEL = MODELS[0]
try:
    N_CASES = count_cases(STUDY["cases"])
except UserError as error:
    raise WorkflowError(str(error)) from None
SHARDS = range(-(-N_CASES // STUDY["execution"]["shard"]))
THREADS = STUDY["execution"]["threads"]
# GPUs of a job that loads a model: `--resources gpu=4` lets four of them run at once
GPUS = int(STUDY["execution"]["device"].startswith("cuda"))


wildcard_constraints:
    model=r"[A-Za-z0-9][A-Za-z0-9._-]*",
    shard=r"\d+",


def begin() -> None:
    """Before the first job: no other run of this study, nothing left of one that died."""
    try:
        # Snakemake's own lock outlives a kill -9, so the profiles switch it off.
        if not workflow.execution_settings.lock:
            guard.hold(RESULTS / ".run.lock")
        prefix = getattr(workflow.executor_settings, "jobname_prefix", None)
        if prefix is not None:  # SLURM's executor
            guard.refuse_live_jobs(prefix, Path(workflow.workdir_init))
        guard.sweep([RESULTS, FIGURES])
        write_settings()
    except UserError as error:
        raise WorkflowError(str(error)) from None
    except OSError as error:
        raise WorkflowError(f"cannot write {error.filename}: {error.strerror}.") from None


def write_settings() -> None:
    """The checked configuration as one file, which every `cos` command reads."""
    text = json.dumps(STUDY, indent=1)
    if not SETTINGS.exists() or SETTINGS.read_text() != text:
        with atomic_path(SETTINGS) as temporary:
            temporary.write_text(text)


def settings(*names: str) -> str:
    """Digest of some fields of the configuration, for `params:`: a change re-runs the rule."""
    return digest_json({name: STUDY[name] for name in names})


def model_files(wildcards) -> list[str]:
    """The weights of a local model, so that new weights re-run what depends on them."""
    model = STUDY["models"][wildcards.model]
    loras = [Path(lora["path"]) for lora in model["lora"].values() if lora]
    files = [*Path(model["path"]).rglob("*.safetensors"), *filter(Path.is_file, loras)]
    return sorted(map(str, files))


def chosen(groups: dict) -> dict:
    """The entries of the experiments that the configuration asks for."""
    picked = [groups.get(name, {}) for name in STUDY["experiments"]]
    return {name: inputs for group in picked for name, inputs in group.items()}
