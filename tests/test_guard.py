"""One run at a time: another is refused, and what a dead one left is ended and swept."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
import smoke as helper

from chain_of_steps import guard
from chain_of_steps.errors import UserError
from chain_of_steps.files import atomic_path

HOLD = "import sys, time; from pathlib import Path; from chain_of_steps import guard\n"
HOLD += "guard.hold(Path(sys.argv[1]))\n"
WORK = HOLD + (
    "import subprocess\n"
    "job = subprocess.Popen(['sh', '-c', 'sleep 600 & sleep 600'], start_new_session=True)\n"
    "print(job.pid, flush=True); time.sleep(600)\n"
)


def run(program: str, *arguments) -> subprocess.Popen:
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_a_second_run_of_the_study_is_refused_while_the_first_lives(tmp_path):
    lock = tmp_path / "results/.run.lock"
    first = run(WORK, lock)
    first.stdout.readline()
    with pytest.raises(UserError, match=rf"at work \(process {first.pid} on .*wait for it"):
        guard.hold(lock)
    first.kill()
    first.wait()


def test_what_a_killed_run_started_ends_with_it(tmp_path):
    lock = tmp_path / ".run.lock"
    first = run(WORK, lock)
    job = psutil.Process(int(first.stdout.readline()))
    children = [job, *job.children()]
    assert all(process.is_running() for process in children)
    first.kill()
    first.wait()
    helper.wait_until(lambda: not guard.leftovers(lock), seconds=20)
    _, alive = psutil.wait_procs(children, timeout=5)
    assert alive == []


def test_the_next_run_ends_what_the_watch_could_not(tmp_path):
    lock = tmp_path / ".run.lock"
    first = run(WORK, lock)
    job = int(first.stdout.readline())
    watch = [process for process in guard.leftovers(lock) if "guard" in " ".join(process.cmdline())]
    for process in watch:
        process.kill()
    assert watch
    first.kill()
    first.wait()
    time.sleep(0.5)
    assert job in [process.pid for process in guard.leftovers(lock)]
    second = run(HOLD + "print(guard.leftovers(Path(sys.argv[1])), flush=True)", lock)
    assert "sleep" not in second.communicate()[0]
    assert second.returncode == 0
    assert not psutil.pid_exists(job) or psutil.Process(job).status() == psutil.STATUS_ZOMBIE


def test_a_run_that_ended_well_leaves_the_way_free(tmp_path):
    lock = tmp_path / ".run.lock"
    for _ in range(2):
        first = run(HOLD, lock)
        assert first.wait() == 0
    helper.wait_until(lambda: not guard.leftovers(lock), seconds=20)


def test_sweep_removes_only_what_a_killed_writer_left(tmp_path):
    for name in ("0.safetensors", "cases"):
        writer = os.fork()
        if writer == 0:
            with atomic_path(tmp_path / "results" / name) as temporary:
                temporary.mkdir() if name == "cases" else temporary.write_text("half")
                os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(writer, 0)
    (tmp_path / "results/.hidden.tmp.mine").write_text("kept")
    (tmp_path / "results/1.safetensors").write_text("kept")
    assert len(list((tmp_path / "results").iterdir())) == 4
    guard.sweep([tmp_path / "results", tmp_path / "absent"])
    kept = sorted(path.name for path in (tmp_path / "results").iterdir())
    assert kept == [".hidden.tmp.mine", "1.safetensors"]


def test_a_folder_that_cannot_be_written_is_named():
    with pytest.raises(UserError, match=r"cannot write /proc/nowhere/.run.lock: "):
        guard.hold(helper.Path("/proc/nowhere/.run.lock"))
