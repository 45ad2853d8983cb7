"""From a directory or a Hub repository to a diffusers pipeline, with errors that say what to do."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import math
import re
import struct
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from chain_of_steps.errors import UserError

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline

PICKLES = {".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle"}
DIGESTED = re.compile(r".*\.(safetensors|json)|(tokenizer|spiece|vocab|merges).*\.(model|txt)")

GB = 1e9


def require(package: str, why: str) -> None:
    """Raises UserError unless `package` can be imported."""
    if importlib.util.find_spec(package) is None:
        raise UserError(f"{package} is not installed, but {why}: write pip install {package}.")


def fetch(path_or_id: str | Path, revision: str | None = None) -> Path:
    """The local directory of a pipeline; a Hub repository is downloaded once.

    Raises UserError if there is none, or not at that revision.
    """
    directory = Path(path_or_id)
    if not directory.is_dir():
        directory = _downloaded(str(path_or_id), revision)
    if not (directory / "model_index.json").is_file():
        raise UserError(
            f"No pipeline at {path_or_id}: give a directory with a model_index.json, or the name "
            "(and revision) of a diffusers pipeline on the Hub that can be reached."
        )
    return directory


def _downloaded(repository: str, revision: str | None) -> Path:
    """Where the Hub repository lies in the cache; a path that does not exist if it is not there."""
    from diffusers import DiffusionPipeline
    from huggingface_hub import model_info
    from huggingface_hub.errors import RevisionNotFoundError

    try:
        model_info(repository, revision=revision)
    except RevisionNotFoundError:
        raise UserError(
            f"{repository} has no revision {revision!r}: write the commit, tag or branch of that "
            "repository in the model's field revision."
        ) from None
    except Exception:  # offline, in one of many ways: the cache may still have it
        pass
    try:
        return Path(DiffusionPipeline.download(repository, revision=revision, use_safetensors=True))
    except (OSError, ValueError):
        return Path(repository)


def pipeline_index(directory: Path) -> dict:
    """The content of model_index.json: the class of the pipeline, its components and settings."""
    try:
        return json.loads((directory / "model_index.json").read_text(encoding="utf-8"))
    except ValueError:
        raise UserError(
            f"{directory / 'model_index.json'} is not valid JSON: fetch the model again."
        ) from None


def load_pipeline(directory: Path, class_name: str, dtype: torch.dtype) -> DiffusionPipeline:
    """The pipeline on the CPU, its codec in float32. Raises UserError if it is not whole."""
    import diffusers
    from safetensors import SafetensorError

    import chain_of_steps.models.codec  # noqa: F401  diffusers asks the package for it

    refuse_pickles(directory)
    # diffusers imports no module because a model names it; our own codecs we may.
    for component in pipeline_index(directory).values():
        if isinstance(component, list) and str(component[0]).startswith("chain_of_steps."):
            importlib.import_module(component[0])
    check_host_memory(directory, dtype)
    try:
        pipe = getattr(diffusers, class_name).from_pretrained(
            directory, dtype={"default": dtype, "vae": torch.float32}, use_safetensors=True
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        reason = " ".join(str(error).splitlines()[0].split(". ")[0].rstrip(".").split())
        if isinstance(error, RuntimeError):  # all that transformers says of wrong shapes
            reason = "a weight of its text encoder has another shape than its config says"
        raise UserError(
            f"The pipeline at {directory} is not whole ({reason}): fetch or train it again."
        ) from error
    check_weights(pipe, directory)
    check_text_encoder(pipe)
    # A mapped file lies unaligned in memory, which alters low bits of products on a CPU.
    for module in pipe.components.values():
        if isinstance(module, torch.nn.Module):
            for weight in module.parameters():
                weight.data = weight.data.clone()
    return pipe


def check_host_memory(directory: Path, dtype: torch.dtype) -> None:
    """Raises UserError if the weights do not fit into the free memory of the machine."""
    import psutil

    needed, free = sum(weight_bytes(directory, dtype).values()), psutil.virtual_memory().available
    if needed > free:
        raise UserError(
            f"The weights at {directory} take {needed / GB:.1f} GB, but {free / GB:.1f} GB of "
            "memory are free: use a machine with more, or write execution.dtype: bfloat16."
        )


def weight_bytes(directory: Path, dtype: torch.dtype) -> dict[str, int]:
    """Bytes that each component takes once loaded, from the heads of the weight files."""
    return {
        component: sum(map(math.prod, shapes.values()))
        * (4 if component == "vae" else dtype.itemsize)
        for component, shapes in stored_shapes(directory).items()
    }


def stored_shapes(directory: Path) -> dict[str, dict[str, list[int]]]:
    """Component of a pipeline -> name and shape of each tensor in its safetensors files."""
    found: dict[str, dict[str, list[int]]] = {}
    for path in sorted(directory.glob("*/*.safetensors")):
        try:
            with path.open("rb") as file:
                (length,) = struct.unpack("<Q", file.read(8))
                head = json.loads(file.read(min(length, path.stat().st_size)))
        except (struct.error, ValueError):
            continue  # torn: loading it says so
        head.pop("__metadata__", None)
        shapes = {name: tensor["shape"] for name, tensor in head.items()}
        found.setdefault(path.parent.name, {}).update(shapes)
    return found


def refuse_pickles(directory: Path) -> None:
    """Raises UserError if a component has weights only as a pickle, which can run code."""
    for path in sorted(directory.glob("*/*")):
        if path.suffix in PICKLES and not any(path.parent.glob("*.safetensors")):
            raise UserError(
                f"{path} is a pickle, which can run code when it is read: convert it to safetensors"
                " with save_pretrained on a machine that may be lost."
            )


def check_weights(pipe: DiffusionPipeline, directory: Path) -> None:
    """Raises UserError naming a weight that is not in the files of a pipeline, or not finite.

    diffusers and transformers only warn about a weight that is missing, and leave it random.
    """
    shapes = stored_shapes(directory)
    for component, module in pipe.components.items():
        if not isinstance(module, torch.nn.Module):
            continue
        stored, weights = shapes.get(component, {}).keys(), module.state_dict()
        tied = {weight.data_ptr() for name, weight in weights.items() if name in stored}
        # Names unknown to the module were translated on loading: then names prove nothing.
        if stored <= weights.keys():
            for name, weight in weights.items():
                if name not in stored and (weight.is_meta or weight.data_ptr() not in tied):
                    raise UserError(
                        f"{directory / component} has no weight {name}: fetch or train the model"
                        " again."
                    )
        for name, weight in weights.items():
            if not weight.is_meta and not bool(torch.isfinite(weight).all()):
                raise UserError(
                    f"{directory / component}: weight {name} holds nan or infinity: fetch or train"
                    " the model again."
                )


def check_text_encoder(pipe: DiffusionPipeline) -> None:
    """Raises UserError if the text encoder's words were left zero, as some transformers do."""
    encoder = pipe.text_encoder
    inner = getattr(getattr(encoder, "encoder", None), "embed_tokens", None)
    if inner is not None and not torch.equal(inner.weight, encoder.shared.weight):
        raise UserError(
            "The text encoder was loaded without its word embeddings, so prompts would mean "
            "nothing: install the transformers version of requirements.txt."
        )


def directory_digest(directory: Path) -> str:
    """sha256 hex over relative name and sha256 of each weight, config and tokenizer file."""
    total = hashlib.sha256()
    files = {path.relative_to(directory).as_posix(): path for path in directory.rglob("*")}
    for name, path in sorted(files.items()):
        hidden = any(folder.startswith(".") for folder in name.split("/"))
        if path.is_file() and not hidden and DIGESTED.fullmatch(path.name):
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            total.update(f"{name}\0{content}\n".encode())
    return total.hexdigest()
