"""Jobs run in the same environment, whatever a user has set for work of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from chain_of_steps import jobs
from chain_of_steps.jobs import job_environment, prepare

OF_JUPYTER = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_PATH")
FOLDERS = (*OF_JUPYTER, "IPYTHONDIR", "MPLCONFIGDIR")
HOSTILE = {
    "MATPLOTLIBRC": "/home/me/matplotlibrc",
    "MPLBACKEND": "TkAgg",
    "PYTHONSTARTUP": "/home/me/start.py",
    "PYTHONHOME": "/opt/other",
    "PYTHONOPTIMIZE": "2",
    "PIP_USER": "1",
    "PIP_TARGET": "/home/me/packages",
    "JUPYTER_PATH": "/home/me/kernels",
    "JUPYTER_CONFIG_DIR": "/home/me/.jupyter",
    "IPYTHONDIR": "/home/me/.ipython",
    "LC_ALL": "tr_TR.UTF-8",
    "LANG": "de_DE.ISO-8859-1",
    "PATH": "/opt/other/bin:/usr/bin",
    "HOME": "/nowhere",
}


VALUES = st.sampled_from(["", "/nowhere", "0", "é", "a:b", "tr_TR.UTF-8"])
ENVIRONMENTS = st.tuples(
    st.dictionaries(st.sampled_from(sorted(HOSTILE)), st.none() | VALUES),
    st.dictionaries(st.sampled_from(sorted(jobs.DROPPED)), VALUES),
).map(lambda parts: {n: HOSTILE[n] if v is None else v for n, v in parts[0].items()} | parts[1])


@given(user=ENVIRONMENTS)
def test_a_random_environment_makes_no_difference(tmp_path, user):
    plain, found = job_environment(tmp_path, {}), job_environment(tmp_path, user)
    mine = str(Path(sys.executable).parent)
    assert found["PATH"].split(os.pathsep)[0] == mine
    assert plain.keys() - {"XDG_CACHE_HOME"} <= found.keys()
    for name in found.keys() - {"PATH", "HF_HOME", "XDG_CACHE_HOME", "HOME", "LANG"}:
        assert found[name] == plain[name], name
    for name in FOLDERS:
        assert Path(found[name]).is_relative_to(tmp_path)
    assert (found["PIP_USER"], found["PYTHONNOUSERSITE"]) == ("0", "1")


def test_what_jobs_need_of_the_user_is_kept(tmp_path):
    user = {"CUDA_VISIBLE_DEVICES": "1", "SLURM_JOB_ID": "7", "PIP_INDEX_URL": "http://mirror"}
    user |= {"HTTPS_PROXY": "http://proxy", "HOME": str(tmp_path), "HF_TOKEN": "x"}
    found = job_environment(tmp_path / "jobs", user)
    assert {name: found[name] for name in user} == user
    assert found["HF_HOME"] == str(tmp_path / ".cache/huggingface")
    assert "XDG_CACHE_HOME" not in found
    assert job_environment(tmp_path, {"HF_HOME": "/models"})["HF_HOME"] == "/models"


def test_a_home_that_cannot_be_written_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(jobs.os, "access", lambda *_: False)
    found = job_environment(tmp_path / "jobs", {"HOME": str(tmp_path)})
    assert found["XDG_CACHE_HOME"] == str(tmp_path / "jobs/cache")
    assert found["HF_HOME"] == str(tmp_path / ".cache/huggingface"), "models are still found there"


def test_no_home_at_all(tmp_path, monkeypatch):
    def none():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(jobs.Path, "home", none)
    assert job_environment(tmp_path, {})["PYTHONUTF8"] == "1"


def test_the_kernel_is_that_of_this_interpreter_and_sees_no_path_of_the_user(tmp_path):
    for _ in range(2):
        prepare(tmp_path)
    (place,) = tmp_path.rglob("kernel.json")
    kernel = json.loads(place.read_text())
    assert kernel["argv"][0] == sys.executable
    assert kernel["env"] == {"PYTHONPATH": str(jobs.ROOT)}
    (tmp_path / "user/kernels/python3").mkdir(parents=True)
    (tmp_path / "user/kernels/python3/kernel.json").write_text('{"argv": ["false"]}')
    environment = job_environment(tmp_path, {**os.environ, "JUPYTER_PATH": str(tmp_path / "user")})
    program = (
        "from jupyter_client.kernelspec import KernelSpecManager as K;"
        "print(K().get_kernel_spec('python3').argv[0])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == sys.executable


def test_a_style_does_not_add_to_that_of_the_user(monkeypatch):
    import matplotlib.pyplot as plt

    from chain_of_steps import plots

    plots.style()
    plain = dict(plt.rcParams)
    plt.rcParams.update({"savefig.facecolor": "black", "image.origin": "lower", "font.size": 30})
    plots.style()
    assert dict(plt.rcParams) == plain
