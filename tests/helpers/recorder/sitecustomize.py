"""Python imports this module by itself where its folder is on PYTHONPATH.

It puts on record what every `cos` job had imported of the package when it ended, and what it had
read of which settings: one file a job, in the folder that the variable below names.
"""

import atexit
import json
import os
import sys
from importlib.abc import MetaPathFinder
from importlib.util import find_spec
from pathlib import Path

PACKAGE = "chain_of_steps"
FOLDER = os.environ.get("CHAIN_OF_STEPS_RECORDS")
read: set[str] = set()


class Watch(MetaPathFinder):
    """Has the class of all settings watched as soon as it is there; imports nothing itself."""

    def find_spec(self, name, path, target=None):
        if name != f"{PACKAGE}.settings.base":
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        execute = spec.loader.exec_module

        def execute_and_watch(module) -> None:
            execute(module)
            watch(module.View)

        spec.loader.exec_module = execute_and_watch
        return spec


def watch(view: type) -> None:
    plain = view.__getattribute__

    def attribute(self, name):
        if name in type(self).model_fields:
            read.add(f"{type(self).__module__}:{type(self).__qualname__}.{name}")
        return plain(self, name)

    view.__getattribute__ = attribute


def write() -> None:
    program, *words = sys.argv
    if Path(program).name != "cos":
        return
    modules = sorted(name for name in sys.modules if name.partition(".")[0] == PACKAGE)
    record = {"words": words, "modules": modules, "read": sorted(read)}
    (Path(FOLDER) / f"{os.getpid()}.json").write_text(json.dumps(record))


if FOLDER:
    sys.meta_path.insert(0, Watch())
    atexit.register(write)
