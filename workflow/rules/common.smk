# Names and paths that the rules share. Nothing heavy is imported: every job pays for it.
import json
import os
import shlex
from pathlib import Path

import yaml
from chain_of_steps import guard
from chain_of_steps.cases.sources import count_cases
from chain_of_steps.cli import resolved_file
from chain_of_steps.errors import UserError
from chain_of_steps.experiments.vbvr.scorer import pins
from chain_of_steps.files import atomic_path, digest_json
from chain_of_steps.fingerprints import code_digest, modules_named_in, modules_of
from chain_of_steps.settings.base import RESOLVED as MARK
from chain_of_steps.stage import (
    File,
    Files,
    Folder,
    Stage,
    filled,
    names_in,
    stage_modules,
    stage_of,
    stages,
)
from chain_of_steps.study.config import check_config
from chain_of_steps.study.experiments import EXPERIMENTS
from chain_of_steps.tasks import task_names
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
    N_CASES = count_cases(STUDY.cases)
except UserError as error:
    raise WorkflowError(f"configuration: {error}") from None

IS_DEFAULT = STUDY.study == yaml.safe_load(Path("config.yaml").read_text())["study"]
RESOLVED = STUDY.resolved()
RESULTS = Path("results") / STUDY.study
FIGURES = Path("figures") if IS_DEFAULT else RESULTS / "figures"
TABLES = FIGURES / "tables"
LOGS = Path("logs") / STUDY.study
SETTINGS = RESULTS / "config.json"
MODELS = list(STUDY.models)
MAIN_MODEL = MODELS[0]
SHARDS = range(-(-N_CASES // STUDY.execution.shard))
CHOSEN = [row for row in EXPERIMENTS if row.name in STUDY.experiments]
# tasks of puzzles, whose modules are part of what a stage's code hangs on
TASKS = STUDY.cases.tasks if STUDY.cases.source == "puzzles" else []


wildcard_constraints:
    model=r"[A-Za-z0-9][A-Za-z0-9._-]*",
    shard=r"\d+",
    job=r"\d+",


def begin() -> None:
    """Before the first job: no other run of this study, nothing left of one that died."""
    try:
        # Snakemake's own lock outlives a kill -9, so the profiles switch it off.
        if not workflow.execution_settings.lock:
            guard.hold(RESULTS / ".run.lock")
        prefix = getattr(workflow.executor_settings, "jobname_prefix", None)
        if prefix is not None:  # SLURM's executor
            guard.refuse_live_jobs(prefix, Path(workflow.workdir_init))
        refuse_earlier()
        guard.sweep([RESULTS, FIGURES])
        write_settings()
    except UserError as error:
        raise WorkflowError(str(error)) from None
    except OSError as error:
        raise WorkflowError(f"cannot write {error.filename}: {error.strerror}.") from None


def refuse_earlier() -> None:
    """Results of an earlier version would be made again bit by bit, over what they cost."""
    if SETTINGS.exists() and resolved_file(SETTINGS) is None:
        raise UserError(f"{RESULTS} was made by an earlier version: move it away, or remove it.")


def write_settings() -> None:
    """The checked configuration as one file, which every `cos` command reads."""
    text = json.dumps({MARK: True, **RESOLVED}, indent=1)
    if not SETTINGS.exists() or SETTINGS.read_text() != text:
        with atomic_path(SETTINGS) as temporary:
            temporary.write_text(text)


# What a rule takes from the stage that it runs


def code_of(stage: Stage) -> str:
    """Digest of a stage's code, for `params:`: an edit of it runs the rule again."""
    tasks = task_names() if stage.every_task else TASKS
    return code_digest(modules_of(stage_modules()[stage.name], tasks), stage.also)


def code_of_notebook(name: str) -> str:
    """Digest of the package's code that a notebook uses; its own text is an input of its rule.

    Given the name, not the input: snakemake compares no `params:` that come from inputs.
    """
    return code_digest(modules_named_in(Path(f"workflow/notebooks/{name}.py"), TASKS))


def settings_of(stage: Stage):
    """Digest of the sections that a stage reads, for `params:`."""

    def digest(wildcards) -> str:
        view = stage.view(RESOLVED, getattr(wildcards, "model", None))
        return digest_json(view.model_dump(by_alias=True))

    return digest


def inputs_of(stage: Stage) -> dict:
    """Option -> the files that a stage takes by it; further ones that it reads as `watched`."""
    inputs = {name: inputs_by(stage, artifact) for name, artifact in stage.takes.items()}
    if stage.watches is not None:
        inputs["watched"] = stage.watches(stage.view(RESOLVED))
    if stage.loads_model:
        inputs["weights"] = weights
    return inputs


def inputs_by(stage: Stage, artifact: File | Files | Folder) -> list[Path]:
    gathered = stage.gathers(artifact)
    return [one for place in artifact.places for one in every_file(artifact, place, gathered)]


def joined_parts(part: File) -> list[Path]:
    """The parts of all jobs, in the order of the models and shards."""
    return every_file(part, part.place, names_in(part.place))


def every_file(artifact: File | Files | Folder, place: str, names: frozenset[str]) -> list[Path]:
    """The files of an artifact for all values of some names."""
    every = getattr(artifact, "every_model", False)
    values = {
        "model": MODELS if every else [MAIN_MODEL],
        "shard": SHARDS,
        "job": range(STUDY.layers.jobs),
    }
    wanted = {name: found for name, found in values.items() if name in names}
    root = RESULTS.parent if getattr(artifact, "of_all_studies", False) else RESULTS
    return [root / one for one in filled(place, wanted)]


def weights(wildcards) -> list[str]:
    """The weights of a local model, so that new weights re-run what depends on them."""
    model = STUDY.models[getattr(wildcards, "model", MAIN_MODEL)]
    loras = [Path(lora.path) for lora in (model.lora.high, model.lora.low) if lora]
    files = [*Path(model.path).rglob("*.safetensors"), *filter(Path.is_file, loras)]
    return sorted(map(str, files))


def outputs_of(stage: Stage) -> dict:
    """Option -> the files that a stage makes by it."""
    return {
        name: (
            directory(RESULTS / made.place)
            if isinstance(made, Folder)
            else [RESULTS / place for place in made.places]
        )
        for name, made in stage.makes.items()
    }


def arguments_of(stage: Stage):
    """The arguments of a stage's command, for `params:`."""

    def arguments(wildcards, input, output) -> str:
        known = {"model": MAIN_MODEL, **wildcards}
        words = ["--config", SETTINGS]
        for name in stage.asks:
            words += [f"--{name}", known[name]]
        gathered = []
        for name, artifact in {**stage.takes, **stage.makes}.items():
            files = output[name] if name in stage.makes else input[name]
            if isinstance(artifact, Files):
                words += [f"--{name}", RESULTS / artifact.folder.format(**known)]
            elif name in stage.takes and stage.gathers(artifact):
                gathered += [files] if isinstance(files, str) else list(files)
            else:
                words += [f"--{name}", files if isinstance(files, str) else files[0]]
        return shlex.join(map(str, [*words, *gathered]))

    return arguments


def gpus_of(stage: Stage) -> int:
    """GPUs of a job: `--resources gpu=4` lets four jobs that load a model run at once."""
    return int(stage.loads_model and STUDY.execution.device.startswith("cuda"))


def memory_of(stage: Stage):
    """MB of a job on a cluster, more at each attempt."""
    megabytes = 32000 if stage.loads_model else 8000
    return lambda wildcards, attempt: megabytes * attempt


def minutes_of(stage: Stage):
    """Minutes of a job on a cluster, more at each attempt."""
    minutes = 240 if stage.loads_model else 120
    return lambda wildcards, attempt: minutes * attempt


def threads_of(stage: Stage) -> int:
    return STUDY.execution.threads if stage.loads_model else 1


def log_of(stage: Stage) -> str:
    names = names_in(*(place for made in stage.makes.values() for place in made.places))
    return (
        str(LOGS / "_".join([rule_of(stage), *(f"{{{name}}}" for name in sorted(names))])) + ".log"
    )


def rule_of(stage: Stage) -> str:
    """The name of a stage's rule."""
    return stage.name.replace("-", "_")
