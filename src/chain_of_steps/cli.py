"""The command line `cos`: one subcommand a stage of a study.

Every stage reads the study's configuration and artifacts and writes artifacts. Units everywhere:
steps count from 0, sigma runs from 1 (noise) to 0 (data), NFE are transformer forward passes for
one video, frames are pixel frames unless called latent frames.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from chain_of_steps.commands import (
    behaviours,
    bench,
    ensemble,
    explorer,
    figures,
    layers,
    noise,
    own,
    pocket,
    trajectories,
)
from chain_of_steps.commands.common import OPTIONS
from chain_of_steps.errors import UserError
from chain_of_steps.files import CANNOT_WRITE

_CANNOT_WRITE = (*CANNOT_WRITE, errno.EEXIST, errno.ENOTDIR, errno.EISDIR)

# Stages import torch and diffusers, which takes seconds: each command imports its own.
_TOPICS = (own, trajectories, noise, behaviours, layers, ensemble, bench, figures, explorer, pocket)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `cos`; returns the exit status. User errors become one sentence on stderr."""
    arguments = build_parser().parse_args(argv)
    try:
        arguments.run(arguments)
    except UserError as error:
        print(f"cos {arguments.command}: {error}", file=sys.stderr)
        return 1
    except RuntimeError as error:
        if type(error).__name__ != "OutOfMemoryError":  # of torch, which is not imported here
            raise
        what = "write a smaller execution.batch, or execution.offload: model or group"
        print(f"cos {arguments.command}: the GPU has too little memory: {what}.", file=sys.stderr)
        return 1
    except OSError as error:
        if error.errno not in _CANNOT_WRITE:
            raise
        place = error.filename or "the output"
        print(
            f"cos {arguments.command}: cannot write {place}: {os.strerror(error.errno)}.",
            file=sys.stderr,
        )
        return 1
    return 0


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="STAGE")

    def stage(name: str, run, text: str, *options: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        command.add_argument(
            "--config",
            "--configfile",  # as snakemake calls it
            type=Path,
            nargs="+",
            default=[Path("config.yaml")],
            metavar="FILE",
            help="configuration; later files are laid over earlier ones (default: config.yaml)",
        )
        for option in options:
            command.add_argument(f"--{option}", **OPTIONS[option])
        return command

    for topic in _TOPICS:
        topic.add(stage)
    return parser


if __name__ == "__main__":
    sys.exit(main())
