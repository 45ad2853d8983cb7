/* What is chosen: a puzzle, two runs, a place in them. Only these methods change it. */

import { Random } from "./random.js";
import { TASKS } from "./tasks/index.js";

const within = (value, least, most) => Math.min(Math.max(value, least), most);

export const CHANGES = ["none", "mistake", "picture", "prefix"];
const OTHER = 7919; // sets the seed of the other picture apart

export class View {
  /* facts: of study.js; board: its Board. Starts with a puzzle of the first task. */
  constructor(facts, board) {
    const { models, steps, shift } = facts;
    Object.assign(this, { facts, board, shift, steps: Math.min(steps, 16) });
    this.tasks = facts.tasks.filter(({ name }) => name in TASKS);
    this.models = models.map(({ name }) => name);
    this.split = "in-domain";
    this.drawn = 0; // seed of the puzzle
    Object.assign(this, { model: this.models[0], second: "", seed: 0 });
    this.loop = { passes: 0, sigma: 0.7 };
    Object.assign(this, { change: "none", at: 0, answer: null, tiles: 2 });
    Object.assign(this, { step: 0, frame: board.frames - 1, front: false });
    this.chooseTask(this.tasks[0].name);
  }

  get task() { return TASKS[this.name]; }

  get prompt() { return this.tasks.find(({ name }) => name === this.name).prompt; }

  /* Steps of the runs, with the passes of the loop. */
  get length() { return this.steps + this.loop.passes; }

  get looks() { return this.length + 1; }

  /* Whether there is a second run. */
  get beside() { return Boolean(this.second) || this.change !== "none"; }

  chooseTask(name) {
    this.name = this.tasks.some((task) => task.name === name) ? name : this.tasks[0].name;
    this.shuffle(this.drawn);
  }

  chooseSplit(split) {
    this.split = split === "out-of-domain" ? split : "in-domain";
    this.shuffle(this.drawn);
  }

  /* A random puzzle of the task. */
  shuffle(seed = this.drawn + 1) {
    this.drawn = seed;
    this.show(this.task.shuffle(new Random(seed), this.board, this.split));
  }

  /* Takes a layout of the task; its answers are others than before. */
  show(layout) {
    this.layout = layout;
    this.answer = null;
  }

  draw(tool, cell, side) {
    this.show(this.task.draw(this.layout, this.board, tool, cell, side));
  }

  /* The puzzle whose picture is swapped in. */
  get other() {
    return this.task.shuffle(new Random(this.drawn + OTHER), this.board, this.split);
  }

  /* values: some of model, second, steps, seed, passes, level, change, at, answer, tiles. */
  set(values) {
    const number = (name, least, most, old) =>
      (Number.isFinite(values[name]) ? within(values[name], least, most) : old);
    const whole = (...given) => Math.round(number(...given));
    const known = (name) => this.models.includes(name);
    if (known(values.model)) this.model = values.model;
    if (known(values.second) || values.second === "") this.second = values.second;
    this.steps = whole("steps", 1, 100, this.steps);
    this.seed = whole("seed", 0, 999999, this.seed);
    this.loop = { passes: whole("passes", 0, 50, this.loop.passes),
      sigma: number("level", 0.05, 0.99, this.loop.sigma) };
    if (CHANGES.includes(values.change)) this.change = values.change;
    this.at = within(whole("at", 0, 150, this.at), 0, this.length - 1);
    if (Number.isInteger(values.answer)) this.answer = Math.max(0, values.answer);
    this.tiles = whole("tiles", 1, this.board.size, this.tiles);
    this.moveTo(this.step, this.frame);
  }

  showFront(on) { this.front = on; }

  moveTo(step, frame) {
    this.step = within(step, 0, this.looks - 1);
    this.frame = within(frame, 0, this.board.frames - 1);
  }

  /* One on, and from the end to the start. what: "step" or "frame". */
  advance(what) {
    const n = what === "step" ? this.looks : this.board.frames;
    this[what] = (this[what] + 1) % n;
  }
}
