"""One run of a study at a time, and nothing left over from a run that died.

A run holds a lock that the kernel releases with its process, however that ends, and marks its
processes through an environment variable, which they inherit. Whoever gets the lock next knows
that marked processes and temporary files belong to a dead run. Importing this module is cheap.
"""

from __future__ import annotations

import fcntl
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

from chain_of_steps.errors import UserError

MARK = "CHAIN_OF_STEPS_RUN"  # environment variable: the lock file of the run
_TEMPORARY = re.compile(r"\.[0-9a-f]{8}\.tmp\..*")  # as artifacts.atomic_path names them


def hold(lock: Path) -> int:
    """Take the lock of a study until this process ends; returns its file descriptor.

    What a dead run left working on this machine is ended, and will be as soon as this process
    ends. Processes started from now on carry the mark. Raises UserError while another run holds
    the lock, or where there can be none.
    """
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)  # less the umask, for a group
    except OSError as error:
        raise UserError(f"cannot write {lock}: {error.strerror}.") from None
    try:
        _lock(descriptor)
    except BlockingIOError:
        holder = os.read(descriptor, 200).decode(errors="replace").strip()
        os.close(descriptor)
        raise UserError(
            f"another run of this study is at work ({holder}): wait for it, or end it first."
        ) from None
    except OSError as error:
        os.close(descriptor)
        raise UserError(
            f"{lock} cannot be locked ({error.strerror}): take `nolock` out of the profile, and"
            " write `snakemake --unlock` after a crash."
        ) from None
    end_leftovers(lock)
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"process {os.getpid()} on {platform.node()}\n".encode())
    os.environ[MARK] = str(lock.resolve())
    _watch(lock)
    return descriptor


def _lock(descriptor: int, patience: float = 3.0) -> None:
    """Lock a file, waiting `patience` seconds at most: the watch of a dead run has it briefly."""
    end = time.monotonic() + patience
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def _watch(lock: Path) -> None:
    """A process that waits for the lock and then ends what is left: nothing outlives a kill -9."""
    subprocess.Popen(
        [sys.executable, "-m", "chain_of_steps.guard", str(lock)],
        start_new_session=True,  # or Ctrl-C in a terminal would end it too
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def leftovers(lock: Path) -> list[psutil.Process]:
    """Processes on this machine that carry the mark of `lock`, without jobs of a cluster."""
    found = []
    for process in psutil.process_iter():
        try:
            environment = process.environ()
        except (psutil.Error, OSError):  # of another user, or just gone
            continue
        marked = environment.get(MARK) == str(lock.resolve())
        if marked and "SLURM_JOB_ID" not in environment and process.pid != os.getpid():
            found.append(process)
    return found


def end_leftovers(lock: Path) -> None:
    """Kill what carries the mark, until nothing does. Call it with the lock held."""
    while found := leftovers(lock):
        for process in found:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(found, timeout=5)


def sweep(folders: Iterable[Path]) -> None:
    """Remove the temporary files that killed writers left in `folders`."""
    for folder in folders:
        for path in [path for path in folder.rglob(".*") if _TEMPORARY.fullmatch(path.name)]:
            real = path.is_dir() and not path.is_symlink()
            shutil.rmtree(path) if real else path.unlink(missing_ok=True)


def refuse_live_jobs(prefix: str, folder: Path) -> None:
    """Raise UserError if SLURM still has jobs that a run in `folder` submitted.

    prefix: what the names of its jobs start with, before an underscore; "" takes any job from
    there. A run cannot take up the jobs of another one, and would submit them a second time.
    """
    command = ["squeue", "--noheader", "--format=%i|%j|%Z"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        reason = (getattr(error, "stderr", None) or str(error)).strip().splitlines()[-1]
        raise UserError(
            f"cannot ask SLURM for live jobs of an earlier run ({reason}): start the run where"
            " squeue works."
        ) from None
    jobs = [line.split("|", 2) for line in done.stdout.splitlines()]
    mine = [
        job
        for job, name, place in jobs
        if name.startswith(prefix and f"{prefix}_") and Path(place).resolve() == folder.resolve()
    ]
    if mine:
        raise UserError(
            f"an earlier run died, but {len(mine)} of its SLURM jobs are still queued or running:"
            f" wait until they are done, so that their work counts, or end them with `scancel"
            f" {' '.join(mine)}`, and run again."
        )


if __name__ == "__main__":
    fcntl.flock(os.open(sys.argv[1], os.O_RDWR), fcntl.LOCK_EX)
    end_leftovers(Path(sys.argv[1]))
