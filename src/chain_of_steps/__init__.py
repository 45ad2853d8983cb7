"""Rebuild, measure and extend "Demystif(y)ing Video Reasoning" (arXiv 2603.16870).

As a library (docs/library.md):

    import chain_of_steps as cos

    model = cos.wrap(pipe)  # a diffusers pipeline of a family that is known
    end = cos.sample(model.velocity(condition), noise, sigmas)
"""

import importlib
from typing import Any

# Name -> module. Imported when asked for, so that `cos --help` and this import stay quick.
_EXPORTS = {
    "UserError": "errors",
    # the loop
    "sample": "sampling",
    "sample_by": "sampling",
    "flow_sigmas": "sampling",
    "StepState": "sampling",
    "Velocity": "sampling",
    "FunctionVelocity": "sampling",
    # what a run differs in
    "NoiseAtStep": "interventions",
    "NoiseAtFrame": "interventions",
    "NoiseAtTokens": "interventions",
    "by_row": "interventions",
    # inside a step
    "Site": "probes",
    "hooked": "probes",
    "skip": "probes",
    "average": "probes",
    "Patcher": "patching",
    # what a run leaves
    "Recorder": "trajectory",
    "Trajectory": "trajectory",
    # models
    "wrap": "models.wrapping",
    "VideoModel": "models.model",
    "Condition": "models.condition",
    # Loading the pocket model, diffusers asks for the codec and the base class that can load it.
    "LinearVideoCodec": "models.codec",
    "ModelMixin": "models.codec",
}
__all__ = sorted(_EXPORTS)


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_EXPORTS[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_EXPORTS})
