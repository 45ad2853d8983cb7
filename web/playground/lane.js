/* One of the two runs on the page: what was seen of it so far, and its pictures. */

import { TILE } from "./board.js";
import { paintVideoFrame } from "./paint.js";

export class Lane {
  /* kind: "clean" or "noisy", how the page colours it; run: a Run; reader: of the puzzle.

  looks: how many there will be. start: the first that may differ from the other run's.
  */
  constructor({ kind, name, run, codec, reader, looks }) {
    Object.assign(this, { kind, name, run, codec, reader });
    const { board } = codec;
    this.size = [board.rows * TILE, board.columns * TILE];
    const [h, w] = this.size;
    this.film = Object.assign(document.createElement("canvas"),
      { width: board.frames * w, height: looks * h });
    Object.assign(this, { answer: [], leads: [], score: [], candidates: [], evidence: [],
      front: [] });
  }

  get seen() { return this.answer.length; }

  /* Takes a step, the last of which gives two looks: its clean estimate and the result. */
  async step() {
    await this.run.step();
    this.#look(this.run.clean);
    if (this.run.ended) this.#look(this.run.x);
  }

  #look(latents) {
    const { board } = this.codec, video = this.codec.decode(latents);
    const [h, w] = this.size, context = this.film.getContext("2d");
    for (let frame = 0; frame < board.frames; frame++) {
      context.putImageData(paintVideoFrame(video, frame, board), frame * w, this.seen * h);
    }
    const read = this.reader.read(video);
    // of several right answers none is the one to follow
    const tiles = this.reader.solutions.length > 1 ? [] : this.reader.readTiles(video);
    this.evidence.push(read.evidence);
    this.leads.push(read.leads);
    this.score.push(Math.round(read.score * 100) / 100);
    this.candidates.push(read.candidates);
    this.front.push(tiles.filter(({ f, depth }) => f === board.beats && depth > 0));
    this.answer.push(read.accepted);
  }

  /* The first look from which the answer stays, null where the last look has none. */
  get commitment() {
    const last = this.answer.at(-1);
    if (!this.run.ended || last < 0) return null;
    return this.answer.findLastIndex((answer) => answer !== last) + 1;
  }

  /* [{cell, depth, from}]: the look from which each tile of the front is accepted to the end. */
  get decided() {
    return (this.front[0] ?? []).map(({ cell, depth }, n) => ({ cell, depth,
      from: this.front.findLastIndex((tiles) => !tiles[n].accepted) + 1 }));
  }

  pictureAt(look, frame) {
    const [h, w] = this.size;
    return { image: this.film, x: frame * w, y: look * h };
  }
}
