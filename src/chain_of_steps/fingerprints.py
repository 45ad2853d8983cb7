"""Digests of the source that a result depends on. Cheap to import; no module of ours is run.

What counts is the code: comments, docstrings and layout do not. A module brings all that it
imports, wherever the import stands, and the packages that it lies in.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import grimp

from chain_of_steps.files import digest_file, digest_json

PACKAGE = "chain_of_steps"
TASKS = f"{PACKAGE}.tasks"
FOLDER = Path(__file__).resolve().parent
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@cache
def _imports() -> grimp.ImportGraph:
    # imports for type checkers alone are never carried out
    return grimp.build_graph(PACKAGE, exclude_type_checking_imports=True, cache_dir=None)


def modules_behind(*modules: str) -> frozenset[str]:
    """These modules of the package, and every one that is imported when they are used.

    Imports by a computed name are not seen: name those modules, too.
    """
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module in found:
            continue
        found.add(module)
        waiting += _imports().find_modules_directly_imported_by(module)
        parent = module.rpartition(".")[0]
        waiting += [parent] if parent else []
    return frozenset(found)


def modules_of(stage_module: str, tasks: Iterable[str]) -> frozenset[str]:
    """The modules behind a stage, with those of the study's puzzles where it has to do with any."""
    return _with_tasks(modules_behind(stage_module, f"{PACKAGE}.cli"), tasks)


def _with_tasks(behind: frozenset[str], tasks: Iterable[str]) -> frozenset[str]:
    # tasks are imported by their names, so no import leads to them
    if TASKS in behind:
        behind |= modules_behind(*(f"{TASKS}.{task}" for task in tasks))
    return behind


def code_digest(modules: Iterable[str], also: Iterable[str] = ()) -> str:
    """sha256 (hex) of the code of modules; also: files below the package, which may be no modules.

    A data file of a module's own name (scorer.txt beside scorer.py) counts with it.
    """
    parts = {name: _source_digest(_file(name)) for name in sorted(modules)}
    data = [other for name in modules for other in _data_beside(_file(name))]
    data += [FOLDER / name for name in also]
    parts |= {path.relative_to(FOLDER).as_posix(): _digest(path) for path in data}
    return digest_json(parts)


def _digest(path: Path) -> str:
    return _source_digest(path) if path.suffix == ".py" else digest_file(path)


def _data_beside(path: Path) -> list[Path]:
    return [other for other in path.parent.glob(f"{path.stem}.*") if other.suffix != path.suffix]


def modules_named_in(script: Path, tasks: Iterable[str]) -> frozenset[str]:
    """The modules of the package behind a script outside of it, such as a notebook."""
    named = set()
    for node in ast.walk(ast.parse(script.read_bytes())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == PACKAGE:
            named |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    behind = modules_behind(*(name for name in named if _file(name).is_file()))
    return _with_tasks(behind, tasks)


def _file(module: str) -> Path:
    base = FOLDER.joinpath(*module.split(".")[1:])
    return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")


@cache
def _source_digest(path: Path) -> str:
    tree = ast.parse(path.read_bytes())
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()
