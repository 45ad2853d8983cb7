"""The gates on form: ruff, snakemake --lint, snakefmt. Each is also shown a fault it must find."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
needs_snakefile = pytest.mark.skipif(
    not (ROOT / "Snakefile").exists(), reason="there is no Snakefile"
)

UNTIDY_SNAKEFILE = """\
rule all:
    input: "out.txt"
rule make:
    output: "out.txt"
    shell: "echo {config[word]} > /tmp/absolute/path.txt; touch {output}"
"""


def run(*command: str, cwd: Path = ROOT) -> tuple[int, str]:
    """Exit status and all output of `python -m command...`."""
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=cwd, text=True, capture_output=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def assert_clean(*command: str, cwd: Path = ROOT) -> None:
    status, output = run(*command, cwd=cwd)
    assert status == 0, f"{' '.join(command)} exited with {status}:\n{output}"


def snakefiles() -> list[str]:
    return ["Snakefile", *map(str, sorted((ROOT / "workflow").rglob("*.smk")))]


def test_ruff_check_is_clean():
    assert_clean("ruff", "check", ".")


def test_ruff_format_is_clean():
    assert_clean("ruff", "format", "--check", ".")


def test_ruff_finds_a_fault(tmp_path):
    (tmp_path / "untidy.py").write_text("import os\nx = 'a'\n")
    config = ("--config", str(ROOT / "pyproject.toml"))
    status, output = run("ruff", "check", *config, str(tmp_path))
    assert status == 1
    assert "F401" in output
    assert run("ruff", "format", "--check", *config, str(tmp_path))[0] == 1


@needs_snakefile
def test_snakemake_lint_is_clean():
    assert_clean("snakemake", "--lint")


@needs_snakefile
def test_snakefmt_is_clean():
    assert_clean("snakefmt", "--check", *snakefiles())


def test_snakemake_lint_and_snakefmt_find_a_fault(tmp_path):
    (tmp_path / "Snakefile").write_text(UNTIDY_SNAKEFILE)
    status, output = run("snakemake", "--lint", "--config", "word=hello", cwd=tmp_path)
    assert status != 0
    assert "log directive" in output
    assert run("snakefmt", "--check", "Snakefile", cwd=tmp_path)[0] != 0
