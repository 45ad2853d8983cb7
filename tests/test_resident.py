"""A process that keeps the model between jobs: the same results, and nothing left of what dies."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from PIL import Image
from standin import config_of

from chain_of_steps import cli, resident
from chain_of_steps.files import MANIFEST_SUFFIX, read_json, write_json
from chain_of_steps.models.kept import KEPT, Kept
from chain_of_steps.pocket.training import save_pipeline
from chain_of_steps.settings.base import RESOLVED
from chain_of_steps.study.config import check_config

SIZES = [(64, 48), (48, 64), (80, 80)]
PROMPT = "Move the red square to the right."
# serves as `python -m chain_of_steps.resident` does, and tells what it loads
COUNTING = """\
import os, socket, sys
from pathlib import Path
from chain_of_steps import cli, resident
from chain_of_steps.models import adapters
load = adapters._load
def counted(settings, name, codec_alone):
    with open("loads", "a") as file:
        print(os.getpid(), name, codec_alone, file=file)
    return load(settings, name, codec_alone)
adapters._load = counted
resident.serve(socket.socket(fileno=int(sys.argv[1])), Path(sys.argv[2]), 60.0, cli.main)
"""
# the same with a command of its own, which does what its first word says
TOY = """\
import os, socket, sys, time
from pathlib import Path
from chain_of_steps import resident
def main(words):
    print("did", *words, os.getpid(), flush=True)
    if words[0] == "sleep":
        time.sleep(60)
    if words[0] == "raise":
        raise KeyError("of the job")
    if words[0] == "exit":
        sys.exit(2)
    return int(words[0] == "fail")
idle, leader = float(sys.argv[3]), int(sys.argv[4])
resident.serve(socket.socket(fileno=int(sys.argv[1])), Path(sys.argv[2]), idle, main, leader)
"""
COMMAND = """\
import sys
from chain_of_steps.resident import handed_over
sys.exit(handed_over(sys.argv[1:], 60.0))
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder, and a folder for sockets whose name is short enough for one."""
    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        monkeypatch.setenv("TMPDIR", short)
        monkeypatch.setattr(tempfile, "tempdir", short)
        monkeypatch.chdir(tmp_path)
        yield resident.private_folder()
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if any(word.startswith(short) for word in process.cmdline()):
                    process.kill()


def start(code: str, idle: float = 60.0, leader: int = 0) -> subprocess.Popen:
    """A process that serves commands of this one's kind."""
    path = resident.private_folder() / f"{resident.kind()}-0.socket"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        words = map(str, (listener.fileno(), path, idle, leader))
        call = [sys.executable, "-c", code, *words]
        return subprocess.Popen(call, pass_fds=[listener.fileno()], start_new_session=True)


def command(*words: str) -> subprocess.Popen:
    call = [sys.executable, "-c", COMMAND, *words]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(call, **pipes)


def cos(*words: object) -> int:
    return cli.main([str(word) for word in words])


def write_config(place: Path, own: Path, **processes) -> None:
    config = config_of(own, experiments=["videos"], video={"frames": 17, "area": 6400})
    config["cases"] = {"source": "folder", "path": str(own), "tasks": None}
    config["execution"] = {"shard": 1, "batch": 2}
    config["seeds"] = [0, 1]
    config["processes"] = processes
    write_json(place, {RESOLVED: True, **check_config(config).resolved()})


def results(config: str) -> dict[str, object]:
    """What three shards of other shapes give, sampled and then written as videos."""
    root = Path("work")
    assert cos("cases", "--config", config, "--out", root / "cases") == 0
    given = ("--config", config, "--model", "pocket", "--cases", root / "cases")
    for shard in range(len(SIZES)):
        path = root / f"{shard}.safetensors"
        assert cos("sample", *given, "--shard", shard, "--out", path) == 0
        videos = root / f"videos/clean-{shard}.csv"
        assert cos("videos", *given, "--trajectory", path, "--out", videos) == 0
    found = {}
    for path in filter(Path.is_file, sorted(root.rglob("*"))):
        manifest = path.name.endswith(MANIFEST_SUFFIX)
        found[path.as_posix()] = read_json(path) if manifest else path.read_bytes()
        if manifest:
            found[path.as_posix()].pop("seconds", None)
    return found


def test_jobs_of_any_shape_share_a_model_and_give_the_same_files(folder, build_pocket, capfd):
    save_pipeline(build_pocket([PROMPT]), Path("model"))
    own = Path("own")
    own.mkdir()
    for number, size in enumerate(SIZES):
        Image.new("RGB", size, (200, 40 * number, 0)).save(own / f"{number}.png")
        (own / f"{number}.txt").write_text(PROMPT)
    write_config(Path("plain.json"), own)
    write_config(Path("resident.json"), own, resident=True)
    alone = results("plain.json")
    assert sum(name.endswith("safetensors") for name in alone) == 3
    assert sum(name.endswith("mp4") for name in alone) == 3 * 2 * (1 + 2)  # and of each step
    shutil.rmtree("work")
    capfd.readouterr()
    process = start(COUNTING)
    assert results("resident.json") == alone
    # once for samples of three shapes; their videos take the codec of the same model
    assert Path("loads").read_text() == f"{process.pid} pocket False\n"
    said = capfd.readouterr()
    assert said.out.count("2 runs, ") == 3
    # what a job refuses is said where it was asked for
    given = ("--config", "resident.json", "--model", "pocket", "--cases", "work/cases")
    assert cos("sample", *given, "--shard", 7, "--out", "x.safetensors") == 1
    assert "shard is 7" in capfd.readouterr().err
    # after that it has ended, and the next job starts another
    assert process.wait(30) == 0
    assert cos("sample", *given, "--shard", 0, "--out", "y.safetensors") == 0
    assert Path("y.safetensors").read_bytes() == alone["work/0.safetensors"]
    assert len(Path("loads").read_text().splitlines()) == 1
    assert len(list(folder.glob("*.socket"))) == 1


def test_a_new_process_takes_a_command_and_its_output(folder):
    start(TOY)
    first, second = (command("ok", word).communicate(timeout=60) for word in "ab")
    assert first[0].split()[:3] == ["did", "ok", "a"]
    assert first[0].split()[3] == second[0].split()[3]  # one process did both


@pytest.mark.parametrize(
    ("word", "status", "said"), [("fail", 1, ""), ("raise", 1, "KeyError"), ("exit", 2, "")]
)
def test_a_command_that_fails_fails_alone_and_its_process_ends(folder, word, status, said):
    process = start(TOY)
    failed = command(word)
    assert said in failed.communicate(timeout=60)[1]
    assert failed.returncode == status
    assert process.wait(30) == 0
    assert not list(folder.glob("*.socket"))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_work_ends_with_the_command_that_asked_for_it(folder, number):
    process, asked = start(TOY), command("sleep")
    assert asked.stdout.readline().startswith("did sleep")
    asked.send_signal(number)
    assert process.wait(10) == 1


def test_a_command_fails_if_its_process_is_killed(folder):
    process, asked = start(TOY), command("sleep")
    assert asked.stdout.readline().startswith("did sleep")
    process.kill()
    assert "ended before its job did" in asked.communicate(timeout=10)[1]
    assert asked.returncode == 1
    process.wait()
    left = next(folder.glob("*.socket"))
    # the next command meets what is left of it, and starts another
    assert resident._connected(left) is None
    assert not list(folder.iterdir())


def test_two_commands_at_once_have_two_processes(folder, monkeypatch):
    start(TOY)
    busy = command("sleep")
    assert busy.stdout.readline().startswith("did sleep")
    started = []
    monkeypatch.setattr(resident, "_started", lambda path, idle: started.append(path))
    assert resident.handed_over(["ok"], 60.0) is None
    assert len(started) == 1
    busy.kill()


def test_a_process_that_nobody_needs_ends(folder):
    process = start(TOY, idle=0.5)
    assert process.wait(30) == 0
    assert not list(folder.iterdir())


def test_a_process_ends_when_another_job_waits_for_its_gpu(folder, monkeypatch):
    code = TOY.replace("idle, leader =", "resident.wanted = Path('wanted').exists\nidle, leader =")
    process = start(code)
    assert command("ok").wait(60) == 0
    assert process.poll() is None
    Path("wanted").touch()
    assert process.wait(10) == 0


def test_a_process_ends_with_its_allocation(folder, monkeypatch):
    with subprocess.Popen(["sleep", "60"]) as allocation:
        process = start(TOY, leader=allocation.pid)
        assert command("ok").wait(60) == 0
        assert process.poll() is None
        allocation.kill()
    assert process.wait(10) == 0
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    assert resident._leader() == 0
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    assert resident._leader() == os.getsid(0)


def test_an_edited_source_another_folder_or_variable_makes_another_kind(tmp_path, monkeypatch):
    source = tmp_path / "package/a.py"
    source.parent.mkdir()
    source.write_text("a = 1")
    monkeypatch.setattr(resident, "PACKAGE", source.parent)
    kinds = [resident.kind(), resident.kind()]
    assert len(set(kinds)) == 1
    source.write_text("a = 2")
    os.utime(source, (time.time() + 5,) * 2)
    kinds.append(resident.kind())
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    kinds.append(resident.kind())
    monkeypatch.chdir(tmp_path)
    kinds.append(resident.kind())
    assert len(set(kinds)) == 4


def test_a_folder_that_others_can_reach_is_not_used(folder):
    folder.chmod(0o755)
    assert resident.handed_over(["ok"], 60.0) is None  # the command does its work itself


class Model:
    forgotten = 0

    def forget(self):
        self.forgotten += 1


def test_one_model_is_kept_and_a_whole_one_serves_for_its_codec():
    kept, loads = Kept(), []

    def load():
        loads.append(Model())
        return loads[-1]

    codec = kept.get("a", False, load)
    whole = kept.get("a", True, load)
    assert [codec, whole] == loads
    assert kept.get("a", False, load) is kept.get("a", True, load) is whole
    assert whole.forgotten == 2
    other = kept.get("b", True, load)
    assert kept.get("a", True, load) is not whole
    assert other is loads[2]
    assert len(loads) == 4
    assert KEPT.get() is None
