"""How a puzzle is drawn: pixels a tile, size and length of the video, style and words.

No part of the puzzle, whose digest stays: a case says it beside its puzzle. The default drawing has
16 pixels a tile and a frame of the video for each frame of the movie.

Where a frame is larger than the board, bare ground is around it. The board stands in the middle,
moved up and left by less than 32 pixels so that its tiles begin where tokens do.

Cheap to import: what a drawing is needs no NumPy, what it draws does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from math import gcd
from typing import TYPE_CHECKING, Any

from chain_of_steps.errors import UserError
from chain_of_steps.tasks import task_of
from chain_of_steps.tasks.board import TILE, Board

if TYPE_CHECKING:
    import numpy as np

    from chain_of_steps.tasks.puzzle import Puzzle
    from chain_of_steps.tasks.scene import Colour, Scene

STYLES = ("plain", "white")
WHITE = (255, 255, 255)
PROMPTS = ("short", "paragraph")
TOKEN = 32  # pixels a side of the largest token of the known models


@dataclass(frozen=True)
class Drawing:
    """side: pixels a side of a tile. width, height: of a frame, in pixels; frames: of a video; None
    takes those of the board. style: plain, or white, in which a dot moves where a task says so
    instead of leaving a trail. prompt: short or paragraph.

    Raises UserError for what cannot be drawn; `check` for what cannot on a board.
    """

    side: int = TILE
    width: int | None = None
    height: int | None = None
    frames: int | None = None
    style: str = "plain"
    prompt: str = "short"

    def __post_init__(self) -> None:
        if self.side < TILE:
            raise UserError(f"a tile is drawn with {self.side} pixels: write {TILE} or more.")
        for name, known in (("style", STYLES), ("prompt", PROMPTS)):
            if getattr(self, name) not in known:
                raise UserError(
                    f"{name} of a drawing is {getattr(self, name)!r}: write {' or '.join(known)}."
                )

    @classmethod
    def on(cls, board: Board, **fields: Any) -> Drawing:
        """The drawing of these fields, with None for each that says what the board says.

        So that of the board's own size and length is the default one.
        """
        drawing = cls(**fields)
        drawing.check(board)
        own = cls(side=drawing.side)
        size = {
            "width": own.width_on(board),
            "height": own.height_on(board),
            "frames": own.frames_on(board),
        }
        return replace(drawing, **{n: None for n, v in size.items() if fields.get(n) == v})

    @property
    def entry(self) -> dict[str, Any]:
        """What meta.json says of it: nothing for the default, so those files keep their bytes."""
        return {} if self == DEFAULT_DRAWING else {"drawing": asdict(self)}

    @property
    def ground(self) -> Colour:
        """The colour of the ground, 0..255."""
        from chain_of_steps.tasks.scene import FLOOR

        return WHITE if self.style == "white" else FLOOR

    def check(self, board: Board) -> None:
        """Raises UserError where the board has no room in the frame, or its movie in the video."""
        for name, tiles in (("width", board.columns), ("height", board.rows)):
            have = getattr(self, name)
            if have is not None and have < tiles * self.side:
                raise UserError(
                    f"{tiles} tiles of {self.side} pixels do not fit into a {name} of {have}: "
                    f"write {tiles * self.side} or more, or a smaller side."
                )
        if self.frames is not None and self.frames < board.frames:
            raise UserError(
                f"a movie on {board} has {board.frames} frames, but a video has {self.frames}: "
                f"write {board.frames} or more."
            )

    # In space

    def width_on(self, board: Board) -> int:
        return self.width or board.columns * self.side

    def height_on(self, board: Board) -> int:
        return self.height or board.rows * self.side

    def corner(self, board: Board) -> tuple[int, int]:
        """Pixels above and left of the board."""
        grid = gcd(self.side, TOKEN)
        spare = (
            self.height_on(board) - board.rows * self.side,
            self.width_on(board) - board.columns * self.side,
        )
        return (spare[0] // 2 // grid * grid, spare[1] // 2 // grid * grid)

    def fits(self, board: Board) -> bool:
        """Whether a frame is the board with 16 pixels a tile, as a reader has it."""
        size = (self.width_on(board), self.height_on(board))
        return size == (board.columns * TILE, board.rows * TILE)

    # In time

    def frames_on(self, board: Board) -> int:
        return self.frames or board.frames

    def at(self, frame: int, board: Board) -> int:
        """The last frame of a video that shows a frame of the movie."""
        return frame * (self.frames_on(board) - 1) // (board.frames - 1)

    def shown(self, board: Board) -> list[int]:
        """The frame of the movie that each frame of a video shows.

        The first is shown once, the others are held as long as each other, or by turns a frame
        longer where the lengths do not divide.
        """
        last = self.frames_on(board) - 1
        return [-(-frame * (board.frames - 1) // last) for frame in range(last + 1)]

    # Pictures and words

    def moves(self, puzzle: Puzzle) -> bool:
        """Whether a dot moves instead of leaving a trail."""
        return self.style == "white" and hasattr(task_of(puzzle.task), "travelling")

    def movie(self, puzzle: Puzzle, candidate: int) -> list[Scene]:
        """The scenes that show one candidate answer, one a frame of the movie."""
        task: Any = task_of(puzzle.task)
        return (task.travelling if self.moves(puzzle) else task.movie)(puzzle, candidate)

    def picture(self, scene: Scene, board: Board) -> np.ndarray:
        """A scene as float32 (height, width, 3) in [0, 1]."""
        import numpy as np

        from chain_of_steps.tasks.scene import render

        tiles = render(scene, board, self.side, self.ground)
        size = (self.height_on(board), self.width_on(board), 3)
        if tiles.shape == size:
            return tiles
        frame = np.empty(size, np.float32)
        frame[:] = np.float32(self.ground) / 255
        top, left = self.corner(board)
        frame[top : top + len(tiles), left : left + tiles.shape[1]] = tiles
        return frame

    def film(self, puzzle: Puzzle, candidate: int | None = None) -> np.ndarray:
        """The video of a candidate, of the shown one by default; float32 (T, height, width, 3)."""
        movie = self.movie(puzzle, puzzle.shown if candidate is None else candidate)
        return self.held(movie, puzzle.board)

    def held(self, movie: Sequence[Scene], board: Board) -> np.ndarray:
        """A movie as a video; repeated scenes are drawn once."""
        import numpy as np

        distinct = {id(scene): scene for scene in movie}
        pictures = {key: self.picture(scene, board) for key, scene in distinct.items()}
        return np.stack([pictures[id(movie[frame])] for frame in self.shown(board)])

    def still(self, puzzle: Puzzle) -> np.ndarray:
        """The picture that a puzzle starts from, (height, width, 3)."""
        return self.picture(self.movie(puzzle, puzzle.shown)[0], puzzle.board)

    def words(self, puzzle: Puzzle) -> str:
        """The prompt in the form that is asked for."""
        task: Any = task_of(puzzle.task)
        prompt = task.TRAVEL_PROMPT if self.moves(puzzle) else puzzle.prompt
        return prompt if self.prompt == "short" else task.STORY.format(prompt=prompt)


DEFAULT_DRAWING = Drawing()
