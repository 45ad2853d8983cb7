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
from chain_of_steps.files import read_yaml
from chain_of_steps.pocket.settings import WithCard, WithTrain
from chain_of_steps.settings.base import RESOLVED, Distinct, refusal
from chain_of_steps.settings.cases import Cases, WithCases
from chain_of_steps.settings.execution import WithExecution
from chain_of_steps.settings.models import WithModels, main_model, seeds_of
from chain_of_steps.settings.sampler import WithSampler, solver_refusal
from chain_of_steps.settings.seeds import WithSeeds
from chain_of_steps.settings.sentences import explain, schema_of
from chain_of_steps.settings.statistics import WithStatistics
from chain_of_steps.settings.study import WithExperiments, WithStudy
from chain_of_steps.settings.video import WithVideo
from chain_of_steps.study.experiments import EXPERIMENTS
from chain_of_steps.tasks import task_names
from chain_of_steps.tasks.board import DEFAULT_BOARD, Board

FORKING = tuple(row.name for row in EXPERIMENTS if row.forks)
NEED_PUZZLES = tuple(row.name for row in EXPERIMENTS if row.needs_puzzles)
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
    *(WithTrain, WithCard, WithExplorer),
    *(row.settings for row in reversed(EXPERIMENTS) if row.settings),
    *(WithStatistics, WithExecution, WithSeeds, WithCases, WithVideo, WithSampler),
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
        return self

    def _check_source(self) -> None:
        """What puzzles, VBVR-Bench and own pictures cannot be asked for."""
        source, every = self.cases.source, self.ensemble.every
        if source == "puzzles" and self.video.frames is None:
            raise refusal("video.frames is null, which is for ground truths: write 17.")
        if source != "puzzles" and "ensemble" in self.vbvr.conditions and every > 1:
            raise refusal(
                f"ensemble.every is {every}, but cases of {source} are picked by cases.in-domain "
                "and cases.out-of-domain: write 1."
            )
        without, instead = {
            "puzzles": (("vbvr",), "[decision]"),
            "folder": ((*NEED_PUZZLES, "vbvr"), "[videos]"),
            "vbvr-bench": (NEED_PUZZLES, "[vbvr]"),
        }[source]
        board, frames = Board(**self.cases.board.model_dump()), self.video.frames
        if source == "puzzles" and board != DEFAULT_BOARD and board.frames != frames:
            raise refusal(
                f"video.frames is {frames}, but a movie on cases.board has {board.frames}: write "
                "that."
            )
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

    def _check_ensemble(self) -> None:
        ensemble, steps, seeds = self.ensemble, self.sampler.steps, len(self.seeds)
        if ensemble.many_steps > steps:
            raise refusal(f"ensemble.many_steps is {ensemble.many_steps}: write {steps} or less.")
        if "ensemble" in self._asked() and ensemble.k > seeds:
            raise refusal(f"ensemble.k is {ensemble.k}: write {seeds} or less, or more seeds.")

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


def load_config(paths: Sequence[Path]) -> Study:
    """Merges YAML files, later over earlier, checks the result and fills in defaults."""
    merged: dict[str, Any] = {}
    for path in paths:
        content = read_yaml(path, "a config file")
        if not isinstance(content, dict):
            raise UserError(f"{path} holds no fields: write `field: value` lines.")
        if Path(path).suffix == ".json":
            content.pop(RESOLVED, None)
        merged = merge(merged, content)
    return check_config(merged)


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` laid over `base`, map by map; lists and values are replaced."""
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[key] = merge(old, value) if both else value
    return merged


def check_config(config: Mapping[str, Any]) -> Study:
    """A configuration with defaults filled in. Raises UserError naming the first bad field."""
    _check_names(config)
    _check_old_words(config)
    config = dict(config)
    for section in ("models", "train"):  # an overlay drops one of them with null
        if isinstance(config.get(section), Mapping):
            config[section] = {k: v for k, v in config[section].items() if v is not None}
    try:
        return Study.model_validate(config)
    except ValidationError as error:
        raise UserError(explain(error, schema())) from None


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
