"""Digests of the source that a result depends on. Cheap to import."""

import ast
from pathlib import Path

from chain_of_steps.errors import UserError
from chain_of_steps.files import digest_files, existing, files_below


def package_fingerprint(*parts: str | Path, package: Path | None = None) -> str:
    """sha256 (hex) of the source that the named parts of the package are made of.

    A part is a dotted module name inside the package ("sampling", "tasks.maze"; "tasks" means
    every file below tasks/) or a Path to a file or directory. Modules of the package that a part
    imports count too, and what those import, wherever the import statement stands; imports by
    a computed name are not seen, so name those. Without parts: every file of the package.
    For `params:` of a rule, as the workflow does not see imports. Nothing is imported here.
    Raises UserError naming a part that does not exist.
    """
    package = package or Path(__file__).resolve().parent
    if not parts:
        return digest_files({p.relative_to(package).as_posix(): p for p in files_below(package)})
    waiting = [file for part in parts for file in _part_files(part, package)]
    sources: dict[str, Path] = {}
    while waiting:
        file = waiting.pop()
        inside = file.is_relative_to(package)
        name = file.relative_to(package).as_posix() if inside else file.as_posix()
        if name in sources:
            continue
        sources[name] = file
        if inside:
            inits = (package / parent / "__init__.py" for parent in Path(name).parents)
            waiting += [init for init in inits if init.is_file()]
        if file.suffix == ".py":
            waiting += _imported_files(file, package)
    return digest_files(sources)


def _part_files(part: str | Path, package: Path) -> list[Path]:
    if isinstance(part, Path):
        path = existing(part)
    else:
        base = package.joinpath(*part.split("."))
        path = base if base.is_dir() else base.with_suffix(".py")
        if not path.exists():
            raise UserError(
                f"{part} is no module of {package.name}: write a name such as sampling or tasks."
            )
    return files_below(path) if path.is_dir() else [path]


def _imported_files(file: Path, package: Path) -> set[Path]:
    """Files of the package that `file` imports by statement."""
    try:
        tree = ast.parse(file.read_bytes())
    except SyntaxError as error:
        raise UserError(f"{file}, line {error.lineno} is not Python ({error.msg}).") from None
    names: set[tuple[str, ...]] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = _parent_names(file, node.level, package) if node.level else ()
            base = (*start, *(node.module.split(".") if node.module else ()))
            names.update((*base, alias.name) for alias in node.names)
    found: set[Path] = set()
    for name in names:
        if name[0] != package.name:
            continue
        for depth in range(len(name)):
            base = package.joinpath(*name[1 : depth + 1])
            found.update(p for p in (base.with_suffix(".py"), base / "__init__.py") if p.is_file())
    return found


def _parent_names(file: Path, level: int, package: Path) -> tuple[str, ...]:
    """Dotted name of the package that a relative import of this level starts from."""
    if not file.is_relative_to(package):
        return ()
    parents = file.relative_to(package.parent).parts[:-1]
    return parents[: len(parents) - level + 1]
