# Names and paths that the rules share. Nothing heavy is imported: every job pays for it.
import json
import os
import shlex
from functools import cache
from pathlib import Path

from chain_of_steps import guard
from chain_of_steps.cases.sources import count_cases, told_passed_over
from chain_of_steps.cli import resolved_file
from chain_of_steps.costs import Makeup, latents_of_runs, main_memory, shape_of
from chain_of_steps.errors import UserError
from chain_of_steps.experiments.vbvr.scorer import pins
from chain_of_steps.files import (
    atomic_path,
    digest_file,
    digest_json,
    manifest_path,
    read_json,
    read_yaml,
    refuse_foreign,
    set_aside,
    tracked,
)
from chain_of_steps.fingerprints import code_digest, modules_named_in, modules_of
from chain_of_steps.jobs import ROOT as PACKAGE, job_environment, prepare, scratch_folder
from chain_of_steps.models.files import model_files
from chain_of_steps.provenance import Digests, Made, changed, weights_of
from chain_of_steps.settings.base import RESOLVED as MARK
from chain_of_steps.settings.models import seeds_of
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
from chain_of_steps.study.config import check_config, load_study, truth
from chain_of_steps.study.manifest import other_inputs, refuse_other_tables
from chain_of_steps.study.experiments import EXPERIMENTS
from chain_of_steps.tasks import task_names
from snakemake.exceptions import WorkflowError
from snakemake.path_modifier import PathModifier
from snakemake.sourcecache import LocalSourceFile
from snakemake.utils import min_version

min_version("9.0")


configfile: "config.yaml"


container: "docker://python:3.11"


# Whether another workflow has taken this one as a module.
MODULE = not workflow.modifier.is_main_snakefile()


# What a study writes lies below these two. As a module they have its prefix, which is then written
# by nobody else: rules, their parameters and what is looked up here have one and the same path.
ROOT, FIGURES_OF_DEFAULT = (
    Path(workflow.modifier.path_modifier.replace_prefix(f"{name}/"))
    for name in ("results", "figures")
)
if MODULE:
    workflow.modifier.path_modifier = PathModifier(None, None, workflow)

# rules/ on this machine, or in a commit of a repository
RULES = workflow.current_basedir


def of_workflow(name: str) -> str:
    """The path of a file of this workflow, by its place in workflow/, wherever that lies."""
    file = RULES.join(f"../{name}")
    if isinstance(file, LocalSourceFile):
        return os.path.relpath(file.get_path_or_uri(secret_free=True))
    # Snakemake's own copy of a file of a commit may lie elsewhere in each run, by another ending
    content = Path(workflow.sourcecache.get_path(file)).read_bytes()
    copy = ROOT / ".workflow" / name
    if not copy.is_file() or copy.read_bytes() != content:
        with atomic_path(copy) as temporary:
            temporary.write_bytes(content)
    return str(copy)


# Whatever the user has set for work of their own, jobs run in the same environment.
SCRATCH = scratch_folder(ROOT)
# CHAIN_OF_STEPS_PACKAGE: for scripts of ours, as the kernel of the notebooks: no module of the
# user's is found.
ENVIRONMENT = job_environment(SCRATCH) | {"CHAIN_OF_STEPS_PACKAGE": str(PACKAGE)}
for name in os.environ.keys() - ENVIRONMENT.keys():
    del os.environ[name]
os.environ.update(ENVIRONMENT)


# Snakemake reads files and --config by its own lights: equal fields go unseen, numbers become text.
BASE = Path("config.yaml")
OVERLAYS = [
    path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    for path in map(Path, workflow.config_settings.configfiles)
]
GIVEN = dict(workflow.config_settings.config)
try:
    # `--config shipped=true` draws the figures from the tables that came with the repository.
    SHIPPED = truth(GIVEN.pop("shipped", False), "shipped")
    # a module is given its whole configuration
    WHOLE = MODULE and workflow.modifier.skip_configfile
    STUDY = check_config(config) if WHOLE else load_study(BASE, OVERLAYS, GIVEN)
    N_CASES = count_cases(STUDY.cases)
    # figures/ is of this repository alone; another folder may have a config.yaml of its own
    AT_HOME = not MODULE and Path(workflow.basedir) in (Path.cwd(), Path("workflow").absolute())
    IS_DEFAULT = AT_HOME and STUDY.study == read_yaml(BASE, "a config file")["study"]
except UserError as error:
    raise WorkflowError(f"configuration: {error}") from None

RESOLVED = STUDY.resolved()
RESULTS = ROOT / STUDY.study
FIGURES = FIGURES_OF_DEFAULT if IS_DEFAULT else RESULTS / "figures"
TABLES = FIGURES / "tables"
LOGS = RESULTS / "logs"
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
        refuse_replacing()
        tell_passed_over()
        prepare(SCRATCH)
        guard.sweep([RESULTS, FIGURES])
        write_settings()
    except UserError as error:
        raise WorkflowError(str(error)) from None
    except OSError as error:
        raise WorkflowError(f"cannot write {error.filename}: {error.strerror}.") from None


def refuse_earlier() -> None:
    """Results of an earlier version would be made again bit by bit, over what they cost."""
    if SETTINGS.exists() and resolved_file(SETTINGS) is None:
        raise UserError(f"{RESULTS} was made by an earlier version: move it away.")


def refuse_replacing() -> None:
    """Before a job Snakemake deletes what it makes: only if that is a command's, as it wrote it."""
    for job in workflow.dag.needrun_jobs():
        for out in job.output:
            path = Path(str(out))
            if out.is_directory:
                set_aside(path)
                if path.is_dir() and not tracked(path):
                    refuse_foreign(path, None)
            elif path.is_relative_to(RESULTS) and path.exists():
                refuse_foreign_file(path)


def refuse_foreign_file(path: Path) -> None:
    """As `files.refuse_foreign`, for a file that a command may have been killed at."""
    ours = SETTINGS.exists()  # or nothing here is of this program
    if ours and manifest_path(path).exists():
        digest = read_json(manifest_path(path)).get("sha256")
        ours = digest in (None, DIGESTS.of(path))
    if not ours:
        raise UserError(
            f"{path} is there already, and this program did not write it as it is: move it away."
        )


def tell_passed_over() -> None:
    """What lies in a folder of cases and is none of them; the log of a job has it as well."""
    for line in told_passed_over(STUDY.cases):
        logger.info(line)


def write_settings() -> None:
    """The checked configuration as one file, which every `cos` command reads."""
    text = json.dumps({MARK: True, **RESOLVED}, indent=1)
    if not SETTINGS.exists() or SETTINGS.read_text() != text:
        with atomic_path(SETTINGS) as temporary:
            temporary.write_text(text)


# What made a result is compared with what would make it now, whatever .snakemake remembers.
DIGESTS = Digests.of_results(ROOT)


def checked(stage: Stage, main, out=None):
    """A function for `input:` that takes no file: runs a job again whose result others made.

    main: what the stage writes, with names in braces; out: the file of it that the rule knows.
    """

    def check(wildcards) -> list[str]:
        if workflow.is_main_process:
            place = Path(str(main).format(**wildcards))
            file = str(main if out is None else out).format(**wildcards)
            model = getattr(wildcards, "model", None)
            settings = stage.view(RESOLVED, model)
            found = weights_of(settings, model, DIGESTS) if stage.loads_model else {}
            now = Made(stage.name, settings.model_dump(by_alias=True), code_of(stage), found)
            gone = not Path(file).exists() and manifest_path(place).exists()
            why = "and is gone" if gone else changed(place, now, DIGESTS)
            force(file, why)
        return []

    return check


def copied(source, target):
    """The same for a copy: it has the bytes of its source, a path or a function for `input:`."""

    def check(wildcards) -> list[str]:
        if workflow.is_main_process:
            found = source(wildcards) if callable(source) else source
            first, second = (Path(str(place).format(**wildcards)) for place in (found, target))
            if first.exists() and second.exists() and digest_file(first) != digest_file(second):
                force(str(second), f"from another {first}")
        return []

    return check


@cache
def say(reason: str, where: str) -> None:
    """Once for each reason, not for each of many files."""
    logger.info(f"{where} was made {reason}: it is made again.")


def force(file: str, why: str | None) -> None:
    if why is not None:
        if Path(file).exists():
            say(why, file if why.startswith("from") else str(RESULTS))
        # jobs that are asked for anyway; the option of this name would ask for them
        workflow.dag.forcefiles.add(file)


def record_of(name: str) -> Path:
    """What drew a figure or table, beside the notebook that was run for it."""
    return RESULTS / f"notebooks/{name}.made"


def drawing_of(name: str) -> str:
    """Digest of what draws a figure or table beside the tables that it reads."""
    digest = digest_file(Path(notebook_of(name)))
    return digest_json([digest, code_of_notebook(name), MAIN_MODEL])


def paper(wildcards) -> str:
    return of_workflow(f"paper/{wildcards.published}.csv")


def notebook_of(name: str) -> str:
    return of_workflow(f"notebooks/{name}.py")


def drawn_by(name: str) -> list[str]:
    """No file: draws again what another notebook, code or table has drawn."""
    facts = FIGURES / f"{name}.json"
    if workflow.is_main_process and facts.exists():
        record = record_of(name)
        if not record.is_file() or record.read_text() != drawing_of(name):
            force(str(facts), "by other code")
        else:
            other = other_inputs(facts)
            force(str(facts), f"from another {other}" if other else None)
    return []


# What a rule takes from the stage that it runs


def code_of(stage: Stage) -> str:
    """Digest of a stage's code, for `params:`: an edit of it runs the rule again."""
    return code_of_named(stage.name)


@cache
def code_of_named(name: str) -> str:
    stage = stage_of(name)
    tasks = task_names() if stage.every_task else TASKS
    return code_digest(modules_of(stage_modules()[name], tasks), stage.also)


@cache
def code_of_notebook(name: str) -> str:
    """Digest of the package's code that a notebook uses; its own text is an input of its rule.

    Given the name, not the input: snakemake compares no `params:` that come from inputs.
    """
    return code_digest(modules_named_in(Path(notebook_of(name)), TASKS))


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
        inputs["watched"] = ancient(stage.watches(stage.view(RESOLVED)))
    if stage.loads_model:
        inputs["weights"] = weights
    inputs["provenance"] = checked(stage, *main_of(stage))
    return inputs


def main_of(stage: Stage) -> list[Path]:
    """The main output of a stage, and the file of it that its rule knows."""
    made = next(iter(stage.makes.values()))
    whole = getattr(made, "whole", False)
    return [RESULTS / (made.folder if whole else made.places[0]), RESULTS / made.places[0]]


def content_of(stage: Stage):
    """Digest of weights and of the user's files, for `params:`: a new time alone runs nothing."""

    def digest(wildcards) -> str:
        view = stage.view(RESOLVED, getattr(wildcards, "model", None))
        found = {}
        if stage.loads_model:
            found |= weights_of(view, getattr(wildcards, "model", None), DIGESTS)
        if stage.watches is not None:
            found |= {str(path): DIGESTS.of(path) for path in stage.watches(view)}
        return digest_json(found)

    return digest


def inputs_by(stage: Stage, artifact: File | Files | Folder) -> list[Path]:
    gathered = stage.gathers(artifact)
    return [one for place in artifact.places for one in every_file(artifact, place, gathered)]


def joined_parts(part: File) -> list[Path]:
    """The parts of all jobs, in the order of the models and shards."""
    return every_file(part, part.place, names_in(part.place))


def every_file(artifact: File | Files | Folder, place: str, names: frozenset[str]) -> list[Path]:
    """The files of an artifact for all values of some names; none where the study has no such."""
    when = getattr(artifact, "when", None)
    if when is not None and not when(STUDY):
        return []
    every = getattr(artifact, "every_model", False)
    values = {
        "model": MODELS if every else [MAIN_MODEL],
        "shard": SHARDS,
        "job": range(STUDY.layers.jobs),
    }
    wanted = {name: found for name, found in values.items() if name in names}
    root = ROOT if getattr(artifact, "of_all_studies", False) else RESULTS
    return [root / one for one in filled(place, wanted)]


def weights(wildcards) -> list[str]:
    """The files of a local model; what is in them is watched by `content_of`."""
    return weights_among([getattr(wildcards, "model", MAIN_MODEL)])


def weights_among(names: list[str]) -> list[str]:
    """As `weights`, of several models."""
    files = []
    for model in map(STUDY.models.get, names):
        loras = [Path(lora.path) for lora in (model.lora.high, model.lora.low) if lora]
        files += [*model_files(model.path).values(), *filter(Path.is_file, loras)]
    return ancient(sorted(map(str, files)))


def content_among(stage: Stage, names: list[str]) -> str:
    """Digest of the weights of several models that a stage takes."""
    view = stage.view(RESOLVED)
    return digest_json({name: weights_of(view, name, DIGESTS) for name in names})


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
        words = ["--config", SETTINGS, "--code", code_of(stage)]
        for name in stage.asks:
            words += [f"--{name}", known[name]]
        gathered = []
        for name, artifact in {**stage.takes, **stage.makes}.items():
            files = output[name] if name in stage.makes else input[name]
            if not files:
                continue
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
    """MB of a job on a cluster, more at each attempt; of one that loads a model as it is counted."""

    def megabytes(wildcards, attempt) -> int:
        model = getattr(wildcards, "model", MAIN_MODEL)
        counted = memory_with(model) if stage.loads_model else None
        return attempt * (counted or (32000 if stage.loads_model else 8000))

    return megabytes


@cache
def memory_with(model: str) -> int | None:
    """MB of a job with a model, None where its weights are not known yet."""
    if model not in STUDY.models:
        return None
    makeup, execution = Makeup.of(STUDY.models[model]), STUDY.execution
    runs = min(execution.shard, N_CASES) * len(seeds_of(STUDY, model))
    shape = shape_of(STUDY.cases, STUDY.video)
    latents = latents_of_runs(makeup, shape, runs, STUDY.sampler.steps)
    found = main_memory(makeup, latents, execution.dtype)
    return None if found is None else -(-found // 1_000_000)


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
