"""Writes pylock.toml from requirements.txt: `make lock`. Needs uv, and the package index.

Every version is that of requirements.txt; what the lock has beside those is what another system
or Python takes, and what torch's CUDA build does on Linux. With the extra `cpu` it has torch's CPU
build in place of that one.
"""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "pylock.toml"
# requires-python of the lock: the oldest Python that every pinned package takes
PYTHON, NOT_YET = "3.11.5", "3.14"
COMMAND = ("pip", "compile", "requirements.txt", "--universal", "--python-version", PYTHON)
COMMAND += ("--format", "pylock.toml", "--generate-hashes", "--quiet")
# Of https://download.pytorch.org/whl/cpu, which is no index with hashes that uv reads: the wheels
# that the shipped numbers were made with. sha256 of the file.
CPU_WHEELS = {
    "torch-{version}+cpu-cp311-cp311-manylinux_2_28_x86_64.whl": (
        "6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b"
    ),
}
CUDA = re.compile(r"(nvidia|cuda)-|triton$")
# wheels for what nobody here runs
ELSEWHERE = re.compile(
    r"-cp3(8|9|10|1[4-9])-cp|-cp\d+-cp\d+t-|-pp3\d+-|-graalpy\d+-|musllinux|android|ios_|emscripten"
    r"|pyodide|wasm32|riscv64|s390x|ppc64le|armv7l|armv6l|i686|win32|win_arm64"
)
INDEX = "https://download.pytorch.org/whl/cpu"
WITH_CUDA, WITHOUT = "'cpu' not in extras", "'cpu' in extras"


def with_cpu(lock: str) -> str:
    """The lock with torch twice, and what only its CUDA build needs marked so."""
    head, *packages = lock.split("[[packages]]\n")
    head = re.sub(r"^#.*\n", "", head, flags=re.MULTILINE)
    head = head.replace(f'">={PYTHON}"', f'">={PYTHON},<{NOT_YET}"')
    head = f'# Written by `make lock` from requirements.txt.\n{head.rstrip()}\nextras = ["cpu"]\n\n'
    out = []
    for package in map(short, packages):
        name = re.search(r'^name = "(.+)"', package)[1]
        if name == "torch":
            out += [marked(package, WITH_CUDA), cpu_torch(package)]
        else:
            out.append(marked(package, WITH_CUDA) if CUDA.match(name) else package)
    return head + "".join(f"[[packages]]\n{one.rstrip()}\n\n" for one in out).rstrip() + "\n"


def short(package: str) -> str:
    """Without wheels for elsewhere, and without what is not needed to find and check a file."""
    wheel = re.compile(r" +\{ url = ")
    lines = [
        line
        for line in package.splitlines()
        if not (wheel.match(line) and ELSEWHERE.search(line.split(",")[0]))
    ]
    text = "\n".join(lines) + "\n"
    text = re.sub(r" upload-time = [^,}]+,| size = \d+,", "", text)
    return re.sub(r"^sdist = .*\n(?=wheels = )", "", text, flags=re.MULTILINE)


def marked(package: str, marker: str) -> str:
    old = re.search(r'^marker = "(.*)"\n', package, flags=re.MULTILINE)
    if old:
        return package.replace(old[0], f'marker = "({old[1]}) and {marker}"\n')
    return re.sub(r"(^version = .*\n)", rf'\1marker = "{marker}"\n', package, flags=re.MULTILINE)


def cpu_torch(package: str) -> str:
    version = re.search(r'^version = "(.+)"', package, flags=re.MULTILINE)[1]
    wheels = "".join(
        f'    {{ url = "{INDEX}/{name.format(version=version).replace("+", "%2B")}", '
        f'hashes = {{ sha256 = "{digest}" }} }},\n'
        for name, digest in CPU_WHEELS.items()
    )
    return (
        f'name = "torch"\nversion = "{version}+cpu"\nmarker = "{WITHOUT}"\nwheels = [\n{wheels}]\n'
    )


if __name__ == "__main__":
    done = subprocess.run(["uv", *COMMAND], cwd=ROOT, check=True, capture_output=True, text=True)
    LOCK.write_text(with_cpu(done.stdout))
