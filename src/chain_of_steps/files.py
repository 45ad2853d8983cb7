"""Files that are whole or absent: atomic writes, JSON, YAML, digests. Cheap to import.

Everything is written to a temporary name in the same directory, fsynced and renamed, so that a
killed job leaves no half-written file.
"""

import errno
import hashlib
import json
import math
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import yaml

from chain_of_steps.errors import UserError

UNFINISHED = "unfinished"  # in the list or manifest of what a command has begun to make
CANNOT_WRITE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)
AGAIN = "move it away and run the command or rule that makes it again"
MANIFEST_SUFFIX = ".manifest.json"
LISTING = ".cos.json"  # in a folder that a command wrote: which files are its own


@contextmanager
def atomic_path(path: str | Path, command: str | None = None) -> Iterator[Path]:
    """Yield a temporary path beside `path`, with its suffixes, to write a file or directory at.

    On leaving, what was written is fsynced and renamed to `path`, replacing what was there. After
    an exception (KeyboardInterrupt too) it is removed and `path` is as it was. A directory gets a
    list of its files, and of the `command` that wrote it, by which it is known later as one that
    may be replaced; one that holds anything else is refused. Missing parent directories are made.
    Raises FileNotFoundError when nothing was written, OSError naming `path` where there is no
    space or no right to write, and UserError where a directory may not be replaced.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{secrets.token_hex(4)}.tmp.{path.name}")
    try:
        yield temporary
        if temporary.is_dir():
            write_listing(temporary, command)
            refuse_foreign(path, command)  # what was put there in the meantime
        for written in (*temporary.rglob("*"), temporary) if temporary.is_dir() else (temporary,):
            _open_to_group(written)
            _fsync(written)
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


@contextmanager
def replaced(folder: Path, command: str) -> Iterator[Path]:
    """Yield `folder` itself, new and empty, for what cannot be moved once it is written.

    What was there is kept aside until the new one is whole, and comes back after an exception.
    Raises UserError where it may not be replaced.
    """
    refuse_foreign(folder, command)
    set_aside(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    old = folder.with_name(f".{secrets.token_hex(4)}.old.{folder.name}")
    if folder.is_dir():
        folder.rename(old)
    try:
        folder.mkdir()
        write_json(folder / LISTING, {"command": command, "files": {}, UNFINISHED: True})
        yield folder
        write_listing(folder, command)
    except BaseException:
        _remove(folder)
        if old.is_dir():
            old.rename(folder)
        raise
    if old.is_dir():
        shutil.rmtree(old)


def set_aside(folder: Path) -> None:
    """Rename a folder that `replaced` was killed in: what else is in it cannot be told."""
    try:
        unfinished = read_json(folder / LISTING).get(UNFINISHED)
    except (UserError, AttributeError):
        return
    if unfinished:
        folder.rename(folder.with_name(f"{folder.name}.unfinished-{secrets.token_hex(4)}"))


def write_listing(folder: Path, command: str | None) -> None:
    """Says in a folder which files a command wrote there."""
    text = json.dumps({"command": command, "files": _entries(folder)}, indent=1)
    (folder / LISTING).write_text(text + "\n", encoding="utf-8")


def add_to_listing(folder: Path, files: Iterable[Path]) -> None:
    """Says in the list of a folder, if it has one, that these files belong to it as well."""
    try:
        listing = read_json(folder / LISTING)
        own = dict(listing["files"])
    except (UserError, KeyError, TypeError, ValueError):
        return
    for path in files:
        if path.is_file():
            own[path.relative_to(folder).as_posix()] = digest_file(path)
    write_json(folder / LISTING, {**listing, "files": own})


def refuse_foreign(out: str | Path, command: str | None, holds: Iterable[Path] = ()) -> None:
    """Raises UserError unless `command` may replace what is at `out`.

    It may where nothing is there, an empty folder, a file that its manifest says the command
    wrote, or a folder whose own list says so, each with no other content. It may not replace a
    link, the working directory or a folder around it, or one that holds a path of `holds`, which
    are what the command reads.
    """
    out = Path(out)
    who = f"`cos {command}`" if command else "this program"
    where = out.resolve() if out.name in ("", "..") else out.parent.resolve() / out.name
    if Path.cwd().is_relative_to(where):
        raise UserError(f"{out} is a folder that you work in: write the path of one of its own.")
    if not os.path.lexists(where):
        return
    if where.is_symlink():
        raise UserError(f"{out} is a link: write the path that it leads to, or another one.")
    place = where.resolve()
    for path in holds:
        if path.resolve().is_relative_to(place):
            raise UserError(f"{out} holds {path}, which is read: write another path.")
    if where.is_dir():
        _refuse_folder(out, command, who)
    elif where.name.endswith(MANIFEST_SUFFIX) or not _wrote(where, command):
        raise UserError(
            f"{out} is there already, and {who} did not write it as it is: write another path, or"
            " move it away."
        )


def _refuse_folder(out: Path, command: str | None, who: str) -> None:
    found = _entries(out, digests=False)
    if not found and not any(out.iterdir()):
        return
    try:
        listing = json.loads((out / LISTING).read_text(encoding="utf-8"))
        own, known = dict(listing["files"]), listing["command"]
    except (OSError, ValueError, KeyError, TypeError):
        listing, own, known = {}, {}, None
    if own and known is not None and command is not None and known != command:
        raise UserError(
            f"{out} was written by `cos {known}`: write another path for what {who} makes."
        )
    if isinstance(known, str) and known == command and listing.get(UNFINISHED):
        return  # `replaced` sets it aside
    digests = _entries(out)
    foreign = [name for name in found if own.get(name) != digests[name]]
    if foreign or not own:
        what = shown(foreign[0]) if foreign else "folders"
        raise UserError(
            f"{out} holds {what}, which {who} did not write as it is: write the path of another"
            " folder, or move that away."
        )


def tracked(folder: Path) -> bool:
    """Whether git keeps all that a folder holds, as it is, so that nothing there can be lost."""
    where = ["git", "-C", str(folder)]
    try:
        kept = subprocess.run(
            [*where, "ls-files", "--error-unmatch", "."], capture_output=True, check=False
        )
        other = subprocess.run(
            [*where, "status", "--porcelain", "--ignored", "--untracked-files=all", "."],
            capture_output=True,
            check=False,
        )
    except OSError:  # no git here
        return False
    return kept.returncode == other.returncode == 0 and not other.stdout.strip()


def refuse_foreign_manifest(out: Path) -> None:
    """Raises UserError where a file that is no manifest has the name of the one of `out`."""
    path = manifest_path(out)
    if not os.path.lexists(path):
        return
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        ours = {"artifact", "sha256"} <= content.keys() or content.get(UNFINISHED) is True
    except (OSError, ValueError, AttributeError):
        ours = False
    if not ours or path.is_symlink():
        raise UserError(
            f"{path} is there already and no manifest of this program: write another path than"
            f" {out}, or move it away."
        )


def _wrote(path: Path, command: str | None) -> bool:
    """Whether a file is what its manifest says that the command wrote."""
    try:
        manifest = json.loads(manifest_path(path).read_text(encoding="utf-8"))
        return (
            command is not None
            and manifest["made"]["command"] == command
            and manifest["sha256"] == digest_file(path)
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _entries(folder: Path, digests: bool = True) -> dict[str, str]:
    """Every file and link below a folder but its own list, by path: its digest, or "" """
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name == LISTING or _by_product(path.relative_to(folder)):
            continue
        if path.is_symlink():
            found[name] = f"link to {path.readlink()}" if digests else ""
        elif not path.is_dir():
            regular = path.is_file()  # to open a pipe would wait for ever
            found[name] = "" if not digests else digest_file(path) if regular else "no file"
    return found


def shown(name: str | Path) -> str:
    """A path as text that can be printed anywhere, what is no UTF-8 written as \\xe4."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def manifest_path(path: Path) -> Path:
    """Where the manifest of an artifact lies."""
    return path.with_name(path.name + MANIFEST_SUFFIX)


def _open_to_group(path: Path) -> None:
    """Give a file the rights that the user's umask leaves: safetensors takes all but the owner's,
    and then nobody else of a group can use what lies in a checkout that they share.
    """
    if path.is_file() and not path.is_symlink():
        umask = os.umask(0o077)  # which can only be read by setting it
        os.umask(umask)
        path.chmod(path.stat().st_mode | 0o666 & ~umask)


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
    text = json.dumps(plain(content), indent=2, ensure_ascii=False, allow_nan=False)
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(path: str | Path) -> Any:
    """Content of a JSON file. Raises UserError when it is missing or not JSON."""
    try:
        return json.loads(existing(path).read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise UserError(f"{path} is not valid JSON ({where}: {error.msg}): {AGAIN}.") from None
    except (UnicodeDecodeError, OSError):
        raise UserError(f"{path} is not a readable text file: {AGAIN}.") from None


def read_text(path: str | Path) -> str:
    """A text that a user wrote, in UTF-8, without the mark that some editors put before it.

    Raises UnicodeDecodeError where it is in another encoding, and OSError.
    """
    return Path(path).read_text(encoding="utf-8-sig").lstrip("\ufeff")


class _Strict(yaml.SafeLoader):
    """YAML in which no field of a map is written twice; PyYAML takes the last without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for name, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            # a map may have several of those that bring fields of another one
            if isinstance(name, yaml.ScalarNode) and name.tag != "tag:yaml.org,2002:merge":
                value = self.construct_object(name)
                if value in seen:
                    raise _Twice(name.value, name.start_mark.line + 1)
                seen.add(value)
        return super().construct_mapping(node, deep)


class _Twice(Exception):
    def __init__(self, name: str, line: int) -> None:
        super().__init__(name, line)
        self.name, self.line = name.encode("utf-8", "backslashreplace").decode(), line


def read_yaml(path: Path, what: str) -> Any:
    """Content of a YAML file; `what` says in an error what the path should lead to.

    Raises UserError where there is none, it is no YAML, a field is written twice, or a map or list
    holds itself.
    """
    try:
        found = yaml.load(read_text(path), Loader=_Strict)
        # what holds itself has no end, and a half of a character is no text
        json.dumps(found, default=str, skipkeys=True, ensure_ascii=False).encode()
        return found
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: write the path of {what}.") from None
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror}): write the path of {what}."
        ) from None
    except _Twice as error:
        raise UserError(
            f"{path}, line {error.line}: {error.name} is written twice: leave one of them."
        ) from None
    # a value that is not of its own tag (`!!int x`) raises whatever PyYAML comes across
    except (yaml.YAMLError, ValueError, RecursionError, AttributeError, LookupError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path} is not valid YAML: {reason}.") from None


def meant(value: Any) -> Any:
    """A value of the command line as the same words in a file would be read.

    Numbers, truth values and null in lists and maps arrive as text.
    """
    if isinstance(value, Mapping):
        return {name: meant(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [meant(inner) for inner in value]
    if not isinstance(value, str):
        return value
    try:
        found = yaml.safe_load(value)
    except (yaml.YAMLError, ValueError):
        return value
    return found if isinstance(found, bool | int | float | None) else value


def plain(content: Any, null_nan: bool = True) -> Any:
    """`content` as what json can write."""
    if is_dataclass(content) and not isinstance(content, type):
        content = asdict(content)
    elif isinstance(content, Path):
        return content.as_posix()
    elif hasattr(content, "tolist"):  # numpy scalars and arrays, tensors
        content = content.tolist()
    if isinstance(content, Mapping):
        return {key: plain(value, null_nan) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [plain(value, null_nan) for value in content]
    if null_nan and isinstance(content, float) and not math.isfinite(content):
        return None
    return content


# Digests


def digest_file(path: str | Path) -> str:
    """sha256 (hex) of a file's bytes, or of a directory's file names and bytes.

    Raises UserError when there is none.
    """
    path = existing(path)
    if path.is_dir():
        return digest_files({p.relative_to(path).as_posix(): p for p in files_below(path)})
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_json(content: Any) -> str:
    """sha256 (hex) of `content` as canonical JSON: order of keys and spaces do not count.

    Takes what `write_json` takes, except that nan and infinity raise ValueError.
    """
    text = json.dumps(
        plain(content, null_nan=False), sort_keys=True, separators=(",", ":"), allow_nan=False
    )
    return hashlib.sha256(text.encode()).hexdigest()


def walk(root: str | Path, *, hidden: bool = True) -> list[Path]:
    """Every file below `root`, sorted; the one way in which files of a folder are found.

    Linked folders are entered, but none that holds itself; a link that leads nowhere is listed, so
    that whoever reads it says so. hidden: whether names that begin with a dot count. Raises
    UserError for a name that is no UTF-8, which neither JSON nor a table can hold, and for a folder
    that may not be looked into.
    """

    def closed(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            raise UserError(f"{shown(error.filename)} cannot be read: {error.strerror}.")

    found = []
    for folder, folders, names in os.walk(root, onerror=closed, followlinks=True):
        here = Path(folder)
        # a link to a folder that holds it would go round for ever
        above = {path.resolve() for path in (here, *here.absolute().parents)}
        folders[:] = [
            name
            for name in folders
            if (hidden or not name.startswith(".")) and (here / name).resolve() not in above
        ]
        names = [name for name in names if hidden or not name.startswith(".")]
        for name in (*folders, *names):
            if not _is_utf8(name):
                raise UserError(f"{shown(here / name)} has a name that is no UTF-8: rename it.")
        found += [here / name for name in names]
    return sorted(found)


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def files_below(directory: Path) -> list[Path]:
    """What `walk` finds, without by-products of running Python and a command's own list."""
    found = ((path, path.relative_to(directory)) for path in walk(directory))
    return [path for path, name in found if not _by_product(name) and name != Path(LISTING)]


def _by_product(name: Path) -> bool:
    """Whether Python put a file there, or Snakemake, which dates a rule's folder by one."""
    return name.suffix == ".pyc" or name.name == ".snakemake_timestamp"


def digest_files(files: Mapping[str, Path]) -> str:
    return digest_json({name: digest_file(path) for name, path in files.items()})


def existing(path: str | Path) -> Path:
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
