"""Reads, merges and checks the configuration of a study. Cheap to import."""

from __future__ import annotations

import copy
import difflib
import math
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match
from jsonschema.validators import extend

from chain_of_steps.cases.vbvr import SUFFIX, vbvr_size, vbvr_tasks
from chain_of_steps.errors import UserError
from chain_of_steps.tasks import task_names

FORKING = ("noise", "behaviours", "layers", "ensemble")  # these fork or change runs
NEED_PUZZLES = ("decision", *FORKING)  # experiments that ask a puzzle's reader
SCHEMA = Path(__file__).with_name("config.schema.yaml")

# JSON Schema takes 50.0 for an integer, and YAML can write .nan: neither can count anything.
_TYPES = Draft202012Validator.TYPE_CHECKER.redefine_many(
    {
        "integer": lambda _, value: type(value) is int,
        "number": lambda _, value: type(value) in (int, float) and math.isfinite(value),
    }
)
_Validator = extend(Draft202012Validator, type_checker=_TYPES)


@cache
def schema() -> dict[str, Any]:
    return yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))


def load_config(paths: Sequence[Path]) -> dict[str, Any]:
    """Merges YAML files, later over earlier, checks the result and fills in defaults."""
    merged: dict[str, Any] = {}
    for path in paths:
        content = read_yaml(path, "a config file")
        if not isinstance(content, dict):
            raise UserError(f"{path} holds no fields: write `field: value` lines.")
        merged = merge(merged, content)
    return check_config(merged)


def read_yaml(path: Path, kind: str) -> Any:
    """Content of a YAML file; `kind` says in an error what the path should lead to."""
    try:
        return yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: write the path of {kind}.") from None
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror}): write the path of {kind}."
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path} is not valid YAML: {reason}.") from None


def checked(value: Any, part: Mapping[str, Any]) -> Any:
    """A copy of `value` with a schema's defaults. Raises UserError naming the first bad field."""
    filled = _with_defaults(value, part)
    error = best_match(_Validator(part).iter_errors(filled))
    if error is not None:
        raise UserError(_explain(error))
    return filled


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` laid over `base`, map by map; lists and values are replaced."""
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[key] = merge(old, value) if both else value
    return merged


def check_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of `config` with defaults filled in. Raises UserError naming the first bad field."""
    _check_names(config)
    config = dict(config)
    if isinstance(config.get("models"), Mapping):  # an overlay drops a model with null
        config["models"] = {k: v for k, v in config["models"].items() if v is not None}
    filled = checked(config, schema())
    _check_cases(filled)
    _check_perturbation(filled)
    asked = filled["experiments"]
    if {"videos", "bench"} & set(asked):
        asked = [*asked, *filled["bench"]["conditions"]]
    forked = [name for name in asked if name in FORKING]
    if forked and filled["sampler"]["solver"] != "euler":
        raise UserError(solver_refusal(forked[0]))
    ensemble, steps = filled["ensemble"], filled["sampler"]["steps"]
    if not ensemble["band"][0] < ensemble["band"][1]:
        raise UserError(f"ensemble.band is {ensemble['band']}: write the smaller share first.")
    if ensemble["many_steps"] > steps:
        raise UserError(f"ensemble.many_steps is {ensemble['many_steps']}: write {steps} or less.")
    if "ensemble" in asked and ensemble["k"] > len(filled["seeds"]):
        raise UserError(
            f"ensemble.k is {ensemble['k']}: write {len(filled['seeds'])} or less, or more seeds."
        )
    named = {name for stage in filled["train"]["stages"] for name in stage.get("mix", {})}
    unknown = sorted(named - set(task_names()))
    if unknown:
        raise UserError(
            f"train.stages: mix names {unknown[0]!r}, write one of {', '.join(task_names())}."
        )
    return filled


def main_model(config: Mapping[str, Any]) -> str:
    """The first model, which every figure shows."""
    return next(iter(config["models"]))


def seeds_of(config: Mapping[str, Any], model: str) -> list[int]:
    """The seeds of a model's runs: its own, else those of the study."""
    return config["models"][model]["seeds"] or config["seeds"]


def solver_refusal(what: str) -> str:
    """Why `what` cannot be done with a multistep solver, and what to write."""
    return (
        f"sampler.solver is unipc, but {what} forks or changes runs in between: write euler, since "
        "UniPC steers each step by its memory of earlier ones, which is no part of the latent."
    )


def _check_cases(config: dict[str, Any]) -> None:
    """What the schema cannot say of cases and videos; tasks: null becomes the source's tasks."""
    cases, video = config["cases"], config["video"]
    source, tasks, frames = cases["source"], cases["tasks"], video["frames"]
    if frames is not None and (frames - 1) % video["stride"]:
        good = frames // video["stride"] * video["stride"] + 1
        form = f"{video['stride']} k + 1"
        raise UserError(f"video.frames is {frames}: write {form}, such as {good}.")
    if source == "puzzles":
        known = list(task_names())
        if frames is None:
            raise UserError("video.frames is null, which is for ground truths: write 17.")
        if not cases["in-domain"]:
            raise UserError("cases.in-domain is 0: write 1 or more, as puzzles are drawn.")
    elif cases["path"] is None:
        raise UserError(f"cases.path is missing: write the folder of {source}.")
    elif source == "vbvr-bench":
        known = list(vbvr_tasks())
        cases["tasks"] = tasks = [name.removesuffix(SUFFIX) for name in tasks or known]
    if source != "folder":
        for number, name in enumerate(tasks or ()):
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {close[0]}?" if close else f"write one of {', '.join(known)}."
                raise UserError(f"cases.tasks.{number} is {name!r}: {hint}")
        cases["tasks"] = tasks or known
    if source == "vbvr-bench" and not vbvr_size(cases):
        raise UserError(
            "cases.in-domain and cases.out-of-domain leave none of cases.tasks: write 1 or more."
        )
    every = config["ensemble"]["every"]
    if source != "puzzles" and "ensemble" in config["bench"]["conditions"] and every > 1:
        raise UserError(
            f"ensemble.every is {every}, but cases of {source} are picked by cases.in-domain and "
            "cases.out-of-domain: write 1."
        )
    without = {"puzzles": ("bench",), "folder": (*NEED_PUZZLES, "bench")}.get(source, NEED_PUZZLES)
    for name in config["experiments"]:
        if name in without:
            instead = {"puzzles": "[decision]", "folder": "[videos]"}.get(source, "[bench]")
            raise UserError(
                f"experiments has {name}, which cannot be made where cases.source is {source}: "
                f"write {instead} instead."
            )


def _check_names(value: Any, place: str = "the configuration") -> None:
    """YAML reads bare words such as 1 or yes as numbers and truth values, also before a colon."""
    if isinstance(value, Mapping):
        for name, part in value.items():
            if not isinstance(name, str):
                raise UserError(f"{place} has a field named {name!r}: put its name into quotes.")
            _check_names(part, name)


def _check_perturbation(config: Mapping[str, Any]) -> None:
    """What the schema cannot say: steps, frames and seeds must exist in the study's runs."""
    fields, main = config["perturbation"], next(iter(config["models"].values()))
    frames, latent_frames = config["video"]["frames"], None
    if frames is not None:
        latent_frames = (frames - 1) // config["video"]["stride"] + 1
    for name, end in (("steps", config["sampler"]["steps"]), ("frames", latent_frames)):
        for value in fields[name] or ():
            if end is not None and value >= end:
                raise UserError(
                    f"perturbation.{name} has {value}, but a run has {end} of them: "
                    f"write numbers from 0 to {end - 1}."
                )
    seeds = main["seeds"] or config["seeds"]
    for seed in fields["seeds"] or ():
        if seed not in seeds:
            raise UserError(
                f"perturbation.seeds has {seed}, but the main model runs with seeds "
                f"{', '.join(map(str, seeds))}: write some of those."
            )


def _with_defaults(value: Any, part: Mapping[str, Any]) -> Any:
    if not isinstance(value, Mapping):
        return value
    filled = dict(value)
    known = part.get("properties", {})
    for name, field in known.items():
        if name not in filled and "default" in field:
            filled[name] = copy.deepcopy(field["default"])
        if name in filled:
            filled[name] = _with_defaults(filled[name], field)
    others = part.get("additionalProperties")
    if isinstance(others, Mapping):
        for name in filled.keys() - known.keys():
            filled[name] = _with_defaults(filled[name], others)
    return filled


def _explain(error: ValidationError) -> str:
    """One sentence: which field, what is wrong, what to write instead."""
    field = ".".join(str(part) for part in error.absolute_path)
    place = field or "the configuration"
    about = error.schema.get("description", "") if isinstance(error.schema, Mapping) else ""
    about = " ".join(about.split()).split(". ")[0].rstrip(".")
    about = f" ({about})" if about else ""
    if error.validator == "additionalProperties":
        known = list(error.schema.get("properties", {}))
        extra = sorted(set(error.instance) - set(known))[0]
        close = difflib.get_close_matches(str(extra), known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}."
        return f"unknown field {'.'.join(filter(None, [field, str(extra)]))}: {hint}"
    if error.validator == "required":
        missing = next(name for name in error.validator_value if name not in error.instance)
        return f"field {'.'.join(filter(None, [field, missing]))} is missing: write it."
    if error.validator == "enum":
        options = [str(option) for option in error.validator_value]
        close = difflib.get_close_matches(str(error.instance), options, n=1)
        hint = f"did you mean {close[0]}?" if close else f"write one of {', '.join(options)}."
        return f"{place} is {error.instance!r}: {hint}"
    wanted = {
        "type": lambda v: f"write a value of type {v if isinstance(v, str) else ' or '.join(v)}",
        "minimum": lambda v: f"write {v} or more",
        "maximum": lambda v: f"write {v} or less",
        "exclusiveMinimum": lambda v: f"write a number above {v}",
        "minItems": lambda v: f"write at least {v} of them",
        "maxItems": lambda v: f"write at most {v} of them",
        "minLength": lambda v: "write a text that is not empty",
        "minProperties": lambda v: f"write at least {v} of them",
        "uniqueItems": lambda v: "write each of them once",
        "pattern": lambda v: "write letters, digits, dots, dashes and underscores only",
    }.get(error.validator, lambda v: error.message)(error.validator_value)
    return f"{place} is {error.instance!r}: {wanted}{about}."
