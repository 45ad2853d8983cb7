/* The denoising loop: flow matching, Euler. As sampling.py and edits.py. */

import { gaussian } from "./random.js";

/* Noise levels of a run of n steps, from 1 to 0: n + 1 numbers. */
export function flowSigmas(n, shift) {
  const shifted = (s) => shift * s / (1 + (shift - 1) * s);
  const first = shifted(1), last = Math.fround(shifted(0.001));
  const steps = Array.from({ length: n }, (_, i) =>
    shifted(n === 1 ? first : first + (last - first) * i / (n - 1)));
  return [...steps, 0].map(Math.fround);
}

/* The schedule with `passes` more at the level nearest to sigma, and the steps that these are. */
export function looped(sigmas, { sigma, passes }) {
  const inner = sigmas.slice(0, -1).map((level) => Math.abs(level - sigma));
  const at = inner.indexOf(Math.min(...inner));
  const again = Array(passes).fill(sigmas[at]);
  return { sigmas: [...sigmas.slice(0, at), ...again, ...sigmas.slice(at)],
    again: new Set(again.map((_, i) => at + 1 + i)) };
}

/* A clean video under noise of a level: (1 - s) y + s N. */
export function noised(clean, sigma, noise) {
  return clean.map((value, i) => (1 - sigma) * value + sigma * noise[i]);
}

/* One run, step by step.

model: {velocity(x, given, text, sigma)}; sigmas, again: of `looped`; edit(k, sigma, x) -> x or
null: what is put in before a step; given(k): what the model is told of the picture.
*/
export class Run {
  constructor({ model, text, given, noise, sigmas, again, seed, edit = () => null }) {
    Object.assign(this, { model, text, given, sigmas, again, seed, edit });
    this.k = 0;
    this.x = noise;
    this.clean = null;
    this.starts = []; // the latent of each step, as the model was given it
  }

  get ended() { return this.k === this.sigmas.length - 1; }

  /* Takes a step; its clean estimate is in `clean`. */
  async step() {
    const { k, sigmas } = this, sigma = sigmas[k];
    if (this.again.has(k)) {
      this.x = noised(this.clean, sigma, gaussian(this.x.length, this.seed, 1000 + k));
    }
    const x = this.edit(k, sigma, this.x) ?? this.x;
    this.starts.push(x);
    const v = await this.model.velocity(x, this.given(k), this.text, sigma);
    const change = Math.fround(sigmas[k + 1] - sigma);
    this.clean = x.map((value, i) => value - sigma * v[i]);
    this.x = x.map((value, i) => value + change * v[i]);
    this.k += 1;
  }
}
