/* The pictures of tiles, as the study's own painter made them. */

import { TILE } from "./board.js";

const PIXELS = TILE * TILE * 3;

export class Tiles {
  #numbers; // key -> number
  #values;

  /* keys: layers of each tile; pictures: their bytes, one after another. */
  constructor(keys, pictures) {
    this.#numbers = new Map(keys.map((key, n) => [key, n]));
    this.bytes = pictures;
    this.#values = Float32Array.from(pictures, (byte) => byte / 255);
  }

  /* Colours of a tile in [0, 1], row by row, red, green and blue. */
  picture(key) { return slice(this.#values, this.#number(key)); }

  /* The same from 0 to 255. */
  paint(key) { return slice(this.bytes, this.#number(key)); }

  #number(key) {
    const number = this.#numbers.get(key);
    if (number === undefined) throw new Error(`no picture of the tile ${key}`);
    return number;
  }
}

const slice = (values, n) => values.subarray(n * PIXELS, (n + 1) * PIXELS);
