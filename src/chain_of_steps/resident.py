"""A process that stays from one job to the next and keeps the model that it has loaded.

A command that loads a model hands its words to such a process, and its own output to write to,
waits, and ends as the work does: Snakemake, logs, manifests and provenance see no difference. A
command finds a free process of its own kind, or starts one, which holds a GPU as any job does.

Of one kind is what has the same code, folder and environment, so an edited source or another
study gets another process. A process ends when it was idle for long, when another job waits for
its GPU, when its command was killed, or after a command that failed; a run that ends, or is killed,
ends those that it has started, see `guard`. Whoever waits for it notices its end. Cheap to import.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from chain_of_steps.files import digest_json
from chain_of_steps.gpus import wanted
from chain_of_steps.models.kept import KEPT, Kept, release

PACKAGE = Path(__file__).resolve().parent
BEGUN = b"+"  # said before a job begins; until then another process may do it as well
POLL = 0.2  # seconds
# what differs between commands without making a difference
_PASSING = {"_", "SHLVL", "OLDPWD", "LINES", "COLUMNS", "LC_CTYPE"}
_SOCKET, _LOCK = ".socket", ".lock"


# The command


def handed_over(words: Sequence[str], idle: float) -> int | None:
    """The exit status of a command that a resident process has carried out.

    None where there can be none, and the command has to do its work itself: in such a process, or
    where no socket can be made. idle: seconds, of a process that has to be started.
    """
    if KEPT.get() is not None:
        return None
    try:
        folder, mine = private_folder(), kind()
        for path in sorted(folder.glob(f"{mine}-*{_SOCKET}")):
            with _taken(path) as free:
                status = _status(_connected(path), words) if free else None
            if status is not None:
                return status
        path = folder / f"{mine}-{secrets.token_hex(4)}{_SOCKET}"
        with _taken(path):
            return _status(_started(path, idle), words)
    except OSError:  # no such folder, or too long a name of it
        return None


def private_folder() -> Path:
    """Where this user's sockets lie. Raises OSError where others could reach them."""
    folder = Path(tempfile.gettempdir()) / f"chain_of_steps-resident-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(f"{folder} is not this user's alone")
    return folder


def kind() -> str:
    """What a resident process must share with a command that it serves, in 16 hex digits."""
    code = []
    for path in sorted(PACKAGE.rglob("*")):
        if path.is_file() and path.parent.name != "__pycache__":
            stat = path.stat()
            code.append([path.as_posix(), stat.st_size, stat.st_mtime_ns])
    variables = {name: value for name, value in os.environ.items() if name not in _PASSING}
    return digest_json([sys.executable, str(Path.cwd()), code, variables])[:16]


@contextmanager
def _taken(path: Path) -> Iterator[bool]:
    """Whether no other command uses the process of a socket; none does while this lasts."""
    with path.with_suffix(_LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def _connected(path: Path) -> socket.socket | None:
    """A connection to a process that is there; what a dead one has left is removed."""
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(str(path))
    except OSError:
        connection.close()
        _remove(path)
        return None
    return connection


def _started(path: Path, idle: float) -> socket.socket:
    """A connection to a new process, which starts with this one's output, for what it says then."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        connection = _connected(path)
        words = map(str, (listener.fileno(), path, idle, _leader()))
        subprocess.Popen(
            [sys.executable, "-m", "chain_of_steps.resident", *words],
            pass_fds=[listener.fileno()],
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C ends the command, and by that its work
        )
    return connection


def _leader() -> int:
    """The process whose end says that an allocation is given back, 0 outside of one.

    There no run may end what it has not started, see `guard`.
    """
    return os.getsid(0) if "SLURM_JOB_ID" in os.environ else 0


def _status(connection: socket.socket | None, words: Sequence[str]) -> int | None:
    """What a process answers; None where it has not begun, as it was about to end."""
    if connection is None:
        return None
    with connection:
        begun, answer = False, b""
        try:
            socket.send_fds(connection, [b"\n"], [1, 2])
            connection.sendall(json.dumps(list(words)).encode() + b"\n")
            begun = connection.recv(1) == BEGUN
            while part := connection.recv(16):
                answer += part
        except (ConnectionResetError, BrokenPipeError):
            pass
    if not begun:
        return None
    if not answer:
        print(
            "cos: the resident process ended before its job did, killed or without memory: the "
            "job has to run again.",
            file=sys.stderr,
        )
        return 1
    return int(answer)


# The process


def serve(
    listener: socket.socket,
    path: Path,
    idle: float,
    main: Callable[[list[str]], int],
    leader: int = 0,
) -> None:
    """Carry out the commands that come, one after the other, until there is a reason to end."""
    KEPT.set(Kept())
    _write_to(null := os.open(os.devnull, os.O_RDWR), null)
    listener.settimeout(POLL)
    end = time.monotonic() + idle
    while time.monotonic() < end and not wanted() and (not leader or psutil.pid_exists(leader)):
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            continue
        status = _carried_out(connection, main)
        _write_to(null, null)
        if status != 0:  # it may have left anything behind
            _remove(path)
        with suppress(BrokenPipeError):
            connection.sendall(str(status).encode())
        if status != 0:
            os._exit(0)  # so that the connection ends with all else, and the GPU is free
        connection.close()
        release()
        end = time.monotonic() + idle
    _remove(path)


def _carried_out(connection: socket.socket, main: Callable[[list[str]], int]) -> int:
    """The exit status of the command that a connection asks for, which writes to its output."""
    _, outputs, _, _ = socket.recv_fds(connection, 1, 2)
    line = bytearray()
    while not line.endswith(b"\n"):
        part = connection.recv(65536)
        if not part:
            return 1  # nobody asks any more
        line += part
    connection.sendall(BEGUN)
    _write_to(*outputs)
    for output in outputs:
        os.close(output)
    done = threading.Event()
    threading.Thread(target=_end_with, args=(connection, done), daemon=True).start()
    try:
        return main(json.loads(line))
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else 1
    except BaseException:  # as the interpreter would say it
        traceback.print_exc()
        return 1
    finally:
        done.set()
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):
                stream.flush()


def _end_with(connection: socket.socket, done: threading.Event) -> None:
    """End this process at once if its command does before the work is done."""
    with suppress(ValueError, OSError):  # the connection is closed, as the work is done
        while not done.is_set():
            if select.select([connection], [], [], POLL)[0] and not done.is_set():
                os._exit(1)


def _write_to(output: int, errors: int) -> None:
    os.dup2(output, 1)
    os.dup2(errors, 2)


def _remove(path: Path) -> None:
    for one in (path, path.with_suffix(_LOCK)):
        one.unlink(missing_ok=True)


if __name__ == "__main__":
    from chain_of_steps import cli, resident

    number, place, seconds, process = sys.argv[1:]
    resident.serve(
        socket.socket(fileno=int(number)), Path(place), float(seconds), cli.main, int(process)
    )
