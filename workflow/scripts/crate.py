"""Writes ro-crate-metadata.json into a folder of figures: what each file is and came from.

    python workflow/scripts/crate.py figures

The folder, with that file, is an RO-Crate (https://w3id.org/ro/crate/1.1) as it stands. Everything
is read from its manifest, captions and claims; a file that the manifest names must be there.
"""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from rocrate.model import ContextEntity, SoftwareApplication
from rocrate.rocrate import ROCrate

TYPES = {
    ".png": "image/png",
    ".pdf": "application/pdf",
    ".md": "text/markdown",
    ".csv": "text/csv",
    ".tex": "application/x-tex",
    ".json": "application/json",
    ".parquet": "application/vnd.apache.parquet",
}
LICENSE = "https://spdx.org/licenses/Apache-2.0"
PAPER = "https://arxiv.org/abs/2603.16870"


def main(folder: Path) -> None:
    manifest_path = folder / "manifest.json"
    manifest = json.loads(manifest_path.read_text(encoding="utf-8"))
    made = datetime.fromtimestamp(manifest_path.stat().st_mtime, UTC).replace(microsecond=0)

    crate = ROCrate(version="1.1")
    crate.name = f"Figures, tables and verdicts of the study {manifest['study']}"
    crate.description = (
        "What a run of chain_of_steps has found: figures with their captions, the tables that they "
        "are drawn from, the claims of arXiv 2603.16870 and how each came out."
    )
    crate.license = crate.add(ContextEntity(crate, LICENSE, {"@type": "CreativeWork"}))
    crate.license["name"] = "Apache License 2.0"
    crate.root_dataset["datePublished"] = made.isoformat()
    authors = {"@type": "Organization", "name": "The chain_of_steps authors"}
    crate.root_dataset["author"] = crate.add(ContextEntity(crate, "#authors", authors))
    paper = {"@type": "ScholarlyArticle", "name": "Demystif(y)ing Video Reasoning"}
    crate.root_dataset["citation"] = crate.add(ContextEntity(crate, PAPER, paper))

    versions = {"softwareVersion": manifest["versions"]["chain_of_steps"]}
    tool = {"name": "chain_of_steps", **versions, "license": {"@id": LICENSE}}
    tool = crate.add(SoftwareApplication(crate, "#chain_of_steps", properties=tool))
    for name, digest in manifest["models"].items():
        model = {"@type": "SoftwareApplication", "name": name, "identifier": f"sha256:{digest}"}
        crate.add(ContextEntity(crate, f"#model-{name}", model))
    models = [crate.get(f"#model-{name}") for name in manifest["models"]]

    files = {}

    def file(name: str, **properties):
        """The entity of a file of the folder, made once."""
        path = folder / name
        if not path.exists():
            sys.exit(f"{path} is named in {manifest_path} and is not there: run the study again.")
        if name not in files:
            about = {"name": Path(name).name, **properties}
            if path.is_dir():
                files[name] = crate.add_directory(dest_path=name, properties=about)
            else:
                about |= {
                    "encodingFormat": TYPES.get(path.suffix, "application/octet-stream"),
                    "contentSize": str(path.stat().st_size),
                }
                files[name] = crate.add_file(dest_path=name, properties=about)
        return files[name]

    for stem, entry in manifest["figures"].items():
        caption = " ".join((folder / f"{stem}.md").read_text(encoding="utf-8").split())
        inputs = [file(name, identifier=f"sha256:{sha}") for name, sha in entry["inputs"].items()]
        drawn = [f"{stem}{s}" for s in (".png", ".pdf", ".csv", ".tex", ".md")]
        drawn = [name for name in drawn if (folder / name).is_file()]
        shown = caption if drawn[0].endswith(".png") else caption.split("|")[0].strip()
        results = [file(name, description=shown) for name in drawn]
        action(crate, f"#draw-{stem}", entry["notebook"], tool, [*inputs, *models], results, made)
    if "claims" in manifest:
        inputs = [
            file(n, identifier=f"sha256:{d}") for n, d in manifest["claims"]["inputs"].items()
        ]
        judged = [n for n in ("claims.csv", "claims.md", "verdicts.json") if (folder / n).is_file()]
        results = [file(name, description="Each claim with its verdict") for name in judged]
        action(crate, "#judge", manifest["claims"]["expected"], tool, inputs, results, made)
    file("manifest.json", description="What made each figure, with the digest of every input")
    if (folder / "cost.md").is_file():
        file("cost.md", description="Forward passes, time and disk of the study")
    crate.metadata.write(folder)


def action(crate, name, source, tool, inputs, results, made) -> None:
    """That the tool, by a notebook or a file of claims, made some files from others."""
    about = {
        "@type": "CreateAction",
        "name": f"{Path(source).stem} by {source}",
        "instrument": {"@id": tool.id},
        "object": [{"@id": one.id} for one in inputs],
        "result": [{"@id": one.id} for one in results],
        "endTime": made.isoformat(),
    }
    mentions = crate.root_dataset.get("mentions", [])
    action = crate.add(ContextEntity(crate, name, about))
    crate.root_dataset["mentions"] = [*mentions, action]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
