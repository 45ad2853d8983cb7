"""Says which notebook, inputs, configuration and model made each figure, and the claims."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from chain_of_steps.errors import UserError
from chain_of_steps.files import digest_file, digest_json, inside, read_json
from chain_of_steps.manifests import package_versions
from chain_of_steps.models.files import Digests, directory_digest
from chain_of_steps.provenance import differing, made_otherwise
from chain_of_steps.settings.models import WithModels
from chain_of_steps.settings.study import WithStudy

MANIFEST = "manifest.json"
# how the weights came about and were measured, and how jobs share a machine: no number of a study
# that has these weights hangs on it
NO_NUMBERS = ("train", "card", "processes")

AS_ALWAYS = {"decoder": "full"}  # how looks are read where nothing is said of it


class Named(WithStudy, WithModels):
    """What a manifest says of the configuration beside its digest."""


def config_digest(resolved: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of the sections of a resolved configuration that decide a study's numbers."""
    return digest_json(_stated(of_numbers(resolved)))


def other_inputs(facts: Path) -> str | None:
    """The first input of a figure that is not what it was drawn from; None where all are.

    Facts of figures that were drawn before they named digests say nothing.
    """
    content = read_json(facts)
    for name, digest in content.get("digests", {}).items():
        path = inside(facts.parent, name)
        if not path.exists() or digest_file(path) != digest:
            return name
    return None


def refuse_other_tables(figures: Path, resolved: Mapping[str, Any]) -> None:
    """Raises UserError where the tables of `figures` are not those of its manifest, or were made
    with another configuration or other weights: figures of them would be said to come from these.
    """
    path = figures / MANIFEST
    if not path.is_file():
        raise UserError(
            f"{path} is missing, which says what made the tables beside it: bring it back, or run "
            "the study without shipped=true."
        )
    manifest = read_json(path)
    for entry in (*manifest["figures"].values(), manifest.get("claims", {"inputs": {}})):
        for name, digest in entry["inputs"].items():
            table = inside(figures, name)
            if table.exists() and digest_file(table) != digest:
                raise UserError(
                    f"{table} is not the table that {path} names: bring both from one commit, or "
                    "run the study without shipped=true."
                )
    # a manifest of an earlier version has no configuration, and knows no field that is new
    made = {"reading": AS_ALWAYS, **manifest.get("configuration", {})}
    fields = list(differing(_without_choice(made), _known_to(made, of_numbers(resolved))))
    if fields:
        raise UserError(
            f"the tables in {figures / 'tables'} were made with other settings "
            f"({', '.join(fields[:3])}): run the study without shipped=true."
        )
    for name, digest in model_digests(
        Named.model_validate(resolved), Digests.of_results().of
    ).items():
        if manifest.get("models", {}).get(name, digest) != digest:
            raise UserError(
                f"the tables in {figures / 'tables'} were made with other weights of {name}: run "
                "the study without shipped=true."
            )


def of_numbers(resolved: Mapping[str, Any]) -> dict[str, Any]:
    """The sections of a resolved configuration that decide a study's numbers."""
    return {name: value for name, value in resolved.items() if name not in NO_NUMBERS}


def _stated(sections: Mapping[str, Any]) -> dict[str, Any]:
    """Without how looks are read where no cheap decoder does, as in studies that had no choice."""
    full = AS_ALWAYS.items() <= sections.get("reading", {}).items()
    return {name: value for name, value in sections.items() if not (full and name == "reading")}


def _known_to(
    old: Mapping[str, Any], new: Mapping[str, Any], named: bool = False
) -> dict[str, Any]:
    """The fields of `new` that an older configuration has, but the choice of what is made.

    named: whether the names are the user's, of models, and not those of fields.
    """
    found = {}
    for name, value in new.items() if named else _without_choice(new).items():
        if name in old and isinstance(value, Mapping) and isinstance(old[name], Mapping):
            found[name] = _known_to(old[name], value, named=name == "models")
        elif name in old or named:
            found[name] = value
    return found


def _without_choice(resolved: Mapping[str, Any]) -> dict[str, Any]:
    """Without the choice of what is made, which changes no table."""
    return {name: value for name, value in resolved.items() if name != "experiments"}


def model_digests(
    settings: WithModels, digest: Callable[[Path], str] = digest_file
) -> dict[str, str]:
    """Digest of each configured model that is a local directory; digest: of one of its files."""
    folders = {name: Path(model.path) for name, model in settings.models.items()}
    there = {name: folder for name, folder in folders.items() if folder.is_dir()}
    return {name: directory_digest(folder, digest) for name, folder in there.items()}


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
        other = other_inputs(path)
        if other is not None:
            raise UserError(f"{path} was drawn from another {other}: draw the figure again.")
        _refuse_other_settings(path, resolved)
        entries[path.stem] = {
            "notebook": notebook.as_posix(),
            "notebook_sha256": digest_file(notebook),
            "inputs": _input_digests(path),
            **({"versions": versions} if (versions := read_json(path).get("versions")) else {}),
        }
    judged = {}
    if claims is not None:
        expected = read_json(claims)["facts"]["expected"]
        digests = {"expected_sha256": digest_file(expected), "inputs": _input_digests(claims)}
        judged = {"claims": {"expected": expected, **digests}}
    return {
        "study": settings.study,
        "config_sha256": config_digest(resolved),
        "configuration": _stated(of_numbers(resolved)),
        "models": model_digests(settings),
        "versions": package_versions(),
        "figures": entries,
        **judged,
    }


def _refuse_other_settings(facts: Path, resolved: Mapping[str, Any]) -> None:
    """Raises UserError where a table that a figure shows was made with another configuration.

    What made it stands beside the one that it is a copy of, below results/; tables that came with
    the repository have none there.
    """
    results = Path("results") / resolved["study"]
    for name, digest in _input_digests(facts).items():
        table = results / "tables" / Path(name).name
        if table.exists() and digest_file(table) == digest:
            fields = made_otherwise(table, resolved)
            if fields:
                raise UserError(
                    f"{table} was made with other settings ({fields}): run the study, which makes "
                    "it again."
                )


def _input_digests(facts: Path) -> dict[str, str]:
    """Digests of the inputs that a facts file names, relative to its folder."""
    names = read_json(facts)["inputs"]
    return {name: digest_file(inside(facts.parent, name)) for name in names}
