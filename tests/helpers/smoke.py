"""The smoke study in a copy of the tree, run and interrupted from outside as a user would."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import yaml
from repository import ROOT

from chain_of_steps import guard

RECORDER = Path(__file__).with_name("recorder")
SMOKE = ("--configfile", "config/smoke.yaml")
# its first experiment alone, for tests that interrupt it often
SHORT = (*SMOKE, "--config", "experiments=[decision]")
RESULTS = Path("results/smoke")
# what must be equal, bit for bit, however often a study was interrupted
NUMBERS = {".csv", ".parquet", ".safetensors", ".png", ".mp4"}
# starts the real `cos`, unless one with the same arguments is at work: that is put on record
WRAPPER = """\
#!{python}
import fcntl, hashlib, os, sys
jobs = {jobs!r}
key = hashlib.sha256(" ".join(sys.argv[1:]).encode()).hexdigest()
lock = os.open(os.path.join(jobs, key), os.O_RDWR | os.O_CREAT)
os.write(lock, " ".join(sys.argv[1:]).encode())
os.set_inheritable(lock, True)
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    with open(os.path.join(jobs, "twice"), "a") as file:
        print(*sys.argv[1:], file=file)
    sys.exit("the same job is at work already")
os.execv({cos!r}, ["cos", *sys.argv[1:]])
"""


@dataclass(frozen=True)
class Study:
    """A tree in which the smoke study has run, its numbers then, and the records of its jobs."""

    tree: Path
    numbers: dict[str, bytes]
    jobs: list[dict]


def copy_tree(tree: Path) -> Path:
    """What the smoke study needs, with a `cos` that notices a job that runs twice at once."""
    tree.mkdir(parents=True)
    for name in ("src", "workflow", "config", "Snakefile", "config.yaml"):
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, tree / name)
    # two shards of cases in place of one, so that what joins them is at work, too
    overlay = tree / "config/smoke.yaml"
    settings = yaml.safe_load(overlay.read_text())
    settings["execution"]["shard"] = 4
    overlay.write_text(yaml.safe_dump(settings))
    (tree / "models").symlink_to(ROOT / "models")
    (tree / "profiles").symlink_to("workflow/profiles")
    (tree / "jobs").mkdir()
    (tree / "bin").mkdir()
    real = str(Path(sys.executable).with_name("cos"))
    wrapper = tree / "bin/cos"
    wrapper.write_text(WRAPPER.format(python=sys.executable, jobs=str(tree / "jobs"), cos=real))
    wrapper.chmod(0o755)
    # jobs take what lies beside their Python: the tree is a virtual environment of its own
    prefix = Path(sys.prefix)
    shutil.copy(prefix / "pyvenv.cfg", tree)
    (tree / "lib").symlink_to(prefix / "lib")
    for program in (Path(sys.executable).parent).iterdir():
        if program.name != "cos":
            (tree / "bin" / program.name).symlink_to(program)
    return tree


def python(tree: Path) -> str:
    """The interpreter of a tree, whose folder holds the `cos` that notices."""
    return str(tree / "bin" / Path(sys.executable).name)


def environment(tree: Path) -> dict[str, str]:
    path = (str(tree / "bin"), str(Path(sys.executable).parent), os.environ["PATH"])
    modules = (str(tree / "src"), str(RECORDER))
    joined = {"PYTHONPATH": os.pathsep.join(modules), "PATH": os.pathsep.join(path)}
    return {**os.environ, **joined}


def recorded(folder: Path) -> dict[str, str]:
    """The variable with which every `cos` job leaves a record in a folder, see recorder/."""
    folder.mkdir(exist_ok=True)
    return {"CHAIN_OF_STEPS_RECORDS": str(folder)}


def records(folder: Path) -> list[dict]:
    """words: of the command. modules: of ours, imported at its end. read: of its settings."""
    return [json.loads(path.read_text()) for path in sorted(folder.iterdir())]


def snakemake(tree: Path, *arguments: str, status: int = 0, **variables: str) -> str:
    """Output of snakemake with the package of `tree`, which must end with `status`."""
    done = subprocess.run(
        [python(tree), "-m", "snakemake", *arguments],
        cwd=tree,
        env={**environment(tree), **variables},
        text=True,
        capture_output=True,
        check=False,
    )
    output = done.stdout + done.stderr
    assert done.returncode == status, output[-4000:]
    return output


def start(tree: Path, log: Path, *arguments: str, **variables: str) -> subprocess.Popen:
    """Snakemake in the background, in a session of its own, its output in `log`."""
    with log.open("w") as file:
        return subprocess.Popen(
            [python(tree), "-m", "snakemake", *arguments],
            cwd=tree,
            env={**environment(tree), **variables},
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def numbers(tree: Path) -> dict[str, bytes]:
    """Every table, latent and picture of the smoke study, by name."""
    folder = tree / RESULTS
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.suffix in NUMBERS and path.is_file()
    }


def assert_same_numbers(tree: Path, study: Study, arguments: tuple[str, ...] = SMOKE) -> None:
    """All numbers are those of `study`; with fewer experiments, those that there are."""
    found, expected = numbers(tree), study.numbers
    if arguments != SMOKE:
        # claims are judged on the tables of all experiments
        found.pop("figures/claims.csv", None)
        expected = {name: expected[name] for name in found}
    assert "tables/readouts.parquet" in found
    assert found.keys() == expected.keys()
    assert [name for name in expected if found[name] != expected[name]] == []


def assert_clean(tree: Path) -> None:
    """No job ran twice at once, no process is left, no temporary file is left."""
    twice = tree / "jobs/twice"
    assert not twice.exists(), twice.read_text()
    wait_until(lambda: not guard.leftovers(tree / RESULTS / ".run.lock"), seconds=20)
    assert [str(path) for path in (tree / RESULTS).rglob("*.tmp.*")] == []


def interrupt(tree: Path, arguments: tuple[str, ...], moments: int, seed: int) -> list[dict]:
    """Kill the study `moments` times at random, resuming it each time; says when it was killed.

    A moment is a number of jobs that have ended and some seconds. Either snakemake alone is
    killed, as by a memory killer, or all its processes at once, as by a power failure.
    """
    rng, killed = random.Random(seed), []
    while len(killed) < moments:
        log = tree / f"run{len(killed)}.log"
        process = start(tree, log, "--cores", "2", *arguments)
        jobs, seconds, alone = rng.randint(0, 3), rng.uniform(0, 2), rng.random() < 0.5
        while process.poll() is None and log.read_text().count("Finished jobid") < jobs:
            time.sleep(0.05)
        time.sleep(seconds)
        if process.poll() is not None:  # done before the moment came
            assert process.returncode == 0, log.read_text()[-4000:]
            break
        (os.kill if alone else os.killpg)(process.pid, signal.SIGKILL)
        process.wait()
        done = log.read_text().count("Finished jobid")
        killed.append({"jobs": done, "seconds": round(seconds, 1), "alone": alone})
        wait_until(lambda: not guard.leftovers(tree / RESULTS / ".run.lock"), seconds=20)
    return killed


def started(tree: Path, words: str) -> int:
    """How many different `cos` jobs with `words` among their arguments have begun."""
    return sum(words in path.read_text() for path in (tree / "jobs").iterdir())


def wait_until(holds, seconds: float, every: float = 0.1):
    """What `holds` returns as soon as that is true; `seconds` is when to give up."""
    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end, f"waited {seconds} s in vain"
        time.sleep(every)
    return found
