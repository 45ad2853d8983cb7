"""pyproject.toml, requirements.txt, environment.yml, CITATION.cff and what is installed agree."""

import os
import re
import shutil
import subprocess
import tomllib
from importlib.metadata import PackageNotFoundError, version

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from repository import ROOT

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
