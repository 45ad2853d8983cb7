"""Says which notebook, inputs, configuration and model made each figure, and the claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from chain_of_steps.errors import UserError
from chain_of_steps.files import digest_file, digest_json, inside, read_json
from chain_of_steps.manifests import package_versions
from chain_of_steps.models.loading import directory_digest
from chain_of_steps.settings.models import WithModels
from chain_of_steps.settings.study import WithStudy

# fields that say how the weights came about and were measured, not what a study does with them
ABOUT_WEIGHTS = ("train", "card")


class Named(WithStudy, WithModels):
    """What a manifest says of the configuration beside its digest."""


def config_digest(resolved: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of the sections of a resolved configuration that decide a study's numbers."""
    return digest_json({k: v for k, v in resolved.items() if k not in ABOUT_WEIGHTS})


def model_digests(settings: WithModels) -> dict[str, str]:
    """Digest of each configured model that is a local directory."""
    folders = {name: Path(model.path) for name, model in settings.models.items()}
    return {name: directory_digest(folder) for name, folder in folders.items() if folder.is_dir()}


def figure_manifest(
    resolved: Mapping[str, Any], notebooks: Path, facts: Sequence[Path], claims: Path | None = None
) -> dict[str, Any]:
    """For every figure and table: its notebook, and the inputs named in its facts file.

    claims: the facts file of the claims, whose source is a file of claims, not a notebook.
    """
    settings, entries = Named.model_validate(resolved), {}
    for path in facts:
        notebook = notebooks / f"{path.stem}.py"
        if not notebook.is_file():
            raise UserError(f"{path} has no notebook {notebook}: write one, or drop the figure.")
        entries[path.stem] = {
            "notebook": notebook.as_posix(),
            "notebook_sha256": digest_file(notebook),
            "inputs": _input_digests(path),
        }
    judged = {}
    if claims is not None:
        expected = read_json(claims)["facts"]["expected"]
        digests = {"expected_sha256": digest_file(expected), "inputs": _input_digests(claims)}
        judged = {"claims": {"expected": expected, **digests}}
    return {
        "study": settings.study,
        "config_sha256": config_digest(resolved),
        "models": model_digests(settings),
        "versions": package_versions(),
        "figures": entries,
        **judged,
    }


def _input_digests(facts: Path) -> dict[str, str]:
    """Digests of the inputs that a facts file names, relative to its folder."""
    names = read_json(facts)["inputs"]
    return {name: digest_file(inside(facts.parent, name)) for name in names}
