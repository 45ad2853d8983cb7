"""What made an output, beside it: the command, its settings, its code and what it read.

`cos` writes it for everything that it makes; a study compares it at the start of every run, so
that no result counts as one of settings that did not make it, whatever Snakemake remembers. The
same record says what a command may replace. Cheap to import.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from chain_of_steps.files import (
    UNFINISHED,
    add_to_listing,
    digest_file,
    files_below,
    manifest_path,
    plain,
    read_json,
    refuse_foreign,
    refuse_foreign_manifest,
    write_json,
    write_listing,
)
from chain_of_steps.manifests import shown_path, write_manifest
from chain_of_steps.models.files import Digests
from chain_of_steps.models.files import weights_of as _weights_of
from chain_of_steps.stage import Files, Folder, Stage

MISSING = object()


@dataclass(frozen=True)
class Made:
    """What made an output. settings: of the command's sections, by field. code: its digest, ""
    where the command was given by hand. inputs: path -> digest of what it read.
    """

    command: str
    settings: Mapping[str, Any]
    code: str
    inputs: Mapping[str, str]

    def change(self, other: Mapping[str, Any]) -> str | None:
        """How a record differs from this, in words; None where it is the same."""
        if other.get("command") != self.command:
            return f"by another command ({other.get('command')}, now {self.command})"
        fields = list(differing(other.get("settings"), plain(self.settings)))
        if fields:
            more = f" and {len(fields) - 2} more" if len(fields) > 2 else ""
            return f"with other settings ({', '.join(fields[:2])}{more})"
        if other.get("code") != self.code:
            return "by other code"
        return None


# What a command writes and reads


def written(stage: Stage, arguments: Mapping[str, Any]) -> list[Path]:
    """The files and folders that a command will write, the main one first."""
    found: list[Path] = []
    for name, artifact in stage.makes.items():
        path = arguments[name]
        if isinstance(artifact, Files) and not artifact.whole:
            found += [path / file for file in artifact.files]
        else:
            found.append(path)
    out = arguments.get("out")
    if "out" not in stage.makes and out is not None:
        found += [out] if stage.writes is None else stage.writes(out)
    return found


def given(stage: Stage, arguments: Mapping[str, Any]) -> list[Path]:
    """The paths that a command is given to read."""
    return [path for _, path in _given(stage, arguments)]


def _given(stage: Stage, arguments: Mapping[str, Any]) -> Iterator[tuple[str, Path]]:
    for name, value in arguments.items():
        if name not in stage.makes and name not in ("out", "state"):
            paths = value if isinstance(value, list) else [value]
            yield from ((name, path) for path in paths if isinstance(path, Path))


def read(stage: Stage, arguments: Mapping[str, Any], settings: Any) -> Iterator[Path]:
    """The files that a command is given or finds by its settings; of weights see `weights_of`."""
    for name, path in _given(stage, arguments):
        artifact = stage.takes.get(name)
        if isinstance(artifact, Files):
            for place in artifact.files:
                yield from sorted(path.glob(re.sub(r"\{\w+\}", "*", place)))
        elif isinstance(artifact, Folder) or path.is_file():
            yield path
    if stage.watches is not None:
        yield from stage.watches(settings)


def digest_of(path: Path, digests: Digests) -> str:
    """The digest in a path's manifest, which readers hold it to, or else that of its bytes."""
    manifest = manifest_path(path)
    if manifest.is_file():
        try:
            return str(json.loads(manifest.read_text(encoding="utf-8"))["sha256"])
        except (ValueError, KeyError, TypeError, OSError):
            pass
    if path.is_dir():
        return " ".join(digests.of(one) for one in files_below(path))
    return digests.of(path)


def weights_of(settings: Any, model: str | None, digests: Digests) -> dict[str, str]:
    """Path -> digest of a configured model's folder and LoRAs, where they are local."""
    models = settings.models
    one = models[model if model in models else next(iter(models))]
    return _weights_of(one, digests)


def made_by(
    stage: Stage, settings: Any, arguments: Mapping[str, Any], code: str, digests: Digests
) -> Made:
    """What a command is about to make something by. Raises UserError where an input is missing."""
    inputs = {}
    for path in read(stage, arguments, settings):
        inputs[shown_path(path)] = digest_of(path, digests)
    if stage.loads_model and hasattr(settings, "models"):
        inputs |= weights_of(settings, arguments.get("model"), digests)
    return Made(stage.name, settings.model_dump(by_alias=True), code, inputs)


# Before and after a command


def refuse(outs: Sequence[Path], command: str, holds: Iterable[Path], signed: str = "") -> None:
    """Raises UserError unless a command may write all of `outs`, see `files.refuse_foreign`.

    signed: what stands in a text that this command wrote before there were manifests.
    """
    holds = list(holds)
    known = _recorded(outs[0]).get("files", {}) if outs else {}
    for number, out in enumerate(outs):
        along = number and out.is_file() and known.get(_beside(outs[0], out)) == digest_file(out)
        if not along and not (signed and _signed(outs, signed)):
            refuse_foreign(out, command, holds)
        refuse_foreign_manifest(out)


def _signed(outs: Sequence[Path], text: str) -> bool:
    try:
        return text in outs[0].read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False


def begin(outs: Sequence[Path]) -> None:
    """Say of outputs that were there and are gone that they are being made again, should that be
    interrupted: their old manifests are of something else.
    """
    for out in outs:
        if not out.exists() and manifest_path(out).exists():
            write_json(manifest_path(out), {UNFINISHED: True})


def record(outs: Sequence[Path], made: Made, within: Path | None = None) -> None:
    """Write what made `outs` into the manifest of the first one.

    within: the folder of another command that they were added to, which may replace it with them.
    """
    main, *others = outs
    if not main.exists():
        return
    if main.is_dir():
        write_listing(main, made.command)
    path = manifest_path(main)
    if not path.exists() or UNFINISHED in read_json(path):
        write_manifest(main, parameters={}, seconds=0.0)
    manifest = read_json(path)
    files = {_beside(main, out): digest_file(out) for out in others if out.is_file()}
    said = {"sha256": digest_file(main), "made": asdict(made) | {"files": files}}
    write_json(path, {**manifest, **said})
    if within is not None:
        add_to_listing(within, [*outs, *map(manifest_path, outs)])


def _beside(main: Path, out: Path) -> str:
    return out.relative_to(main.parent).as_posix() if out.is_relative_to(main.parent) else str(out)


def _recorded(main: Path) -> dict[str, Any]:
    """What stands in the manifest of an output on what made it; empty where nothing does."""
    try:
        return dict(json.loads(manifest_path(main).read_text(encoding="utf-8"))["made"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}


# At the start of a run


def changed(main: Path, now: Made, digests: Digests) -> str | None:
    """Why an output is not what a command would make now, in words, or None where it is.

    now: its command, settings, code and weights; the other inputs are those that the record names.
    """
    record = _recorded(main)
    if not record:
        return "by what no manifest says" if main.exists() else None
    different = now.change(record)
    if different:
        return different
    if not main.exists():
        return "and is gone"
    for name, digest in record.get("inputs", {}).items():
        current = now.inputs.get(name)
        if current is None:
            path = Path(name)
            if not path.exists():
                continue  # Snakemake makes it, or says that it is missing
            current = digest_of(path, digests)
        if current != digest:
            return f"from another {name}"
    new = sorted(now.inputs.keys() - record.get("inputs", {}).keys())
    return f"without {new[0]}" if new else None


def made_otherwise(main: Path, resolved: Mapping[str, Any]) -> str | None:
    """The fields of a resolved configuration in which an output, or anything that it was made from,
    has other settings, in words; None where all agree, or nothing is said.
    """
    waiting, seen = [main], set()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        made = _recorded(path)
        waiting += map(Path, made.get("inputs", {}))
        for section, old in made.get("settings", {}).items():
            new = resolved.get(section)
            if section == "models" and isinstance(new, Mapping):
                new = {name: new[name] for name in old if name in new}  # a job is told of some
            fields = list(differing(old, plain(new), section))
            if fields:
                return ", ".join(fields[:2])
    return None


def differing(old: Any, new: Any, place: str = "") -> Iterator[str]:
    """The fields in which two sets of settings differ, such as `sampler.steps 6, now 8`."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in dict.fromkeys([*old, *new]):
            field = f"{place}.{name}" if place else str(name)
            yield from differing(old.get(name, MISSING), new.get(name, MISSING), field)
    elif old != new:
        before, after = ("missing" if one is MISSING else _short(one) for one in (old, new))
        yield f"{place or 'all'} {before}, now {after}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:37]}..."
