"""`cos` and `papermill` of a tree as forks of one process that has imported what they need.

A job of a tiny model is the start of its program: four seconds, of which nothing is left so. What
runs is the same functions with the same arguments, in the environment and folder of their job. A
notebook is run cell by cell without a kernel of its own.

    python forked.py SOCKET             serves one connection after the other, each in a fork
    python forked.py SOCKET --recorded  for `cos` alone: has nothing of the package, so that a fork
                                        imports all that its job uses and leaves a record of it, see
                                        recorder/
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

PROGRAMS = ("cos", "papermill", "jupytext")
RECORDED = "--recorded"
CLIENT = """\
#!{python} -SI
import json, os, socket, sys
words = json.dumps([sys.argv, os.getcwd(), dict(os.environ)]).encode()
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    socket.send_fds(server, [len(words).to_bytes(8, "big")], [0, 1, 2])
    server.sendall(words)
    status = server.recv(1)
sys.exit(status[0] if status else 1)
"""


@contextlib.contextmanager
def programs(tree: Path, environment: dict[str, str], *options: str) -> Iterator[None]:
    """Has the programs of a tree's bin/ forked while the block runs."""
    names = ("cos",) if RECORDED in options else PROGRAMS
    with tempfile.TemporaryDirectory() as folder:  # the name of a socket is short
        address = f"{folder}/socket"
        for program in (tree / "bin" / name for name in names):
            if program.exists():
                program.rename(f"{program}-itself")
            program.write_text(CLIENT.format(python=sys.executable, address=address))
            program.chmod(0o755)
        server = subprocess.Popen(
            [sys.executable, __file__, address, *options],
            cwd=tree,
            env={**environment, "MPLBACKEND": "agg"},
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            assert server.stdout.readline() == b"ready\n"
            yield
        finally:
            os.killpg(server.pid, signal.SIGKILL)
            server.communicate()
            for name in names:
                itself = tree / f"bin/{name}-itself"
                if itself.exists():
                    itself.rename(tree / "bin" / name)


def serve(address: str, recorded: bool) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen(16)
        print("ready", flush=True)
        while True:
            client, _ = listening.accept()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                status = answer(client)
                if recorded:
                    import_module("sitecustomize").write()
                client.send(bytes([status]))
                os._exit(0)
            client.close()


def answer(client: socket.socket) -> int:
    """Carries out one call; returns its exit status."""
    length, files, _, _ = socket.recv_fds(client, 8, 3)
    with client.makefile("rb") as words:
        argv, folder, environment = json.loads(words.read(int.from_bytes(length, "big")))
    for number, (name, file) in enumerate(zip(("stdin", "stdout", "stderr"), files, strict=True)):
        os.dup2(file, number)
        setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False))
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = argv
    try:
        status = {"cos": cos, "papermill": papermill, "jupytext": jupytext}[Path(argv[0]).name]()
    except SystemExit as end:
        status = end.code or 0
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return status if isinstance(status, int) else 1


def cos() -> int:
    from chain_of_steps import cli

    return cli.main()


def jupytext() -> int:
    from jupytext.cli import jupytext as main

    return main(sys.argv[1:]) or 0


def papermill() -> int:
    """`papermill - OUT ... -p NAME VALUE ...` with the notebook on standard input."""
    words, notebook = sys.argv, json.load(sys.stdin)
    given = {words[n + 1]: words[n + 2] for n, word in enumerate(words) if word == "-p"}
    names = {"__name__": "__main__"}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
            if "parameters" in cell["metadata"].get("tags", ()):
                names.update(given)
    Path(words[2]).write_text(json.dumps(notebook))
    return 0


def prepare(recorded: bool) -> None:
    """Imports what jobs take seconds for."""
    torch = import_module("torch")
    torch.set_num_threads(1)
    for name in ("matplotlib.pyplot", "pandas", "seaborn"):
        import_module(name)
    classes = {"transformers": ("UMT5EncoderModel", "T5EncoderModel", "CLIPVisionModel")}
    if recorded:
        classes["diffusers"] = ("WanTransformer3DModel", "AutoencoderKLWan", "WanPipeline")
    else:
        import_module("jupytext.cli")
        for module in import_module("chain_of_steps.stage").stage_modules().values():
            import_module(module)
        classes["diffusers"] = import_module("chain_of_steps.models.adapters").BUILT_IN
    for package, names in classes.items():
        for name in names:
            getattr(import_module(package), name)


if __name__ == "__main__":
    recorded = RECORDED in sys.argv
    prepare(recorded)
    serve(sys.argv[1], recorded)
