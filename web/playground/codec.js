/* The linear codec: a latent vector stands for the four frames of a beat of one tile.

Latents are Float32Array (C, F, cells), as the model takes them. A video is a Video.
*/

import { BEAT, TILE } from "./board.js";

const PIXELS = TILE * TILE * 3, BLOCK = BEAT * PIXELS;

/* The beats of a video, tile by tile: Float32Array (F, cells, 4 frames, 16, 16, 3) in [0, 1].

Of the first beat, which is one frame, the last of four is that frame.
*/
export class Video {
  constructor(values, cells) {
    Object.assign(this, { values, cells });
  }

  /* The pixels of a cell in a beat: of four frames, or of the first frame. */
  beat(f, cell) {
    const at = (f * this.cells + cell) * BLOCK;
    return this.values.subarray(f ? at : at + BLOCK - PIXELS, at + BLOCK);
  }

  /* The pixels of a cell in a frame. */
  frame(frame, cell) {
    const f = Math.ceil(frame / BEAT), within = frame ? (frame - 1) % BEAT : BEAT - 1;
    const at = (f * this.cells + cell) * BLOCK + within * PIXELS;
    return this.values.subarray(at, at + PIXELS);
  }
}

export class Codec {
  #blocks = new Map(); // tiles of four frames -> their latent vector

  /* basis (C, 3072), mean (3072), shift and scale (C): Float32Array. */
  constructor({ basis, mean, shift, scale }, board, tiles) {
    Object.assign(this, { basis, mean, shift, scale, board, tiles, channels: shift.length });
  }

  /* Latents -> Video. */
  decode(latents) {
    const { basis, mean, shift, scale, channels, board } = this;
    const places = board.latentFrames * board.size, values = new Float32Array(places * BLOCK);
    for (let place = 0; place < places; place++) {
      const block = values.subarray(place * BLOCK, (place + 1) * BLOCK);
      block.set(mean);
      for (let c = 0; c < channels; c++) {
        const z = latents[c * places + place] * scale[c] + shift[c];
        const row = basis.subarray(c * BLOCK, (c + 1) * BLOCK);
        for (let i = 0; i < BLOCK; i++) block[i] += z * row[i];
      }
      for (let i = 0; i < BLOCK; i++) {
        block[i] = Math.min(Math.max(block[i] / 2 + 0.5, 0), 1);
      }
    }
    return new Video(values, board.size);
  }

  /* A movie, a scene for each frame -> latents. null for a scene: mid grey. */
  encode(movie) {
    const { board, channels } = this, places = board.latentFrames * board.size;
    const latents = new Float32Array(channels * places);
    for (let f = 0; f < board.latentFrames; f++) {
      const frames = [3, 2, 1, 0].map((back) => movie[Math.max(0, BEAT * f - back)]);
      for (const cell of board.cells) {
        const vector = this.#encoded(frames.map((scene) => scene?.[cell] ?? null));
        vector.forEach((z, c) => { latents[c * places + f * board.size + cell] = z; });
      }
    }
    return latents;
  }

  /* What the model is given of a picture: 4 channels that mark the first frame, then latents. */
  given(picture) {
    const { board, channels } = this, places = board.latentFrames * board.size;
    const given = new Float32Array((BEAT + channels) * places);
    for (let c = 0; c < BEAT; c++) given.fill(1, c * places, c * places + board.size);
    const grey = Array(board.frames - 1).fill(null);
    given.set(this.encode([picture, ...grey]), BEAT * places);
    return given;
  }

  #encoded(keys) {
    const name = JSON.stringify(keys);
    if (!this.#blocks.has(name)) this.#blocks.set(name, this.#project(keys));
    return this.#blocks.get(name);
  }

  #project(keys) {
    const block = new Float32Array(BLOCK);
    keys.forEach((key, n) => {
      if (key === null) return; // mid grey is 0
      this.tiles.picture(key).forEach((value, i) => { block[n * PIXELS + i] = 2 * value - 1; });
    });
    return Float32Array.from(this.shift, (shift, c) => {
      let z = 0;
      for (let i = 0; i < BLOCK; i++) z += (block[i] - this.mean[i]) * this.basis[c * BLOCK + i];
      return (z - shift) / this.scale[c];
    });
  }
}
