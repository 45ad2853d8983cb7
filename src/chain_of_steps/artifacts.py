"""Artifacts of a study: tables and tensors, checked against their manifests when read.

Equal content gives equal bytes. Importing this module is cheap (no torch, no pandas).
"""

import gzip
import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chain_of_steps.errors import UserError
from chain_of_steps.files import AGAIN, atomic_path, existing, plain
from chain_of_steps.manifests import check_if_recorded, write_manifest

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

_TABLE_SUFFIXES = (".parquet", ".csv", ".csv.gz")


# Tables


def write_table(path: str | Path, frame: "pd.DataFrame") -> None:
    """Write `frame` without its index as .parquet, .csv or .csv.gz; equal frames, equal bytes.

    Floats keep every digit. Raises UserError for another suffix.
    """
    suffix = _table_suffix(path)
    with atomic_path(path) as temporary:
        if suffix == ".parquet":
            frame.to_parquet(temporary, index=False, engine="pyarrow", compression="zstd")
            return
        text = frame.to_csv(index=False, lineterminator="\n").encode()
        # gzip stores the time of day unless told another.
        temporary.write_bytes(gzip.compress(text, mtime=0) if suffix == ".csv.gz" else text)


def read_table(path: str | Path, columns: list[str] | None = None) -> "pd.DataFrame":
    """Read a table that `write_table` wrote; `columns` picks some of them.

    In CSV an empty cell is missing (nan) and words such as "None" stay words. Raises UserError
    when the file is missing, unreadable, not what its manifest says (where it has one), lacks a
    column, or has another suffix.
    """
    import pandas as pd

    suffix = _table_suffix(path)
    check_if_recorded(existing(path))
    try:
        if suffix == ".parquet":
            frame = pd.read_parquet(path, engine="pyarrow")
        else:
            frame = pd.read_csv(path, keep_default_na=False, na_values=[""])
    except Exception as error:  # pandas, pyarrow and zlib each have their own kinds
        reason = str(error).strip().splitlines()[0:1] or [type(error).__name__]
        raise UserError(f"{path} is not a readable table ({reason[0]}): {AGAIN}.") from error
    missing = [name for name in columns or () if name not in frame.columns]
    if missing:
        raise UserError(
            f"{path} has no column {', '.join(missing)}, "
            f"write one of {', '.join(map(str, frame.columns))} instead."
        )
    return frame if columns is None else frame[columns]


def _table_suffix(path: str | Path) -> str:
    for suffix in reversed(_TABLE_SUFFIXES):
        if Path(path).name.endswith(suffix):
            return suffix
    raise UserError(f"{path} is no table's name: end it in {', '.join(_TABLE_SUFFIXES)}.")


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


# Tensors


def save_tensors(
    path: str | Path, tensors: Mapping[str, "Tensor"], metadata: Mapping[str, Any] | None = None
) -> None:
    """Write tensors as safetensors, with JSON-able `metadata`; equal content, equal bytes."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    # One metadata key, as safetensors writes several in no fixed order.
    text = json.dumps(plain(metadata or {}), sort_keys=True, allow_nan=False)
    loose = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    storages = set()
    for name, tensor in loose.items():
        storage = tensor.untyped_storage()
        # safetensors refuses views and the same tensor under two names.
        if storage.nbytes() != tensor.nbytes or storage.data_ptr() in storages:
            loose[name] = tensor.clone()
        storages.add(storage.data_ptr())
    with atomic_path(path) as temporary:
        try:
            save_file(loose, temporary, metadata={"json": text})
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

    check_if_recorded(existing(path))
    try:
        with safe_open(path, framework="pt", device=device) as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return tensors, json.loads((file.metadata() or {}).get("json", "{}"))
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} is not a readable tensor file ({error}): {AGAIN}.") from None
