"""The command line `cos`: one subcommand a stage of a study.

Every stage reads the study's configuration and artifacts and writes artifacts. Units everywhere:
steps count from 0, sigma runs from 1 (noise) to 0 (data), NFE are transformer forward passes for
one video, frames are pixel frames unless called latent frames.
"""

from __future__ import annotations

import argparse
import errno
import io
import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from chain_of_steps import provenance
from chain_of_steps.errors import UserError
from chain_of_steps.files import CANNOT_WRITE, shown
from chain_of_steps.resident import handed_over
from chain_of_steps.settings.base import RESOLVED, View
from chain_of_steps.settings.processes import WithProcesses
from chain_of_steps.stage import Files, Folder, Stage, stage_modules, stage_of

_CANNOT_WRITE = (*CANNOT_WRITE, errno.EEXIST, errno.ENOTDIR, errno.EISDIR)
# names that commands had, and what is written instead
RENAMED = {
    "layers": "energy, swap, patching or ablation",
    "bench-references": "reference-videos",
    "bench-summary": "vbvr-summary",
}
INSTEAD = "instead"  # of a command's work, see `stage.Option`
_HELP = {
    "model": "name of a model in the configuration",
    "shard": "number of the shard of cases, from 0",
    "job": "number of the job, from 0",
    "out": "file or folder to write",
    "cases": "folder that `cos cases` wrote",
    "trajectory": "file that `cos sample` wrote",
    "trajectories": "folder of one model's trajectories",
    "readouts": "table of `cos read`, or several joined",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `cos`; returns the exit status. User errors become one sentence on stderr."""
    words = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):  # no name of a file ends in a traceback
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    arguments = vars(build_parser(words[:1]).parse_args(words))
    name, files = arguments.pop("command"), arguments.pop("config")
    instead = arguments.pop(INSTEAD, None)
    try:
        _refuse_surrogates(words)
        if instead is not None:
            instead()
            return 0
        stage = stage_of(name)
        resolved = resolved_by(files)
        settings = stage.view(resolved, arguments.get("model"))
        processes = WithProcesses.model_validate(resolved).processes
        if stage.loads_model and processes.resident:
            status = handed_over(words, processes.idle)
            if status is not None:
                return status
        carry_out(stage, settings, files, arguments)
        sys.stdout.flush()
    except UserError as error:
        print(f"cos {name}: {error}", file=sys.stderr)
        return 1
    except RuntimeError as error:
        if type(error).__name__ != "OutOfMemoryError":  # of torch, which is not imported here
            raise
        what = "write a smaller execution.batch, or execution.offload: model or group"
        print(f"cos {name}: the GPU has too little memory: {what}.", file=sys.stderr)
        return 1
    except BrokenPipeError:  # `cos plan | head`: nobody reads on, which is no fault
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.errno not in _CANNOT_WRITE:
            raise
        place = error.filename or "the output"
        print(f"cos {name}: cannot write {place}: {os.strerror(error.errno)}.", file=sys.stderr)
        return 1
    return 0


def _refuse_surrogates(words: Sequence[str]) -> None:
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError:
            raise UserError(f"{shown(word)} is no UTF-8: rename it.") from None


def carry_out(
    stage: Stage, settings: View, files: Sequence[Path], arguments: dict[str, Any]
) -> None:
    """Run a stage: refuse first what it may not replace, and write at last what made its outputs.

    files: those of the configuration, which are read as well. Raises UserError.
    """
    code = arguments.pop("code")
    run = import_module(stage_modules()[stage.name]).run
    outs = provenance.written(stage, arguments)
    if not outs:
        run(settings, **arguments)
        return
    holds = [*files, *provenance.given(stage, arguments)]
    holds += stage.watches(settings) if stage.watches is not None else []
    provenance.refuse(outs, stage.name, holds, stage.signed)
    made = provenance.made_by(stage, settings, arguments, code, provenance.Digests.of_results())
    provenance.begin(outs)
    run(settings, **arguments)
    out = arguments.get("out")
    provenance.record(outs, made, out if all(path.parent == out for path in outs) else None)


def resolved_by(files: Sequence[Path]) -> dict[str, Any]:
    """The configuration that some files are, with all defaults.

    A file that the workflow wrote is checked already and holds everything: of it, the sections that
    a stage reads alone are looked at, so that a job needs no code of sections that it does not.
    """
    resolved = resolved_file(files[0]) if len(files) == 1 else None
    if resolved is None:
        # by its name, as it is no part of what a job of the workflow does
        resolved = import_module("chain_of_steps.study.config").load_config(files).resolved()
    return resolved


def resolved_file(path: Path) -> dict[str, Any] | None:
    """The content of a configuration that the workflow wrote, or None for any other file."""
    if path.suffix != ".json" or not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return None
    if not isinstance(content, dict) or content.pop(RESOLVED, None) is not True:
        return None
    return content


def build_parser(names: Iterable[str] = ()) -> argparse.ArgumentParser:
    """The parser of the stages `names`, or of all where one of them is none or there are none."""
    parser = argparse.ArgumentParser(
        prog="cos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--version", action="version", version=f"chain_of_steps {version('chain_of_steps')}"
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="STAGE")
    names = list(names)
    known = stage_modules()
    for old, new in RENAMED.items():
        if old in names:
            parser.error(f"{old} is called {new} now: write cos {new}.")
    for name in names if names and known.keys() >= set(names) else known:
        _add(commands, stage_of(name))
    return parser


class _Instead(argparse.Action):
    """An option that says what is done in place of a command's work, and asks for nothing else."""

    def __init__(self, *, work: Callable[[Any], None], **about: Any) -> None:
        super().__init__(**about, default=argparse.SUPPRESS)
        self.work = work

    def __call__(self, parser: Any, namespace: Any, values: Any, name: str | None = None) -> None:
        setattr(namespace, self.dest, partial(self.work, values))
        for other in parser._actions:
            other.required = False


def _add(commands: Any, stage: Stage) -> None:
    """The subcommand of a stage; its options follow from what it takes, makes and asks."""
    command = commands.add_parser(stage.name, help=stage.text, description=stage.text)
    command.add_argument(
        "--config",
        "--configfile",  # as snakemake calls it
        type=Path,
        nargs="+",
        default=[Path("config.yaml")],
        metavar="FILE",
        help="configuration; later files are laid over earlier ones (default: config.yaml)",
    )
    for name in stage.asks:
        kind = {"type": int} if name in ("shard", "job") else {"choices": stage.names.get(name)}
        command.add_argument(f"--{name}", required=True, help=_help(name), **kind)
    for name, artifact in {**stage.takes, **stage.makes}.items():
        needed = getattr(artifact, "when", None) is None
        if name in stage.takes and stage.gathers(artifact) and not isinstance(artifact, Files):
            help, many = f"such as {artifact.place}", "+" if needed else "*"
            command.add_argument(name, type=Path, nargs=many, metavar=name.upper(), help=help)
            continue
        whole = isinstance(artifact, Files | Folder)
        text = _help(name, f"{'folder' if whole else 'file'}, such as {artifact.places[0]}")
        command.add_argument(f"--{name}", type=Path, required=needed, help=text)
    for option in stage.options:
        if option.instead is None:
            command.add_argument(option.name, **option.about)
        else:
            command.add_argument(
                option.name, action=_Instead, work=option.instead, dest=INSTEAD, **option.about
            )
    # digest of the code, which the workflow has at hand
    command.add_argument("--code", default="", help=argparse.SUPPRESS)


def _help(name: str, text: str = "") -> str:
    return _HELP.get(name) or text or f"which {name}"


if __name__ == "__main__":
    sys.exit(main())
