"""From a directory or a Hub repository to a diffusers pipeline, with errors that say what to do.

A pipeline is loaded whole, or its codec alone, which is what reading and showing runs need.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import math
import struct
from collections.abc import Container
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from chain_of_steps.errors import UserError
from chain_of_steps.models.files import Digests, not_finite

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline

CODEC = ("vae", "scheduler")  # what is loaded where only the codec is needed

RAW_WAN = {"patch_embedding.weight", "time_projection.1.weight", "head.head.weight"}
PICKLES = {".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle"}

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
        refuse_raw(directory)
        raise UserError(
            f"No pipeline at {path_or_id}: give a directory with a model_index.json, or the name "
            "(and revision) of a diffusers pipeline on the Hub that can be reached."
        )
    return directory


def refuse_raw(path: Path) -> None:
    """Raises UserError where a file or folder holds weights of Wan as its authors publish them."""
    heads = [path] if path.is_file() else sorted(path.glob("*.safetensors"))
    raw = set().union(*map(names_in, heads)) >= RAW_WAN  # maybe in several files
    if raw or [*path.glob("Wan*_VAE.pth"), *path.glob("models_t5_*.pth")]:
        raise UserError(
            f"{path} holds raw files of Wan, not a diffusers pipeline: write the repository whose "
            "name ends in -Diffusers, or convert it, as docs/add-a-model.md says under `Raw files "
            "of Wan`."
        )


def names_in(path: Path) -> set[str]:
    """The names of the tensors of a safetensors file; empty where it is none."""
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            return set(json.loads(file.read(min(length, path.stat().st_size))))
    except (struct.error, ValueError, OSError, AttributeError):
        return set()


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


def pipeline_class(name: str) -> type[DiffusionPipeline]:
    """The class `name` of diffusers, or `module:class` of another package."""
    module, _, attribute = name.rpartition(":")
    return getattr(importlib.import_module(module or "diffusers"), attribute)


def stored_transformer_config(directory: Path) -> dict:
    """The configuration of the experts of a pipeline on disk; empty where there is none."""
    for name in ("transformer", "transformer_2"):
        path = directory / name / "config.json"
        if path.is_file():
            return json.loads(path.read_text(encoding="utf-8"))
    return {}


def load_pipeline(
    directory: Path,
    class_name: str,
    dtype: torch.dtype,
    *,
    codec_alone: bool = False,
    aligned: bool = True,
    trusted: str = "chain_of_steps",
) -> DiffusionPipeline:
    """The pipeline on the CPU, its codec in float32. Raises UserError if it is not whole.

    codec_alone: without experts and encoders. aligned: whether the weights stay on the CPU to be
    computed with. trusted: the package beside diffusers that its components may come from.
    """
    from safetensors import SafetensorError

    import chain_of_steps.models.codec  # noqa: F401  diffusers asks the package for it

    refuse_pickles(directory)
    # diffusers imports no module because a model names it; our own codecs we may.
    components = {
        name: value
        for name, value in pipeline_index(directory).items()
        if isinstance(value, list) and not name.startswith("_")
    }
    for module, _ in components.values():
        if str(module).split(".")[0] in ("chain_of_steps", trusted):
            importlib.import_module(module)
    left_out = {name: None for name in components if codec_alone and name not in CODEC}
    check_host_memory(directory, dtype, left_out)
    try:
        pipe = pipeline_class(class_name).from_pretrained(
            directory,
            dtype={"default": dtype, "vae": torch.float32},
            use_safetensors=True,
            **left_out,
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
        if aligned and isinstance(module, torch.nn.Module):
            for weight in module.parameters():
                weight.data = weight.data.clone()
    return pipe


def check_host_memory(directory: Path, dtype: torch.dtype, left_out: Container[str] = ()) -> None:
    """Raises UserError if the weights do not fit into the memory that this process may take."""
    sizes = weight_bytes(directory, dtype)
    needed = sum(size for part, size in sizes.items() if part not in left_out)
    free = free_memory()
    if needed > free:
        raise UserError(
            f"The weights at {directory} take {needed / GB:.1f} GB, but {free / GB:.1f} GB of "
            "memory are free: use a machine (or ask the batch system for a job) with more, or "
            "write execution.dtype: bfloat16."
        )


def free_memory(root: Path = Path("/")) -> int:
    """Bytes of main memory that this process may still take.

    The least of what the machine has and what the control groups around the process leave, as
    batch systems and containers set them. root: where /proc and /sys lie.
    """
    import psutil

    free = psutil.virtual_memory().available
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return free
    for line in lines:
        number, controllers, place = line.split(":", 2)
        if number == "0" and not controllers:  # version 2
            base, limit, usage, cache = "", "memory.max", "memory.current", "inactive_file"
        elif "memory" in controllers.split(","):  # version 1
            base, limit, usage = "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"
            cache = "total_inactive_file"
        else:
            continue
        mount = root / "sys/fs/cgroup" / base
        own = mount / place.strip("/")
        for group in (own, *own.parents):  # each group around it has a limit of its own
            if not group.is_relative_to(mount):
                break
            most, taken = _number(group / limit), _number(group / usage)
            if most is not None and taken is not None:
                free = min(free, max(0, most - taken + _stat(group / "memory.stat", cache)))
    return free


def _number(path: Path) -> int | None:
    """What stands in a file of a control group; None for `max`, or where there is none."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _stat(path: Path, name: str) -> int:
    """A line of memory.stat: `inactive_file` are bytes that count as taken, but are given back."""
    try:
        lines = dict(line.split() for line in path.read_text().splitlines())
        return int(lines.get(name, 0))
    except (OSError, ValueError):
        return 0


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


def count_parameters(directory: Path) -> int | None:
    """Parameters of the transformers of a local pipeline; None where it holds no weights."""
    if not directory.is_dir():
        return None
    parts = stored_shapes(directory)
    counts = [
        sum(math.prod(shape) for shape in shapes.values())
        for part, shapes in parts.items()
        if part.startswith("transformer")
    ]
    return sum(counts) or None


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
    finite = Digests.of_results(name="finite", measure=not_finite)
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
        for file in sorted((directory / component).glob("*.safetensors")):
            if name := finite.of(file):
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
