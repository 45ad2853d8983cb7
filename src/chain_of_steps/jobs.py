"""The environment that the jobs of a study run in, whatever the user's own is. Cheap to import."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from chain_of_steps.files import atomic_path

ROOT = Path(__file__).resolve().parents[1]  # what `import chain_of_steps` is found by
KERNEL = "python3"  # as the notebooks call it
# Linux's malloc returns every large tensor to the system and pays for its pages again: a tenth of
# a forward pass on a CPU.
_DEFAULTS = {name: str(2**32) for name in ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_")}
# what a user may have set for work of their own, and would change what a job does or draws
DROPPED = (
    *("PYTHONHOME", "PYTHONSTARTUP", "PYTHONUSERBASE", "PYTHONOPTIMIZE", "PYTHONINSPECT"),
    *("PYTHONSAFEPATH", "PYTHONWARNINGS", "PYTHONCASEOK", "PYTHONIOENCODING", "PYTHONPLATLIBDIR"),
    *("MATPLOTLIBRC", "MPLBACKEND", "JUPYTER_CONFIG_PATH", "JUPYTER_PLATFORM_DIRS"),
    *("JUPYTER_ALLOW_INSECURE_WRITES", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT"),
    *("PIP_REQUIRE_VIRTUALENV", "LANGUAGE", "LC_CTYPE", "LC_NUMERIC", "LC_TIME", "LC_COLLATE"),
)


def scratch_folder(results: Path = Path("results")) -> Path:
    """Where jobs of this user keep what lies in a home otherwise; a group may share `results`."""
    return results / ".jobs" / str(os.getuid())


def job_environment(
    scratch: Path | None = None, user: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The variables of a job; nothing is written.

    scratch: folder for what Jupyter, IPython and Matplotlib keep, by default `scratch_folder`.
    user: the variables that the program was started with, by default those of this process.
    """
    user = os.environ if user is None else user
    scratch = (scratch_folder() if scratch is None else scratch).absolute()
    found = {name: value for name, value in user.items() if name not in DROPPED}
    # the commands of the rules lie beside the Python that runs this, activated or not
    found["PATH"] = _joined(str(Path(sys.executable).parent), user.get("PATH", os.defpath))
    found["PYTHONPATH"] = _joined(str(ROOT), user.get("PYTHONPATH", ""))
    home = _home(user)
    cache = Path(user.get("XDG_CACHE_HOME") or home / ".cache")
    found.setdefault("HF_HOME", str(cache / "huggingface"))
    if not _can_be_written(cache):
        found["XDG_CACHE_HOME"] = str(scratch / "cache")
    return {
        **_DEFAULTS,
        **found,
        "JUPYTER_CONFIG_DIR": str(scratch / "jupyter/config"),
        "JUPYTER_DATA_DIR": str(scratch / "jupyter/data"),
        "JUPYTER_RUNTIME_DIR": str(scratch / "jupyter/runtime"),
        "JUPYTER_PATH": str(scratch / "jupyter/path"),
        "IPYTHONDIR": str(scratch / "ipython"),
        "MPLCONFIGDIR": str(scratch / "matplotlib"),
        "LC_ALL": "C.UTF-8",
        "PIP_USER": "0",
        "PYTHONNOUSERSITE": "1",
        "PYTHONUTF8": "1",
    }


def prepare(scratch: Path | None = None) -> None:
    """Write what a job finds in `scratch`: the kernel of this interpreter, and no other.

    Raises OSError where it cannot be written.
    """
    scratch = scratch_folder() if scratch is None else scratch
    for name in ("jupyter/config", "jupyter/data", "jupyter/runtime", "ipython", "matplotlib"):
        (scratch / name).mkdir(parents=True, exist_ok=True)
    place = scratch / "jupyter/path/kernels" / KERNEL / "kernel.json"
    text = json.dumps(
        {
            # no folder that it is started in, and none of the user's, is searched for modules
            "argv": [sys.executable, "-P", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            "display_name": "Python 3",
            "language": "python",
            "env": {"PYTHONPATH": str(ROOT)},
        }
    )
    if not place.is_file() or place.read_text(encoding="utf-8") != text:
        with atomic_path(place) as temporary:
            temporary.write_text(text, encoding="utf-8")


def _joined(first: str, paths: str) -> str:
    rest = [path for path in paths.split(os.pathsep) if path and path != first]
    return os.pathsep.join([first, *rest])


def _home(user: Mapping[str, str]) -> Path:
    """The user's home, or a folder that is not there where they have none."""
    if user.get("HOME"):
        return Path(user["HOME"])
    try:
        return Path.home()
    except RuntimeError:  # no such user, as in some containers
        return Path("/nonexistent")


def _can_be_written(folder: Path) -> bool:
    """Whether a folder, or the nearest one around it that is there, can be written."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return os.access(folder, os.W_OK)
