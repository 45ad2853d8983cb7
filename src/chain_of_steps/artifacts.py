"""Files that are whole or absent, and the manifests that say what made them.

Everything is written to a temporary name in the same directory, fsynced and renamed, so that a
killed job leaves no half-written artifact. Importing this module is cheap (no torch, no pandas):
the workflow does it in every job.
"""

import ast
import errno
import gzip
import hashlib
import json
import math
import os
import platform
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, is_dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chain_of_steps.errors import UserError

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

MANIFEST_SUFFIX = ".manifest.json"
VERSIONED = (
    "chain_of_steps",
    "diffusers",
    "numpy",
    "pandas",
    "pyarrow",
    "safetensors",
    "scipy",
    "snakemake",
    "torch",
    "transformers",
)
CANNOT_WRITE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)
_TABLE_SUFFIXES = (".parquet", ".csv", ".csv.gz")
_AGAIN = "delete it and run the command or rule that makes it again"


# Atomic writes


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, with its suffixes, to write a file or directory at.

    On leaving, what was written is fsynced and renamed to `path`, replacing what was there. After
    an exception (KeyboardInterrupt too) it is removed and `path` is as it was. Missing parent
    directories are made. Raises FileNotFoundError when nothing was written, and OSError naming
    `path` where there is no space or no right to write.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{secrets.token_hex(4)}.tmp.{path.name}")
    try:
        yield temporary
        for part in (*temporary.rglob("*"), temporary) if temporary.is_dir() else (temporary,):
            _fsync(part)
        if path.is_dir():  # a directory cannot be renamed over one that is not empty
            old = path.with_name(f".{secrets.token_hex(4)}.tmp.{path.name}")
            path.rename(old)
            temporary.rename(path)
            shutil.rmtree(old)
        else:
            temporary.replace(path)
        _fsync(path.parent)
    except BaseException as error:
        with suppress(OSError):  # a disk that cannot be written has nothing to remove
            _remove(temporary)
        if isinstance(error, OSError) and error.errno in CANNOT_WRITE:
            raise OSError(error.errno, os.strerror(error.errno), str(path)) from error
        raise


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


# JSON


def write_json(path: str | Path, content: Any) -> None:
    """Write `content` as indented UTF-8 JSON in its own order of keys, atomically.

    Dataclasses, paths, numpy scalars and arrays become plain JSON; nan and infinity become null.
    """
    text = json.dumps(_plain(content), indent=2, ensure_ascii=False, allow_nan=False)
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(path: str | Path) -> Any:
    """Content of a JSON file. Raises UserError when it is missing or not JSON."""
    try:
        return json.loads(_existing(path).read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise UserError(f"{path} is not valid JSON ({where}: {error.msg}): {_AGAIN}.") from None
    except (UnicodeDecodeError, OSError):
        raise UserError(f"{path} is not a readable text file: {_AGAIN}.") from None


def _plain(content: Any, null_nan: bool = True) -> Any:
    """`content` as what json can write."""
    if is_dataclass(content) and not isinstance(content, type):
        content = asdict(content)
    elif isinstance(content, Path):
        return content.as_posix()
    elif hasattr(content, "tolist"):  # numpy scalars and arrays, tensors
        content = content.tolist()
    if isinstance(content, Mapping):
        return {key: _plain(value, null_nan) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_plain(value, null_nan) for value in content]
    if null_nan and isinstance(content, float) and not math.isfinite(content):
        return None
    return content


# Tables


def write_table(path: str | Path, frame: "pd.DataFrame") -> None:
    """Write `frame` without its index as .parquet, .csv or .csv.gz; equal frames, equal bytes.

    Floats keep every digit. Raises UserError for another suffix.
    """
    kind = _table_kind(path)
    with atomic_path(path) as temporary:
        if kind == ".parquet":
            frame.to_parquet(temporary, index=False, engine="pyarrow", compression="zstd")
            return
        text = frame.to_csv(index=False, lineterminator="\n").encode()
        # gzip stores the time of day unless told another.
        temporary.write_bytes(gzip.compress(text, mtime=0) if kind == ".csv.gz" else text)


def read_table(path: str | Path, columns: list[str] | None = None) -> "pd.DataFrame":
    """Read a table that `write_table` wrote; `columns` picks some of them.

    In CSV an empty cell is missing (nan) and words such as "None" stay words. Raises UserError
    when the file is missing, unreadable, not what its manifest says (where it has one), lacks a
    column, or has another suffix.
    """
    import pandas as pd

    kind = _table_kind(path)
    _check_if_recorded(_existing(path))
    try:
        if kind == ".parquet":
            frame = pd.read_parquet(path, engine="pyarrow")
        else:
            frame = pd.read_csv(path, keep_default_na=False, na_values=[""])
    except Exception as error:  # pandas, pyarrow and zlib each have their own kinds
        reason = str(error).strip().splitlines()[0:1] or [type(error).__name__]
        raise UserError(f"{path} is not a readable table ({reason[0]}): {_AGAIN}.") from error
    missing = [name for name in columns or () if name not in frame.columns]
    if missing:
        raise UserError(
            f"{path} has no column {', '.join(missing)}, "
            f"write one of {', '.join(map(str, frame.columns))} instead."
        )
    return frame if columns is None else frame[columns]


def _table_kind(path: str | Path) -> str:
    for suffix in reversed(_TABLE_SUFFIXES):
        if Path(path).name.endswith(suffix):
            return suffix
    raise UserError(f"{path} is no table's name: end it in {', '.join(_TABLE_SUFFIXES)}.")


# Tensors


def save_tensors(
    path: str | Path, tensors: Mapping[str, "Tensor"], metadata: Mapping[str, Any] | None = None
) -> None:
    """Write tensors as safetensors, with JSON-able `metadata`; equal content, equal bytes."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    # One metadata key, as safetensors writes several in no fixed order.
    text = json.dumps(_plain(metadata or {}), sort_keys=True, allow_nan=False)
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    storages = set()
    for name, tensor in plain.items():
        storage = tensor.untyped_storage()
        # safetensors refuses views and the same tensor under two names.
        if storage.nbytes() != tensor.nbytes or storage.data_ptr() in storages:
            plain[name] = tensor.clone()
        storages.add(storage.data_ptr())
    with atomic_path(path) as temporary:
        try:
            save_file(plain, temporary, metadata={"json": text})
        except SafetensorError as error:  # hides the system's error in its text
            code = re.search(r"os error (\d+)", str(error))
            if code is None:
                raise
            raise OSError(int(code[1]), os.strerror(int(code[1]))) from error


def load_tensors(path: str | Path, device: str = "cpu") -> tuple[dict[str, "Tensor"], dict]:
    """Tensors and metadata of a file `save_tensors` wrote.

    Raises UserError when it cannot be read, or is not what its manifest says, where it has one.
    """
    from safetensors import SafetensorError, safe_open

    _check_if_recorded(_existing(path))
    try:
        with safe_open(path, framework="pt", device=device) as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return tensors, json.loads((file.metadata() or {}).get("json", "{}"))
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} is not a readable tensor file ({error}): {_AGAIN}.") from None


# Digests


def digest_file(path: str | Path) -> str:
    """sha256 (hex) of a file's bytes, or of a directory's file names and bytes.

    Raises UserError when there is none.
    """
    path = _existing(path)
    if path.is_dir():
        return _digest_files({p.relative_to(path).as_posix(): p for p in _files(path)})
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_json(content: Any) -> str:
    """sha256 (hex) of `content` as canonical JSON: order of keys and spaces do not count.

    Takes what `write_json` takes, except that nan and infinity raise ValueError.
    """
    text = json.dumps(
        _plain(content, null_nan=False), sort_keys=True, separators=(",", ":"), allow_nan=False
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _files(directory: Path) -> list[Path]:
    """Every file below `directory` that is not a by-product of running Python."""
    found = (path for path in directory.rglob("*") if path.is_file())
    return sorted(p for p in found if "__pycache__" not in p.parts and p.suffix != ".pyc")


def _digest_files(files: Mapping[str, Path]) -> str:
    return digest_json({name: digest_file(path) for name, path in files.items()})


def _existing(path: str | Path) -> Path:
    if not Path(path).exists():
        raise UserError(f"{path} does not exist: run the command or rule that makes it first.")
    return Path(path)


def inside(root: str | Path, name: str) -> Path:
    """`root` / `name`, where `name` was read from an artifact.

    Raises UserError when it leads out of `root`, through "..", as an absolute path or by a link.
    """
    path = Path(root) / name
    if not path.resolve().is_relative_to(Path(root).resolve()):
        raise UserError(f"{name!r} leads out of {root}: write a path below that folder.")
    return path


# Manifests


def write_manifest(
    path: str | Path,
    *,
    inputs: Mapping[str, str] | Iterable[str | Path] = (),
    parameters: Mapping[str, Any],
    nfe: int = 0,
    seconds: float,
) -> Path:
    """Write what made the artifact at `path` beside it, as `<name>.manifest.json`.

    inputs: files (their digests are taken here) or a mapping from name to digest.
    parameters: JSON-able. nfe: transformer forward passes spent. seconds: wall-clock time.
    Returns the manifest's path. Raises UserError when the artifact or an input is missing.
    """
    path = Path(path)
    if not isinstance(inputs, Mapping):
        inputs = {_shown(name): digest_file(name) for name in inputs}
    manifest = _manifest_path(path)
    content = {
        "artifact": path.name,
        "bytes": _size(path),
        "sha256": digest_file(path),
        "inputs": dict(sorted(inputs.items())),
        "parameters": parameters,
        "nfe": nfe,
        "seconds": round(seconds, 3),
        "versions": package_versions(),
    }
    write_json(manifest, content)
    return manifest


def write_tables(
    tables: Mapping[Path, "pd.DataFrame"],
    *,
    inputs: Mapping[str, str] | Iterable[str | Path] = (),
    parameters: Mapping[str, Any],
    nfe: int,
    seconds: float,
) -> None:
    """Write all tables of one job with manifests; what it cost stands in that of the first one."""
    for path, table in tables.items():
        write_table(path, table)
        write_manifest(path, inputs=inputs, parameters=parameters, nfe=nfe, seconds=seconds)
        nfe, seconds = 0, 0.0


def check_manifest(path: str | Path) -> dict:
    """The manifest of the artifact at `path`, if the artifact is still what was written.

    Raises UserError naming an artifact that is missing, truncated or altered, or whose manifest
    is missing or lacks what this reads.
    """
    path = Path(path)
    manifest = read_json(_manifest_path(path))
    if not isinstance(manifest, dict) or not {"bytes", "sha256"} <= manifest.keys():
        raise UserError(f"{_manifest_path(path)} has no size and digest: {_AGAIN}.")
    found, expected = _size(_existing(path)), manifest["bytes"]
    if found < expected:
        raise UserError(f"{path} is truncated ({found} of {expected} bytes): {_AGAIN}.")
    if digest_file(path) != manifest["sha256"]:
        raise UserError(f"{path} was altered after its manifest was written: {_AGAIN}.")
    return manifest


def _check_if_recorded(path: Path) -> None:
    if _manifest_path(path).exists():
        check_manifest(path)


def package_versions() -> dict[str, str]:
    """Versions of Python and of the packages that can change a number, without importing them."""
    found = {"python": platform.python_version()}
    for name in VERSIONED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _manifest_path(path: Path) -> Path:
    return path.with_name(path.name + MANIFEST_SUFFIX)


def _size(path: Path) -> int:
    files = _files(path) if path.is_dir() else [_existing(path)]
    return sum(file.stat().st_size for file in files)


def _shown(path: str | Path) -> str:
    """Relative to the working directory where that is possible: no machine's paths in manifests."""
    path = Path(path)
    absolute = path.absolute()
    inside = absolute.is_relative_to(Path.cwd())
    return (absolute.relative_to(Path.cwd()) if inside else path).as_posix()


# Source fingerprint


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
        return _digest_files({p.relative_to(package).as_posix(): p for p in _files(package)})
    waiting = [file for part in parts for file in _part_files(part, package)]
    sources: dict[str, Path] = {}
    while waiting:
        file = waiting.pop()
        inside = file.is_relative_to(package)
        name = file.relative_to(package).as_posix() if inside else _shown(file)
        if name in sources:
            continue
        sources[name] = file
        if inside:
            inits = (package / parent / "__init__.py" for parent in Path(name).parents)
            waiting += [init for init in inits if init.is_file()]
        if file.suffix == ".py":
            waiting += _imported_files(file, package)
    return _digest_files(sources)


def _part_files(part: str | Path, package: Path) -> list[Path]:
    if isinstance(part, Path):
        path = _existing(part)
    else:
        base = package.joinpath(*part.split("."))
        path = base if base.is_dir() else base.with_suffix(".py")
        if not path.exists():
            raise UserError(
                f"{part} is no module of {package.name}: write a name such as sampling or tasks."
            )
    return _files(path) if path.is_dir() else [path]


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
