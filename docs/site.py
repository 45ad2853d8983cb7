"""Builds the documentation into site/: `make site`.

Pages are README.md, those below docs/ and what they lead to, at the places that they have in the
repository, so that their links hold. A link to a folder or to a large file, which a site does not
have, becomes its words. The reference of the library is made from its docstrings.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import chain_of_steps

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "build/site-pages"
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
FENCED = re.compile(r"(^```.*?^```)", re.DOTALL | re.MULTILINE)
LARGEST = 2_000_000  # bytes of a file that a page leads to
STARTS = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "config/README.md", "figures/claims.md"]


def main() -> int:
    shutil.rmtree(PAGES, ignore_errors=True)
    waiting = [ROOT / name for name in STARTS] + sorted((ROOT / "docs").glob("*.md"))
    done: set[Path] = set()
    dead: list[str] = []
    while waiting:
        path = waiting.pop()
        if path in done or not path.is_file():
            continue
        done.add(path)
        target = PAGES / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix != ".md":
            shutil.copy(path, target)
            continue
        text = path.read_text(encoding="utf-8")
        waiting += led_to(path, text)
        target.write_text(of_site(path, text, dead), encoding="utf-8")
    (PAGES / "api.md").write_text(reference(), encoding="utf-8")
    command = (sys.executable, "-m", "mkdocs", "build", "--strict", "--clean", "--quiet")
    status = subprocess.run([*command, "--config-file", ROOT / "docs/site.yml"]).returncode
    print(*dead, sep="\n", end="\n" if dead else "", file=sys.stderr)
    return status or bool(dead)


def led_to(page: Path, text: str) -> Iterator[Path]:
    """The files of the repository that a page leads to."""
    for _, _, target in LINK.findall(FENCED.sub("", text)):
        found = place(page, target)
        if found is not None and shown(found):
            yield found


def place(page: Path, target: str) -> Path | None:
    """Where a link leads in the repository, or None if it leads elsewhere or within the page."""
    if re.match(r"[a-z]+:|#", target):
        return None
    return (page.parent / target.split("#")[0]).resolve()


def shown(path: Path) -> bool:
    """Whether a file is part of the site; hidden ones are of no page."""
    if not path.is_file() or not path.is_relative_to(ROOT) or path.stat().st_size > LARGEST:
        return False
    return not any(part.startswith(".") for part in path.relative_to(ROOT).parts)


def of_site(page: Path, text: str, dead: list[str]) -> str:
    """A page with the words alone of links that lead to what the site does not have.

    dead: takes the links that lead to nothing.
    """

    def kept(match: re.Match) -> str:
        found = place(page, match[3])
        if found is None or shown(found):
            return match[0]
        if not found.exists():
            dead.append(f"{page.relative_to(ROOT)} leads to {match[3]}, which is not there.")
        return match[2]

    # every second part is a block of code
    parts = FENCED.split(text)
    return "".join(part if i % 2 else LINK.sub(kept, part) for i, part in enumerate(parts))


def reference() -> str:
    """A page with the docstrings of what `import chain_of_steps` offers, module by module."""
    modules: dict[str, list[str]] = {}
    for name, module in chain_of_steps._EXPORTS.items():
        modules.setdefault(module, []).append(name)
    lines = ["# Reference of the library", "", "All of it is `chain_of_steps.<name>`.", ""]
    for module, names in modules.items():
        lines += [f"## {module.replace('.', ' / ')}", ""]
        for name in names:
            if defined(module, name):
                lines += [f"::: chain_of_steps.{module}.{name}", ""]
    return "\n".join(lines)


def defined(module: str, name: str) -> bool:
    """Whether a module defines a name; one that it imports is documented by its own project."""
    path = ROOT / "src/chain_of_steps" / f"{module.replace('.', '/')}.py"
    path = path if path.is_file() else path.with_suffix("") / "__init__.py"
    return bool(re.search(rf"^(def|class) {name}\b|^{name}\b.*=", path.read_text(), re.MULTILINE))


if __name__ == "__main__":
    sys.exit(main())
