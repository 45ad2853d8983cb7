"""A stage is one command of `cos` that makes artifacts of a study. It declares what it reads.

The stage `perturb` stands in the one module of the package that is called `stage_perturb`, which
holds `STAGE` and `run`. Its rule in the workflow takes everything from there: the settings whose
change runs it again, the files it takes and makes, whether it loads a model and so claims a GPU.
`run` is given the sections of the configuration that the stage declares and no other, so a stage
cannot read what its rule does not watch. Cheap to import, as every job of a study does it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any

from chain_of_steps.settings.base import View

PACKAGE = Path(__file__).resolve().parent
_PREFIX = "stage_"


@dataclass(frozen=True)
class File:
    """A file of a study: its place below results/<study>/, with names in braces.

    The names are model, shard and those that a stage declares in `names`. Where a stage takes files
    by a name that none of its own files has, it takes all of them: those of the main model, or of
    every model. when: whether a study, given its configuration, has it; where not, a stage is given
    none of it.
    """

    place: str
    every_model: bool = False
    when: Callable[[Any], bool] | None = None

    @property
    def places(self) -> tuple[str, ...]:
        return (self.place,)


@dataclass(frozen=True)
class Files:
    """Named files of one folder; the command is told the folder.

    every_model: as of a `File`, where the model is part of the files' names.
    whole: whether it makes the whole folder, not these files alone.
    """

    folder: str
    files: tuple[str, ...]
    every_model: bool = False
    whole: bool = False

    @property
    def places(self) -> tuple[str, ...]:
        return tuple(f"{self.folder}/{name}" for name in self.files)


@dataclass(frozen=True)
class Folder:
    """A folder that a stage makes whole; of a study, or below results/ for all studies."""

    place: str
    of_all_studies: bool = False

    @property
    def places(self) -> tuple[str, ...]:
        return (self.place,)


Artifact = File | Files | Folder


@dataclass(frozen=True)
class Option:
    """A further option of a command, or an argument where `name` has no dashes.

    about: what argparse is told of it. instead: given its value, what the command does in place of
    its work; it then asks for nothing else.
    """

    name: str
    about: Mapping[str, Any]
    instead: Callable[[Any], None] | None = None


OUT_FOLDER = Option("--out", {"type": Path, "required": True, "help": "folder to write"})
SOME_MODEL = Option(
    "--model", {"help": "name of a model in the configuration (default: the first)"}
)


@dataclass(frozen=True)
class Stage:
    """What a stage declares.

    name, text: of the command. settings: the sections it reads, see `settings.base.View`.
    takes, makes: its files by option. asks: names that its command is told beside those files.
    names: the values of names that are not model, shard or job. options: further options.
    loads_model: whether it holds a model, and so threads and a GPU. heavy: whether it is work for a
    node of a cluster; whatever loads a model is. joined: table -> the files of all jobs that are
    joined to it. priority: of its jobs. also: files below the package that it uses beside the
    modules that it imports. every_task: whether it has to do with all puzzles, not with those of
    the study alone. watches: the user's files that it reads, given its settings. writes: what an
    option --out leads to where that is not the path itself, the main file first; none where it is
    None. signed: what stands in the main file that it wrote.
    """

    name: str
    text: str
    settings: type[View]
    takes: Mapping[str, Artifact] = field(default_factory=dict)
    makes: Mapping[str, Artifact] = field(default_factory=dict)
    asks: tuple[str, ...] = ()
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    options: tuple[Option, ...] = ()
    loads_model: bool = False
    heavy: bool = False
    joined: Mapping[str, File] = field(default_factory=dict)
    priority: int = 0
    also: tuple[str, ...] = ()
    every_task: bool = False
    watches: Callable[[Any], list[Path]] | None = None
    writes: Callable[[Path], list[Path]] | None = None
    signed: str = ""

    @property
    def local(self) -> bool:
        """Whether it is too small to be sent to a cluster."""
        return not (self.heavy or self.loads_model)

    def view(self, resolved: Mapping[str, Any], model: str | None = None) -> Any:
        """Its sections of a resolved configuration.

        Of the models a stage that is told one sees that and the main one: what it does cannot hang
        on others, so a further model of a study makes nothing of these again.
        """
        if "model" in self.asks and model in resolved.get("models", {}):
            main = next(iter(resolved["models"]))
            models = {name: resolved["models"][name] for name in dict.fromkeys((main, model))}
            resolved = {**resolved, "models": models}
        return self.settings.model_validate(resolved)

    def gathers(self, artifact: Artifact) -> frozenset[str]:
        """The names over which all files of an artifact are taken, as none of its own has them."""
        mine = names_in(*(place for made in self.makes.values() for place in made.places))
        return names_in(*artifact.places) - mine


def names_in(*places: str) -> frozenset[str]:
    """The names in braces."""
    return frozenset(name for place in places for name in re.findall(r"\{(\w+)\}", place))


def filled(place: str, values: Mapping[str, Iterable[object]]) -> list[str]:
    """A place with every combination of the values of some names; other names stay in braces."""
    mine = [name for name in values if name in names_in(place)]
    rest = {name: f"{{{name}}}" for name in names_in(place)}
    return [
        place.format(**{**rest, **dict(zip(mine, found, strict=True))})
        for found in product(*(values[name] for name in mine))
    ]


@cache
def stage_modules() -> dict[str, str]:
    """Name of every stage -> its module, found by file name: nothing is imported."""
    found = {}
    for path in sorted(PACKAGE.rglob(f"{_PREFIX}*.py")):
        name = path.stem.removeprefix(_PREFIX).replace("_", "-")
        found[name] = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    return found


def stage_of(name: str) -> Stage:
    """The declaration of a stage; its module is imported, no other one."""
    return import_module(stage_modules()[name]).STAGE


def stages() -> Iterator[Stage]:
    """Every stage of the package, by name."""
    return map(stage_of, stage_modules())
