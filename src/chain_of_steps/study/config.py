"""Reads, merges and checks the configuration of a study. Cheap to import."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from chain_of_steps.cases.vbvr import SUFFIX, vbvr_size, vbvr_tasks
from chain_of_steps.errors import UserError, suggestion
from chain_of_steps.explorer.settings import WithExplorer
from chain_of_steps.files import meant, read_yaml, shown
from chain_of_steps.pocket.settings import WithCard, WithTrain
from chain_of_steps.settings.base import RESOLVED, Distinct, refusal
from chain_of_steps.settings.cases import Cases, WithCases
from chain_of_steps.settings.execution import WithExecution
from chain_of_steps.settings.models import WithModels, bases_of, main_model, repeats_of, seeds_of
from chain_of_steps.settings.processes import WithProcesses
from chain_of_steps.settings.reading import WithReading
from chain_of_steps.settings.sampler import WithSampler, solver_refusal
from chain_of_steps.settings.seeds import WithSeeds
from chain_of_steps.settings.sentences import explain, schema_of
from chain_of_steps.settings.statistics import WithStatistics
from chain_of_steps.settings.study import WithExperiments, WithStudy
from chain_of_steps.settings.video import WithVideo
from chain_of_steps.shipped import CONFIG, shipped
from chain_of_steps.study.experiments import EXPERIMENTS
from chain_of_steps.tasks import task_names

FORKING = tuple(row.name for row in EXPERIMENTS if row.forks)
NEED_PUZZLES = tuple(row.name for row in EXPERIMENTS if row.needs_puzzles)
ALL = "*"  # in an overlay, `"*": null` drops all that a map holds so far
OLD_WORDS = {"bench": "vbvr"}  # sections and experiments that were renamed

_WORDS = [row.name for row in EXPERIMENTS]


def _known_experiment(name: str) -> str:
    if name not in _WORDS:
        raise PydanticCustomError("enum", "unknown experiment")
    return name


def _titles(of_puzzles: bool) -> str:
    rows = [row for row in EXPERIMENTS if row.needs_puzzles == of_puzzles]
    return ", ".join(f"{row.name} ({row.title})" for row in rows)


# From last to first, so that their fields stand in the order of the page.
_HOLDERS = (
    *(WithProcesses, WithTrain, WithCard, WithExplorer),
    *(row.settings for row in reversed(EXPERIMENTS) if row.settings),
    *(WithReading, WithStatistics, WithExecution, WithSeeds, WithCases, WithVideo, WithSampler),
    *(WithExperiments, WithModels, WithStudy),
)


class Study(*_HOLDERS):
    """Configuration of a study."""

    model_config = ConfigDict(extra="forbid")

    experiments: Distinct[
        Annotated[str, AfterValidator(_known_experiment), Field(json_schema_extra={"enum": _WORDS})]
    ] = Field(
        ["decision", "noise", "behaviours", "layers", "ensemble"],
        min_length=1,
        description=(
            f"What `snakemake` makes: {_titles(True)}, which read puzzles; {_titles(False)}, which "
            "need no reader."
        ),
    )

    def resolved(self) -> dict[str, Any]:
        """All sections with their defaults as a JSON object, under the names of the YAML files."""
        return self.model_dump(by_alias=True)

    @field_validator("cases")
    @classmethod
    def _tasks_of_the_source(cls, cases: Cases) -> Cases:
        """The cases with tasks that their source has; null becomes all of them."""
        if cases.source == "folder":
            return cases
        if cases.source == "puzzles":
            known, tasks = list(task_names()), cases.tasks
        else:
            known = list(vbvr_tasks())
            tasks = [name.removesuffix(SUFFIX) for name in cases.tasks or known]
        for number, name in enumerate(tasks or ()):
            if name not in known:
                said = suggestion(name, known, f"write one of {', '.join(known)}.")
                raise refusal(f"cases.tasks.{number} is {name!r}: {said}")
        for name in cases.times:
            if name not in task_names():
                said = suggestion(name, list(task_names()), f"write one of {', '.join(known)}.")
                raise refusal(f"cases.times has {name!r}: {said}")
        cases = cases.model_copy(update={"tasks": tasks or known})
        if cases.source == "vbvr-bench" and not vbvr_size(cases):
            raise refusal(
                "cases.in-domain and cases.out-of-domain leave none of cases.tasks: "
                "write 1 or more."
            )
        return cases

    @model_validator(mode="after")
    def _sections_agree(self) -> Study:
        self._check_source()
        self._check_perturbation()
        self._check_forks()
        self._check_ensemble()
        self._check_trainings()
        self._check_reading()
        try:
            repeats_of(self)
            bases_of(self)
        except UserError as error:
            raise refusal(str(error)) from None
        return self

    def _check_source(self) -> None:
        """What puzzles, VBVR-Bench and own pictures cannot be asked for."""
        source = self.cases.source
        if source == "puzzles" and self.video.frames is None:
            raise refusal("video.frames is null, which is for ground truths: write 17.")
        without, instead = {
            "puzzles": (("vbvr",), "[decision]"),
            "folder": ((*NEED_PUZZLES, "vbvr"), "[videos]"),
            "vbvr-bench": (NEED_PUZZLES, "[vbvr]"),
        }[source]
        if source == "puzzles":
            from chain_of_steps.cases.drawings import check_drawing  # brings NumPy

            try:
                check_drawing(self.cases, self.video, self.models)
            except UserError as error:
                raise refusal(str(error)) from None
        for name in self.experiments:
            if name in without:
                raise refusal(
                    f"experiments has {name}, which cannot be made where cases.source is {source}: "
                    f"write {instead} instead."
                )

    def _check_perturbation(self) -> None:
        """Steps, frames and seeds must exist in the study's runs."""
        fields = self.perturbation
        ends = {"steps": self.sampler.steps, "frames": self.video.latent_frames}
        for name, end in ends.items():
            for value in getattr(fields, name) or ():
                if end is not None and value >= end:
                    raise refusal(
                        f"perturbation.{name} has {value}, but a run has {end} of them: "
                        f"write numbers from 0 to {end - 1}."
                    )
        seeds = seeds_of(self, main_model(self))
        for seed in fields.seeds or ():
            if seed not in seeds:
                raise refusal(
                    f"perturbation.seeds has {seed}, but the main model runs with seeds "
                    f"{', '.join(map(str, seeds))}: write some of those."
                )

    def _asked(self) -> list[str]:
        """The experiments, and the conditions whose videos are asked for."""
        videos = {"videos", "vbvr"} & set(self.experiments)
        return [*self.experiments, *(self.vbvr.conditions if videos else ())]

    def _check_forks(self) -> None:
        forked = [name for name in self._asked() if name in FORKING]
        if forked and self.sampler.solver != "euler":
            raise refusal(solver_refusal(forked[0]))
        if self.execution.estimates == "derived" and self.sampler.solver != "euler":
            raise refusal(
                f"execution.estimates is derived, but steps of {self.sampler.solver} do not tell "
                "their clean estimates: write stored."
            )

    def _check_ensemble(self) -> None:
        """Its seeds must be those of the main model's runs."""
        if "ensemble" not in self._asked():
            return
        k, seeds = self.ensemble.k, len(seeds_of(self, main_model(self)))
        if k > seeds:
            raise refusal(f"ensemble.k is {k}: write {seeds} or less, or more seeds.")

    def _check_reading(self) -> None:
        if "reading" in self.experiments and not self.reading.cheap:
            raise refusal(
                "experiments has reading, which holds a cheap decoder against the codec, but "
                "reading.decoder is full: write projection, or leave reading out of experiments."
            )
        style = self.cases.drawing.style
        if self.reading.decoder == "latents" and style != "plain":
            raise refusal(
                f"reading.decoder is latents, but cases.drawing.style is {style}, where dots move, "
                "whose trail is read in pictures alone: write projection."
            )

    def _check_trainings(self) -> None:
        for name, training in self.train.items():
            named = {task for phase in training.phases for task in phase.mix or ()}
            unknown = sorted({*named, *(training.tasks or ())} - set(task_names()))
            if unknown:
                known = ", ".join(task_names())
                raise refusal(f"train.{name} names {unknown[0]!r}, write one of {known}.")
            late = [step for step in training.checkpoints if step > training.phases[0].steps]
            if late:
                raise refusal(
                    f"train.{name}.checkpoints has {late[0]}, but its first phase ends at "
                    f"{training.phases[0].steps}: write that or less."
                )


def load_config(paths: Sequence[Path], over: Mapping[str, Any] | None = None) -> Study:
    """Merges YAML files, later over earlier, checks the result and fills in defaults.

    over: values of a command line, laid over all of them. Raises UserError.
    """
    merged: dict[str, Any] = {}
    for content in map(_content, paths):
        merged = merge(merged, content)
    return check_config(merge(merged, meant(over or {})))


def _content(path: Path) -> dict[str, Any]:
    path = Path(path)
    if path == Path(CONFIG) and not path.exists():
        path = shipped(CONFIG) or path
    content = read_yaml(path, "a config file")
    if not isinstance(content, dict):
        raise UserError(f"{path} holds no fields: write `field: value` lines.")
    if path.suffix == ".json":
        content.pop(RESOLVED, None)
    return content


def load_study(base: Path, overlays: Sequence[Path], over: Mapping[str, Any]) -> Study:
    """The study of a run of the workflow: `base`, with overlays and values of a command line.

    Raises UserError, also where they change the study of `base` without a name of their own, as
    they would write over its results.
    """
    study = load_config([base, *overlays], over)
    named = "study" in over or any("study" in _content(path) for path in overlays)
    if named or not (overlays or over):
        return study
    plain = load_config([base], {"experiments": study.experiments})
    if study.study == plain.study and study != plain:
        source = shown(overlays[-1]) if overlays else "--config"
        raise UserError(
            f"{source} changes the study {study.study} and would write over its results: write "
            "`study:` with a name of its own."
        )
    return study


def truth(value: Any, field: str) -> bool:
    """A truth value of a command line. Raises UserError for anything else."""
    value = meant(value)
    if value not in (True, False):
        raise UserError(f"{field} is {value!r}: write true, or leave it out.")
    return bool(value)


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` laid over `base`, map by map; lists and values are replaced.

    A map with `"*": null` takes the place of the one below it: nothing of that is left.
    """
    merged = dict(base)
    for key, value in over.items():
        if isinstance(value, Mapping):
            old = merged.get(key)
            old = old if isinstance(old, Mapping) and ALL not in value else {}
            value = merge(old, {k: v for k, v in value.items() if (k, v) != (ALL, None)})
        merged[key] = value
    return merged


def check_config(config: Mapping[str, Any]) -> Study:
    """A configuration with defaults filled in. Raises UserError naming the first bad field."""
    _check_names(config)
    _check_old_words(config)
    config = dict(config)
    for section in ("models", "train"):  # an overlay drops one of them with null
        if isinstance(config.get(section), Mapping):
            config[section] = {k: v for k, v in config[section].items() if v is not None}
    if isinstance(config.get("models"), Mapping):
        config["models"] = {name: _found(model) for name, model in config["models"].items()}
    try:
        return Study.model_validate(config)
    except ValidationError as error:
        raise UserError(explain(error, schema())) from None


def _found(model: Any) -> Any:
    """A model with the path of the one that came with the package, where there is none here."""
    path = model.get("path") if isinstance(model, Mapping) else None
    if not isinstance(path, str) or Path(path).exists() or (found := shipped(path)) is None:
        return model
    return {**model, "path": str(found)}


@cache
def schema() -> dict[str, Any]:
    """The JSON schema of a configuration, written out: no $refs, no titles of fields."""
    return schema_of(Study)


def _check_names(value: Any, place: str = "the configuration") -> None:
    """YAML reads bare words such as 1 or yes as numbers and truth values, also before a colon."""
    if isinstance(value, Mapping):
        for name, part in value.items():
            if not isinstance(name, str):
                raise UserError(f"{place} has a field named {name!r}: put its name into quotes.")
            _check_names(part, name)


def _check_old_words(config: Mapping[str, Any]) -> None:
    experiments = config.get("experiments")
    for old, new in OLD_WORDS.items():
        if old in config:
            raise UserError(f"unknown field {old}: it is called {new} now, write {new}.")
        if isinstance(experiments, list) and old in experiments:
            raise UserError(f"experiments has {old}: write {new} instead.")
    train = config.get("train")
    for field, value in train.items() if isinstance(train, Mapping) else ():
        if not isinstance(value, Mapping | None):
            raise UserError(
                f"train.{field} stands for no model: each has fields of its own now, write "
                f"train.<name>.{field}."
            )
