"""Random trees of files, folders and links, for hypothesis."""

import tempfile
from pathlib import Path

from hypothesis import strategies as st

NAMES = ("a", "b", "c.d", ".h", "ä b")
KINDS = ("file", "folder", "link", "broken")


def places(names: tuple[str, ...] = NAMES) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(names), min_size=1, max_size=3).map(tuple)


def trees(names: tuple[str, ...] = NAMES, kinds: tuple[str, ...] = KINDS):
    """Lists of (where, what, where a link leads)."""
    entry = st.tuples(places(names), st.sampled_from(kinds), places(names))
    return st.lists(entry, max_size=10)


def fresh(folder: Path) -> Path:
    """A folder of its own for each example."""
    return Path(tempfile.mkdtemp(dir=folder))


def build(root: Path, tree) -> None:
    """Makes what can be made of a tree; what is in the way of an earlier part is left out."""
    root.mkdir(parents=True, exist_ok=True)
    for parts, kind, target in tree:
        path = root.joinpath(*parts)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if kind == "file":
                path.open("x").close()
                path.write_text("/".join(parts))
            elif kind == "folder":
                path.mkdir(exist_ok=True)
            elif kind == "link":
                path.symlink_to(root.joinpath(*target))
            else:
                path.symlink_to(root / "nowhere")
        except OSError:
            continue
