/* What is chosen: a run, a place in it, an overlay. Only these methods change it. */

export const CLEAN = "clean"; // the intervention of a run that was left alone

const within = (value, most) => Math.min(Math.max(value, 0), most);

export class View {
  /* index: what runs.js says of the study and its cases. Starts on the end of the first run. */
  constructor(index) {
    this.index = index;
    this.entries = new Map(index.cases.map((entry) => [entry.case, entry]));
    this.looks = index.sigmas.length;
    this.energy = false;
    this.layer = "0";
    this.step = 0;
    this.frame = 0;
    this.chooseRun(index.cases[0], null, null);
    this.moveTo(this.looks - 1, this.frames.length - 1);
  }

  /* Pixel frames of the chosen case, the columns of its films. */
  get frames() { return this.entry.frames; }

  /* Takes the nearest run of a case that exists: with the seed, else under the noise. */
  chooseRun(entry, seed = this.seed, noise = this.with) {
    const hasSeed = (run) => String(run.seed) === String(seed);
    const hasNoise = (run) => run.with === (noise ?? CLEAN);
    const run = entry.runs.find((one) => hasNoise(one) && hasSeed(one))
      ?? entry.runs.find((one) => one.with === CLEAN && hasSeed(one))
      ?? entry.runs.find(hasNoise) ?? entry.runs[0];
    this.entry = entry;
    this.seed = run.seed;
    this.with = run.with;
    this.moveTo(this.step, this.frame);
  }

  moveTo(step, frame) {
    this.step = within(step, this.looks - 1);
    this.frame = within(frame, this.frames.length - 1);
  }

  /* One on, and from the end to the start. what: "step" or "frame". */
  advance(what) {
    const n = what === "step" ? this.looks : this.frames.length;
    this[what] = (this[what] + 1) % n;
  }

  showEnergy(on) {
    this.energy = on;
  }

  /* A layer of `layers`, or the first of them. */
  showLayer(layer, layers = [layer]) {
    this.layer = layers.includes(layer) ? layer : layers[0];
  }
}
