/* The board of a puzzle. A cell is its number, row by row; a scene is the tile of every cell. */

export const TILE = 16; // pixels a side
export const BEAT = 4; // frames of a beat
export const SIDES = ["n", "e", "s", "w"]; // also the directions of arrows 0 to 3

export class Board {
  constructor({ rows, columns, beats }) {
    Object.assign(this, { rows, columns, beats });
    this.size = rows * columns;
    this.frames = 1 + BEAT * beats;
    this.latentFrames = 1 + beats;
    this.cells = [...Array(this.size).keys()];
  }

  /* [row, column] of a cell. */
  place(cell) { return [Math.floor(cell / this.columns), cell % this.columns]; }

  cell(row, column) { return row * this.columns + column; }

  /* The cell beside one on a side, 0 to 3 as in SIDES; null where the board ends. */
  beside(cell, side) {
    const [row, column] = this.place(cell);
    const around = [[row - 1, column], [row, column + 1], [row + 1, column], [row, column - 1]];
    const [i, j] = around[side];
    return i >= 0 && i < this.rows && j >= 0 && j < this.columns ? this.cell(i, j) : null;
  }

  /* The cells above, below, left and right, as far as they are on the board. */
  neighbours(cell) {
    return [0, 2, 3, 1].map((side) => this.beside(cell, side)).filter((other) => other !== null);
  }
}
