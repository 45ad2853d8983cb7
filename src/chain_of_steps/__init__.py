"""Rebuild, measure and extend "Demystif(y)ing Video Reasoning" (arXiv 2603.16870)."""


def __getattr__(name: str):
    # Loading the pocket model, diffusers asks this package for the codec and for the base class
    # that can load it. Imported on demand, so that `cos --help` stays quick.
    if name in ("LinearVideoCodec", "ModelMixin"):
        from chain_of_steps.models import codec

        return getattr(codec, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
