/* Pictures of scenes and of videos, a pixel for each of theirs. */

import { TILE } from "./board.js";

/* pixelsOf(cell): its colours, row by row; scale: what makes 255 of the brightest. */
function paint(board, pixelsOf, scale) {
  const wide = board.columns * TILE, image = new ImageData(wide, board.rows * TILE);
  for (const cell of board.cells) {
    const [row, column] = board.place(cell), pixels = pixelsOf(cell);
    for (let y = 0; y < TILE; y++) {
      for (let x = 0; x < TILE; x++) {
        const to = 4 * ((row * TILE + y) * wide + column * TILE + x), from = 3 * (y * TILE + x);
        for (let c = 0; c < 3; c++) image.data[to + c] = scale * pixels[from + c] + 0.5;
        image.data[to + 3] = 255;
      }
    }
  }
  return image;
}

export const paintScene = (scene, board, tiles) =>
  paint(board, (cell) => tiles.paint(scene[cell]), 1);

export const paintVideoFrame = (video, frame, board) =>
  paint(board, (cell) => video.frame(frame, cell), 255);
