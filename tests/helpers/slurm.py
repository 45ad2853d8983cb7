"""A SLURM of one's own on this machine: several virtual nodes with GPUs in name only, no root's
files touched, nothing left behind. No accounting database, as on many small clusters."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

PACKAGES = ("slurmctld", "slurmd", "slurm-client", "munge")
NODES, CPUS, MEMORY, GPUS = 2, 2, 64000, 1  # of each node; far more than there is
DAEMONS = ("munged", "slurmctld", "slurmd")


def install() -> str:
    """Installs Debian's SLURM and munge where they are missing; returns why that cannot be."""
    os.environ["PATH"] += f"{os.pathsep}/usr/sbin{os.pathsep}/sbin"
    if all(map(shutil.which, (*DAEMONS, "squeue", "srun"))):
        return ""
    if os.geteuid() != 0:
        return "SLURM is not installed, and only root can install it"
    if shutil.which("apt-get") is None:
        return "SLURM is not installed, and there is no apt-get to install it with"
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (("update",), ("install", "-y", "--no-install-recommends", *PACKAGES)):
        done = subprocess.run(
            ["apt-get", "-q", *command],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode and command[0] == "install":
            raise RuntimeError(f"apt-get {' '.join(command)}: {done.stderr[-2000:]}")
    return ""


@contextmanager
def cluster(root: Path) -> Iterator[dict[str, str]]:
    """Starts the daemons with everything below `root`; yields the environment of its clients."""
    for name in ("state", "log", "run", "munge", "dev", "bin"):
        (root / name).mkdir(parents=True)
    conf = configure(root)
    environment = {**os.environ, "SLURM_CONF": str(conf)}
    environment["PATH"] = f"{root / 'bin'}{os.pathsep}{environment['PATH']}"
    try:
        start(root, environment)
        yield environment
    finally:
        # controller first, so that it does not miss the nodes
        for file in (*sorted((root / "run").glob("*.pid"), reverse=True), root / "munge/pid"):
            if file.is_file():
                end(int(file.read_text()))


def configure(root: Path) -> Path:
    host, port = socket.gethostname().split(".")[0], free_ports(NODES + 1)
    munge = root / "munge"
    munge.chmod(0o711)
    (munge / "key").write_bytes(os.urandom(1024))
    (munge / "key").chmod(0o600)
    for n in range(GPUS):  # SLURM wants a device file behind each GPU
        (root / "dev" / f"nvidia{n}").symlink_to("/dev/null")
    user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    lines = [
        "ClusterName=test",
        f"SlurmctldHost={host}(127.0.0.1)",
        f"SlurmUser={user}",
        f"SlurmdUser={user}",
        "AuthType=auth/munge",
        f"AuthInfo=socket={munge / 'sock'}",
        "CredType=cred/munge",
        f"SlurmctldPort={port}",
        f"SlurmctldPidFile={root}/run/slurmctld.pid",
        f"SlurmdPidFile={root}/run/n.%n.pid",
        f"SlurmdSpoolDir={root}/state/%n",
        f"StateSaveLocation={root}/state",
        f"SlurmctldLogFile={root}/log/slurmctld.log",
        f"SlurmdLogFile={root}/log/%n.log",
        "ProctrackType=proctrack/linuxproc",  # no cgroups, no systemd
        "TaskPlugin=task/none",
        "AccountingStorageType=accounting_storage/none",
        "MpiDefault=none",
        "SwitchType=switch/none",
        "MailProg=/bin/true",
        "MinJobAge=3600",  # ended jobs stay listed, for the tests to look at
        "ReturnToService=2",
        "SelectType=select/cons_tres",
        "SelectTypeParameters=CR_Core_Memory",
        "SchedulerParameters=bf_interval=2,sched_interval=2,batch_sched_delay=0",
        "KillWait=5",
        "SlurmdParameters=config_overrides",  # nodes may claim more than the machine has
        "GresTypes=gpu",
    ]
    for n in range(1, NODES + 1):
        (root / f"state/n{n}").mkdir()
        lines.append(
            f"NodeName=n{n} NodeHostname={host} NodeAddr=127.0.0.1 Port={port + n} CPUs={CPUS}"
            f" RealMemory={MEMORY} Gres=gpu:{GPUS} State=UNKNOWN"
        )
    lines.append(f"PartitionName=all Nodes=n[1-{NODES}] Default=YES MaxTime=600 State=UP")
    (root / "slurm.conf").write_text("\n".join(lines) + "\n")
    files = f"{root}/dev/nvidia[0-{GPUS - 1}]" if GPUS > 1 else f"{root}/dev/nvidia0"
    (root / "gres.conf").write_text(f"NodeName=n[1-{NODES}] Name=gpu File={files}\n")
    # Snakemake drops SLURM_CONF on the node, where a real cluster has /etc/slurm/slurm.conf.
    srun = root / "bin/srun"
    srun.write_text(f'#!/bin/sh\nSLURM_CONF={root}/slurm.conf exec {shutil.which("srun")} "$@"\n')
    srun.chmod(0o755)
    return root / "slurm.conf"


def start(root: Path, environment: dict[str, str]) -> None:
    munge = root / "munge"
    files = {name: f"--{name}-file={munge / name}" for name in ("key", "log", "seed")}
    commands = [
        ["munged", "--force", f"--socket={munge}/sock", f"--pid-file={munge}/pid", *files.values()],
        ["slurmctld", "-c"],
        *(["slurmd", "-N", f"n{n}"] for n in range(1, NODES + 1)),
    ]
    for command in commands:
        subprocess.run(command, env=environment, check=True, capture_output=True, timeout=60)
    for _ in range(300):
        done = subprocess.run(
            ["sinfo", "--noheader", "-N", "--states=idle", "--format=%N"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if len(set(done.stdout.split())) == NODES:
            return
        time.sleep(0.1)
    logs = [path.read_text()[-2000:] for path in sorted((root / "log").iterdir())]
    raise RuntimeError("SLURM did not start:\n" + "\n".join(logs))


def cut_power(job: int) -> None:
    """Kills all that runs of a job on its node: a node that is set down by hand lets it run on."""
    for process in psutil.process_iter(["cmdline"]):
        if " ".join(process.info["cmdline"] or []).startswith(f"slurmstepd: [{job}."):
            for one in (*process.children(recursive=True), process):
                with suppress(psutil.NoSuchProcess):
                    one.kill()


def end(process: int) -> None:
    for number in (15, 9):
        for _ in range(50):
            try:
                os.kill(process, number if _ == 0 else 0)
            except ProcessLookupError:
                return
            time.sleep(0.1)


def free_ports(count: int) -> int:
    """The first of `count` neighbouring TCP ports that nobody uses."""
    for first in range(16817, 30000, count):
        sockets = [socket.socket() for _ in range(count)]
        try:
            for n, one in enumerate(sockets):
                one.bind(("127.0.0.1", first + n))
            return first
        except OSError:
            continue
        finally:
            for one in sockets:
                one.close()
    raise RuntimeError("no free ports")
