/* Runs the two runs of a view side by side on the same noise. */

import { looped, flowSigmas, noised, Run } from "./sampler.js";
import { Lane } from "./lane.js";
import { Model, readCodec, startRuntime } from "./models.js";
import { gaussian } from "./random.js";
import { Reader } from "./reader.js";

const PUT = 2000; // sets the noise over what is put in apart

export class Engine {
  #models = new Map(); // name -> promise of a Model
  #codecs = new Map();
  #ready = null;
  #turn = 0;

  /* assets: Assets; board, tiles: of the study. */
  constructor(assets, board, tiles) {
    Object.assign(this, { assets, board, tiles });
  }

  /* A model by its name, loaded once. */
  model(name) {
    if (!this.#models.has(name)) {
      const loading = this.#load(name);
      loading.catch(() => this.#models.delete(name));
      this.#models.set(name, loading);
    }
    return this.#models.get(name);
  }

  async #load(name) {
    this.#ready ??= this.assets.load("runtime")
      .then((parts) => startRuntime(globalThis.ort, parts));
    const content = await this.assets.load(`models/${name}`);
    if (!this.#codecs.has(content.codec)) {
      this.#codecs.set(content.codec, this.assets.load(`models/${content.codec}`)
        .then((parts) => readCodec(parts, this.board, this.tiles)));
    }
    const codec = await this.#codecs.get(content.codec);
    await this.#ready;
    return Model.load(globalThis.ort, content, codec);
  }

  /* Ends what runs; nothing more is told of it. */
  stop() { this.#turn += 1; }

  /* Runs a view. started(lanes, reader): before the first step; stepped(): after each.

  Resolves to whether it ran to the end.
  */
  async run(view, started, stepped) {
    const turn = ++this.#turn, over = () => turn !== this.#turn;
    const names = view.beside ? [view.model, view.second || view.model] : [view.model];
    const models = [];
    for (const name of names) models.push(await this.model(name));
    if (over()) return false;
    const reader = new Reader(view.task, view.layout, this.board, this.tiles);
    const lanes = this.#lanes(view, models, reader);
    started(lanes, reader);
    while (!lanes[0].run.ended) {
      for (const lane of lanes) {
        await lane.step();
        if (over()) return false;
      }
      stepped();
      await new Promise((resolve) => { setTimeout(resolve); });
      if (over()) return false;
    }
    return true;
  }

  #lanes(view, models, reader) {
    const schedule = looped(flowSigmas(view.steps, view.shift), view.loop);
    const { board } = view, [[picture]] = reader.movies;
    return models.map((model, n) => {
      const { codec, text } = model;
      const noise = gaussian(codec.channels * board.size * board.latentFrames, view.seed);
      const plain = codec.given(picture), changed = n ? changeOf(view, codec, reader) : {};
      const { given = () => plain, edit } = changed;
      const run = new Run({ model, text: text.states.get(view.prompt), given, edit, noise,
        seed: view.seed, ...schedule });
      const name = n ? view.second || view.model : view.model;
      return new Lane({ kind: n ? "noisy" : "clean", name, run, codec, reader,
        looks: view.looks });
    });
  }
}

/* The answer that a change puts in: the chosen one, else the first wrong one. */
export function putIn({ answer }, { candidates, solutions }) {
  if (answer !== null && answer < candidates.length) return answer;
  const wrong = [...candidates.keys()].find((n) => !solutions.includes(n));
  return wrong ?? 0;
}

/* The first tiles of an answer, in the order of its inferences. */
export function prefixOf({ task, tiles, layout, board }, answer) {
  const depths = [...task.depths(answer, layout, board)].filter(([, depth]) => depth > 0);
  return depths.sort((a, b) => a[1] - b[1]).slice(0, tiles).map(([cell]) => cell);
}

/* What of the second run differs: {given} or {edit} of a Run. */
function changeOf(view, codec, reader) {
  const { task, layout, board, change, at, seed } = view;
  if (change === "none") return {};
  if (change === "picture") {
    const { other } = view, first = task.movie(other, board, task.candidates(other, board)[0])[0];
    const [[shown]] = reader.movies, [before, after] = [codec.given(shown), codec.given(first)];
    return { given: (k) => (k < at ? before : after) };
  }
  const answer = reader.candidates[putIn(view, reader)];
  const y = codec.encode(task.movie(layout, board, answer));
  const touched = change === "mistake" ? null : new Set(prefixOf(view, answer));
  const edit = (k, sigma, x) => {
    if (k !== at) return null;
    const put = noised(y, sigma, gaussian(x.length, seed, PUT + k));
    return touched ? x.map((value, i) => (touched.has(i % board.size) ? put[i] : value)) : put;
  };
  return { edit };
}
