"""The board of a puzzle: how many tiles it has and how long its movies are."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from chain_of_steps.errors import UserError

Cell = tuple[int, int]

TILE = 16  # pixels a side of one tile as the pocket models have it
BEAT = 4  # frames that one later latent frame stands for


@dataclass(frozen=True)
class Board:
    """Rows and columns of tiles; beats: chunks of four frames after the first frame of a movie.

    How large a tile is drawn is no part of it. Raises UserError for a board without any room.
    """

    rows: int = 5
    columns: int = 5
    beats: int = 4

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value < 1:
                raise UserError(f"a board has {value} {name}: write 1 or more.")

    def __str__(self) -> str:
        return f"{self.rows} x {self.columns} tiles and {self.beats} beats"

    @property
    def frames(self) -> int:
        """Frames of a movie: one, then four a beat."""
        return 1 + BEAT * self.beats

    @property
    def beat_ends(self) -> tuple[int, ...]:
        """The last frame of each beat, which is where a movie shows what the beat brought."""
        return tuple(range(BEAT, self.frames, BEAT))

    @property
    def latent_frames(self) -> int:
        """One for the first frame, then one a beat."""
        return 1 + self.beats

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Every (row, column), row by row."""
        return tuple((r, c) for r in range(self.rows) for c in range(self.columns))

    def neighbours(self, cell: Cell) -> list[Cell]:
        """The cells above, below, left and right of one, as far as they are on the board."""
        r, c = cell
        around = ((r - 1, c), (r + 1, c), (r, c - 1), (r, c + 1))
        return [(i, j) for i, j in around if 0 <= i < self.rows and 0 <= j < self.columns]

    def frame(self, frame: int) -> int:
        """The frame at the same share of a movie as `frame` of one on the default board."""
        return frame * (self.frames - 1) // (DEFAULT_BOARD.frames - 1)

    @property
    def entry(self) -> dict[str, Any]:
        """What the layout of a puzzle says of it: nothing for the default board.

        So puzzles on that board keep the digests that they had before there were others.
        """
        return {} if self == DEFAULT_BOARD else {"on_board": asdict(self)}


DEFAULT_BOARD = Board()


def a_column_a_frame(task: str, board: Board) -> None:
    """Raises UserError where a board has not as many columns as latent frames."""
    if board.columns != board.latent_frames:
        raise UserError(
            f"{task} moves by a column a latent frame, but {board} are {board.columns} columns and "
            f"{board.latent_frames} latent frames: write cases.board.beats: {board.columns - 1}."
        )
