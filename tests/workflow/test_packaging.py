"""pyproject.toml, requirements.txt, pylock.toml, environment.yml, apptainer.def, CI, CITATION.cff
and what is installed agree."""

import os
import re
import shutil
import subprocess
import tomllib
from importlib.metadata import PackageNotFoundError, version

import pytest
import yaml
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from repository import ROOT

CPU_BUILD = "https://download.pytorch.org/whl/cpu"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def pins() -> dict[str, str]:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    found = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.+!]+", line) for line in found), "not a pure lock"
    return {canonicalize_name(name): pin for name, pin in (line.split("==") for line in found)}


def declared() -> list[Requirement]:
    extras = PROJECT["optional-dependencies"].values()
    return [Requirement(line) for group in (PROJECT["dependencies"], *extras) for line in group]


@pytest.mark.parametrize("requirement", declared(), ids=lambda r: r.name)
def test_every_dependency_is_pinned_within_its_bounds(requirement):
    pin = pins().get(canonicalize_name(requirement.name))
    assert pin is not None, f"{requirement.name} has no line in requirements.txt"
    assert requirement.specifier.contains(pin)


def test_installed_versions_are_the_pinned_ones():
    wrong = {}
    for name, pin in pins().items():
        try:
            found = version(name).split("+")[0]
        except PackageNotFoundError:
            found = "absent"
        if found != pin:
            wrong[name] = f"{found}, requirements.txt says {pin}"
    assert not wrong


def test_conda_environment_installs_the_same_pins():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    (pip,) = (entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert "-r requirements.txt" in pip
    python = next(
        entry
        for entry in environment["dependencies"]
        if isinstance(entry, str) and entry.startswith("python=")
    )
    assert python.removeprefix("python=") == PROJECT["requires-python"].removeprefix(">=")


def test_citation_names_this_version_and_licence():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert str(citation["version"]) == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]
    assert "Apache License" in (ROOT / "LICENSE").read_text()[:200]


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
def test_make_sets_its_environment_up_where_pip_installs_for_users():
    """As a pip.conf of a cluster may say, which pip refuses in an environment of its own."""
    rule = "said: ; @echo $$PIP_USER $$PATH"
    done = subprocess.run(
        ["make", "--no-print-directory", f"--eval={rule}", "said"],
        cwd=ROOT,
        env={**os.environ, "PIP_USER": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    user, path = done.stdout.split(maxsplit=1)
    assert user == "0"
    assert path.split(os.pathsep)[0] == str(ROOT / ".venv/bin")


LOCK = tomllib.loads((ROOT / "pylock.toml").read_text())


def test_the_lock_has_every_pin_and_no_other_version_of_it():
    found = {}
    for package in LOCK["packages"]:
        found.setdefault(package["name"], set()).add(package["version"].split("+")[0])
    assert {name: found.get(name) for name in pins()} == {n: {pin} for n, pin in pins().items()}
    mine = [package for package in LOCK["packages"] if package["name"] in pins()]
    bound = [one for one in mine if "marker" in one and one["name"] != "torch"]
    assert [one["name"] for one in bound if not holds(one["marker"], "linux")] == []


def holds(marker: str, platform: str, extras: frozenset[str] = frozenset()) -> bool:
    about = {"sys_platform": platform, "platform_machine": "x86_64"}
    about |= {"python_full_version": "3.11.9", "implementation_name": "cpython"}
    return Marker(marker).evaluate({**about, "extras": extras}, context="lock_file")


def test_every_file_of_the_lock_has_a_hash():
    for package in LOCK["packages"]:
        files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
        assert files, package["name"]
        for file in files:
            assert re.fullmatch(r"[0-9a-f]{64}", file["hashes"]["sha256"]), file["url"]
            assert file["url"].startswith("https://")


def test_the_lock_has_torch_with_cuda_and_without():
    torch = {one["version"]: one for one in LOCK["packages"] if one["name"] == "torch"}
    pin = pins()["torch"]
    assert torch.keys() == {pin, f"{pin}+cpu"}
    for extras in (frozenset(), frozenset({"cpu"})):
        chosen = [
            one
            for one in LOCK["packages"]
            if "marker" not in one or holds(one["marker"], "linux", extras)
        ]
        (mine,) = (one["version"] for one in chosen if one["name"] == "torch")
        assert mine == (f"{pin}+cpu" if extras else pin)
        assert any(one["name"].startswith("nvidia-") for one in chosen) != bool(extras)
    assert all(file["url"].startswith(f"{CPU_BUILD}/") for file in torch[f"{pin}+cpu"]["wheels"])
    hashes = {file["hashes"]["sha256"] for one in torch.values() for file in one["wheels"]}
    assert len(hashes) == sum(len(one["wheels"]) for one in torch.values())


def test_ci_and_the_container_run_pythons_that_the_lock_takes():
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    versions = set(workflow["jobs"]["test"]["strategy"]["matrix"]["python"])
    for job in workflow["jobs"].values():
        for step in job["steps"]:
            versions |= {str(step.get("with", {}).get("python-version", ""))}
    versions = {version for version in versions if re.fullmatch(r"3\.\d+", version)}
    assert versions == {"3.11", "3.12", "3.13"}
    taken = SpecifierSet(LOCK["requires-python"])
    assert all(taken.contains(f"{version}.9") for version in versions)
    image = re.search(r"^From: python:(3\.\d+)-slim$", container(), re.MULTILINE)[1]
    assert image in versions


def container() -> str:
    return (ROOT / "apptainer.def").read_text()


def test_the_container_takes_the_pins_with_torch_for_cpus():
    (torch,) = re.findall(r"pip install .*--extra-index-url (\S+) (torch==\S+)$", container(), re.M)
    assert torch == (CPU_BUILD, f"torch=={pins()['torch']}")
    assert re.search(r"pip install .*-r requirements.txt$", container(), re.MULTILINE)
    (copied,) = re.findall(r"%files\n((?:    .*\n)+)", container())
    for line in copied.splitlines():
        *sources, _ = line.split()
        assert all((ROOT / source).exists() for source in sources), line


@pytest.mark.parametrize(
    ("driver", "words", "index"),
    [
        ("nowhere", (), CPU_BUILD),
        ("Makefile", (), None),
        ("nowhere", ("TORCH_INDEX=",), None),
        ("Makefile", ("TORCH_INDEX=https://example.org/x",), "https://example.org/x"),
    ],
)
def test_make_takes_the_build_of_torch_for_this_machine(tmp_path, driver, words, index):
    for name in ("uname", "grep"):  # no nvidia-smi of this machine
        (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    variables = {"PATH": str(tmp_path), "NVIDIA_DRIVER": str(ROOT / driver)}
    done = subprocess.run(
        ["/usr/bin/make", "-nB", ".venv/.ready", "PYTHON=python3", "SHELL=/bin/sh", *words],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    torch = f" torch=={pins()['torch']}"
    (line,) = [line for line in done.stdout.splitlines() if line.endswith(torch)]
    assert re.findall(r"--extra-index-url (\S+)", line) == ([index] if index else [])
    assert ("CPU build" in done.stdout) == (index == CPU_BUILD)


def test_ci_calls_targets_that_there_are():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([\w-]+):", makefile, re.MULTILINE))
    called = set()
    for path in [ROOT / ".ci/run", *(ROOT / ".github/workflows").glob("*.yml")]:
        called |= set(re.findall(r"\bmake ([\w-]+)", path.read_text()))
    assert {"test", "lint", "wheel", "catalog", "site"} <= called <= targets
    phony = re.search(r"^\.PHONY: ((?:.*\\\n)*.*)", makefile, re.MULTILINE)[1]
    assert targets == set(phony.replace("\\\n", " ").split())
