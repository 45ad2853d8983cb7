"""One run at a time: another is refused, and what a dead one left is ended and swept."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
import smoke as helper
import torch

from chain_of_steps import guard
from chain_of_steps.artifacts import load_tensors, save_tensors
from chain_of_steps.errors import UserError
from chain_of_steps.files import atomic_path, read_json, write_json
from chain_of_steps.models.files import Digests

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


def test_a_link_is_swept_and_not_what_it_leads_to(tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes").write_text("mine")
    (tmp_path / "results/.0123abcd.tmp.x").symlink_to(tmp_path / "mine")
    guard.sweep([tmp_path / "results"])
    assert not list((tmp_path / "results").iterdir())
    assert (tmp_path / "mine/notes").read_text() == "mine"


def test_nothing_is_ended_that_another_study_or_the_user_started(tmp_path):
    """A process of another run, and one that carries no mark, live on when a lock is taken."""
    environments = [{guard.MARK: str(tmp_path / "other/.run.lock")}, {}, {guard.MARK: ""}]
    others = [
        subprocess.Popen(["sleep", "600"], env={**os.environ, **environment})
        for environment in environments
    ]
    first = run(HOLD, tmp_path / ".run.lock")
    assert first.wait() == 0
    helper.wait_until(lambda: not guard.leftovers(tmp_path / ".run.lock"), seconds=20)
    assert [process.poll() for process in others] == [None, None, None]
    for process in others:
        process.kill()
        process.wait()


SQUEUE = """\
#!/bin/sh
echo "1|chain_of_steps_x|{here}"
echo "2|chain_of_steps_y|/elsewhere"
echo "3|mine|{here}"
"""


@pytest.mark.parametrize(("prefix", "told"), [("chain_of_steps", "scancel 1`"), ("", "1 3`")])
def test_live_jobs_of_an_earlier_run_are_named(tmp_path, monkeypatch, prefix, told):
    (tmp_path / "squeue").write_text(SQUEUE.format(here=tmp_path))
    (tmp_path / "squeue").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(UserError, match="an earlier run died, but") as error:
        guard.refuse_live_jobs(prefix, tmp_path)
    assert told in str(error.value)
    guard.refuse_live_jobs("other", tmp_path)
    (tmp_path / "squeue").write_text("#!/bin/sh\necho no controller >&2\nexit 1\n")
    with pytest.raises(UserError, match=r"cannot ask SLURM .*no controller"):
        guard.refuse_live_jobs(prefix, tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")
def test_two_users_of_a_group_run_a_study_in_turn(tmp_path, monkeypatch):
    """A checkout that a group shares: what one wrote under its umask, the other takes up."""
    monkeypatch.setattr(guard, "_watch", lambda lock: None)  # Python may lie in root's home
    shared = tmp_path / "shared"
    shared.mkdir()
    for path in (shared, *shared.parents):
        if path.is_relative_to("/tmp") and path != path.parent:
            path.chmod(path.stat().st_mode | 0o055)
    os.chown(shared, -1, 4242)
    shared.chmod(0o2775)
    for user in (4301, 4302):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                os.setgroups([4242])
                os.setgid(4242)
                os.setuid(user)
                os.umask(0o002)
                write_as_member(shared / "results")
                status = 0
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0, user
    assert read_json(shared / "results/a.json") == {"by": 4302}


def write_as_member(results) -> None:
    os.close(guard.hold(results / ".run.lock"))
    if (results / "a.json").exists():
        assert load_tensors(results / "a.safetensors")[0]["a"].tolist() == [4301.0, 4301.0]
    write_json(results / "a.json", {"by": os.getuid()})
    save_tensors(results / "a.safetensors", {"a": torch.full((2,), float(os.getuid()))})
    with atomic_path(results / "folder", "make") as folder:
        folder.mkdir()
        (folder / "x").write_text("x")
    Digests(results / ".digests.json").of(results / "folder/x")


def test_a_folder_that_cannot_be_written_is_named():
    with pytest.raises(UserError, match=r"cannot write /proc/nowhere/.run.lock: "):
        guard.hold(helper.Path("/proc/nowhere/.run.lock"))
