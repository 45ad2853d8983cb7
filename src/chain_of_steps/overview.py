"""What the package has and where: `python -m chain_of_steps`."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

from chain_of_steps.shipped import CONFIG, MODELS, shipped, shipped_models
from chain_of_steps.stage import stages


def overview() -> str:
    """Version, the default study, the models that came along, and the commands."""
    from chain_of_steps.study.config import load_config

    lines = [f"chain_of_steps {version('chain_of_steps')} in {Path(__file__).resolve().parent}"]
    default = shipped(CONFIG)
    named: dict[str, str] = {}
    if default is not None:
        study = load_config([default])
        named = {Path(model.path).name: name for name, model in study.models.items()}
        lines += ["", f"The default study, where a folder has no {CONFIG}: {default}"]
    lines += ["", "Models that came along:"]
    for folder in shipped_models():
        depth = json.loads((folder / "transformer/config.json").read_text())["num_layers"]
        how = f"cos run --model {named[folder.name]}" if folder.name in named else ""
        blocks = f"{depth} block{'s' * (depth != 1)}"
        lines.append(f"  {MODELS}/{folder.name:<16} {blocks:<8}  {how}".rstrip())
    lines += ["", "Commands, each of which explains itself with --help:"]
    lines += [f"  cos {stage.name:<20} {stage.text.split('. ')[0]}" for stage in stages()]
    return "\n".join(lines)
