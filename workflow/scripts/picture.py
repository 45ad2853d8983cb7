"""A picture as a page of its own, which says in words what it shows.

    python workflow/scripts/picture.py head.html figure1.png figure1.md > figure1.html

The caption is the picture's alternative text. Nothing but the standard library: it runs for every
figure.
"""

import base64
import html
import sys
from pathlib import Path


def main(head: Path, picture: Path, caption: Path) -> None:
    said = " ".join(caption.read_text(encoding="utf-8").split())
    data = base64.b64encode(picture.read_bytes()).decode()
    print(head.read_text(encoding="utf-8"))
    # figures are drawn on white
    print("<style>img { max-width: 100%; background: white }</style>")
    print(f'<img alt="{html.escape(said)}" src="data:image/png;base64,{data}">')


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
