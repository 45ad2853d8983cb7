/* The page: joins what is chosen, what runs and what is drawn. */

import { listCandidates } from "../shared/candidates.js";
import { Chart } from "../shared/chart.js";
import { byId } from "../shared/dom.js";
import { Notice } from "../shared/notice.js";
import { Playing } from "../shared/playing.js";
import { afterPause, oncePerFrame } from "../shared/timing.js";
import { readingOf, stepName } from "../shared/words.js";
import { Board } from "./board.js";
import { Editor } from "./editor.js";
import { Engine, putIn } from "./engine.js";
import { download, gifOfSteps, pngOf } from "./export.js";
import { markFront } from "./front.js";
import { onKey } from "../shared/keys.js";
import { follow, linkTo } from "./link.js";
import { unpacked } from "./models.js";
import { paintScene } from "./paint.js";
import { listenToSettings, showSettings } from "./settings.js";
import { Tiles } from "./tiles.js";
import { drawTimeline } from "./timeline.js";
import { View } from "./view.js";

const PAUSE = 250; // ms without a change before runs start anew
const CHANGED = { none: "", mistake: ", mistake put in", picture: ", picture swapped",
  prefix: ", prefix transplanted" };

export class Page {
  #lanes = [];
  #reader = null;
  #follows = true; // whether the shown step is the newest one
  #charted = ""; // what the chart and the list of candidates show
  #began = 0; // when the runs began, ms

  static async open(facts, assets) {
    const tiles = new Tiles(facts.tiles, new Uint8Array(await unpacked(facts.pictures)));
    return new Page(facts, assets, tiles);
  }

  constructor(facts, assets, tiles) {
    const notice = new Notice(byId("said"));
    this.say = (text) => notice.say(text);
    this.tiles = tiles;
    this.board = new Board(facts.board);
    this.view = new View(facts, this.board);
    this.engine = new Engine(assets, this.board, tiles);
    this.update = oncePerFrame(() => this.#paint());
    this.writeLink = afterPause(() => history.replaceState(null, "", linkTo(this.view)), 150);
    this.runSoon = afterPause(() => this.#run(), PAUSE);
    this.chart = new Chart(byId("chart"), (step, frame) =>
      this.#moveTo(step, frame ?? this.view.frame));
    this.playing = new Playing(this.view, () => {
      this.#follows = false;
      this.update();
    });
    this.editor = new Editor(this.view, tiles, () => this.#changed());
    introduce(facts, this.board);
    this.#listen();
    this.#follow();
    this.#run();
  }

  #listen() {
    const { view } = this;
    listenToSettings(view, () => this.#changed());
    byId("task").onchange = () => { view.chooseTask(byId("task").value); this.#changed(); };
    byId("split").onchange = () => { view.chooseSplit(byId("split").value); this.#changed(); };
    byId("shuffle").onclick = () => { view.shuffle(); this.#changed(); };
    byId("step").oninput = () => this.#moveTo(Number(byId("step").value), view.frame);
    byId("frame").oninput = () => this.#moveTo(view.step, Number(byId("frame").value));
    byId("front").onchange = () => { view.showFront(byId("front").checked); this.update(); };
    byId("png").onclick = () => this.#png();
    byId("gif").onclick = () => this.#gif();
    byId("copy").onclick = () => this.#copy();
    document.addEventListener("keydown", (event) => onKey(event, view,
      (...place) => this.#moveTo(...place), () => this.playing.toggle("video")));
    window.addEventListener("hashchange", () => {
      if (location.hash === linkTo(view)) return;
      this.#follow();
      this.#run();
    });
    let width = window.innerWidth;
    window.addEventListener("resize", () => {
      if (window.innerWidth === width) return;
      width = window.innerWidth;
      this.#charted = "";
      this.update();
    });
  }

  #follow() {
    const sentence = follow(location.hash, this.view);
    this.#follows = this.view.step === this.view.looks - 1;
    if (sentence) this.say(sentence);
    this.#show();
  }

  #moveTo(step, frame) {
    this.#follows = false;
    this.view.moveTo(step, frame);
    this.update();
  }

  /* Something else is to be run: soon, as more may change. */
  #changed() {
    this.engine.stop();
    this.#now("asked");
    this.#follows = true;
    this.#show();
    this.runSoon();
  }

  /* The puzzle and the controls. */
  #show() {
    const { view } = this, { task, layout, board } = view;
    byId("prompt").textContent = view.prompt;
    this.editor.fillTools();
    this.editor.paint();
    const candidates = task.candidates(layout, board);
    const solutions = task.solutions(layout, candidates);
    showSettings(view, candidates.length, putIn(view, { candidates, solutions }));
    const problem = task.problem(layout, board);
    byId("board-says").textContent = problem ?? task.strange(layout, board)
      ?? `${candidates.length} candidate answers`;
    byId("board").classList.toggle("problem", Boolean(problem));
    byId("other-figure").hidden = view.change !== "picture";
    if (view.change === "picture") this.#paintOther(view);
    this.writeLink();
  }

  #paintOther({ task, other, board }) {
    const canvas = byId("other");
    const picture = paintScene(task.empty(other, board), board, this.tiles);
    Object.assign(canvas, { width: picture.width, height: picture.height });
    canvas.getContext("2d").putImageData(picture, 0, 0);
  }

  async #run() {
    const { view } = this;
    if (view.task.problem(view.layout, view.board)) {
      this.engine.stop();
      this.#now("impossible");
      return;
    }
    const before = performance.now();
    this.#now("running");
    const started = (lanes, reader) => {
      this.#lanes = lanes;
      this.#charted = "";
      this.#reader = reader;
      lanes.forEach((lane, n) => { lane.title = n
        ? `${lane.name}${CHANGED[view.change]}` : lane.name; });
      this.#began = performance.now();
    };
    try {
      const whole = await this.engine.run(view, started, () => this.#stepped());
      if (!whole) return;
      const seconds = ((performance.now() - this.#began) / 1000).toFixed(1);
      const loaded = ((this.#began - before) / 1000).toFixed(1);
      byId("time").textContent = `This took ${seconds} s, and ${loaded} s to load.`;
      this.update();
      this.#now("ended");
    } catch (error) {
      this.#now("failed");
      this.say(error.message);
    }
  }

  /* How it is with the runs, for style sheets and tests. */
  #now(state) { document.documentElement.dataset.runs = state; }

  #stepped() {
    if (this.#follows) this.view.moveTo(this.#lanes[0].seen - 1, this.view.frame);
    this.update();
  }

  #paint() {
    const { view } = this, lanes = this.#lanes;
    if (!lanes.length || !lanes[0].seen) return;
    const { sigmas } = lanes[0].run, step = Math.min(view.step, lanes[0].seen - 1);
    const beside = lanes.length > 1;
    for (const part of document.querySelectorAll(".noisy")) part.hidden = !beside;
    byId("stage").classList.toggle("alone", !beside);
    for (const lane of lanes) this.#paintLane(lane, step, sigmas);
    const seen = lanes.map((lane) => lane.seen).join();
    if (this.#charted !== seen) this.#draw(beside && view.change !== "none" ? view.at : null);
    this.#charted = seen;
    this.showEvidence(step);
    showPlace("step", step, sigmas.length - 1, stepName(step, sigmas));
    showPlace("frame", view.frame, this.board.frames - 1, `frame ${view.frame}`);
    this.chart.move(step, view.frame);
    this.writeLink();
  }

  /* What changes with every look that is new. at: where the second run is changed, or null. */
  #draw(at) {
    const lanes = this.#lanes, { candidates: { length: n }, solutions, movies } = this.#reader;
    const draw = (context, answer) => {
      context.putImageData(paintScene(movies[answer].at(-1), this.board, this.tiles), 0, 0);
    };
    this.showEvidence = listCandidates({ n, solutions, runs: lanes, size: lanes[0].size, draw });
    drawTimeline(this.chart, lanes, lanes[0].run.sigmas, solutions, at);
  }

  #paintLane(lane, step, sigmas) {
    const { frame, front } = this.view, [h, w] = lane.size, canvas = byId(lane.kind);
    Object.assign(canvas, { width: w, height: h });
    const context = canvas.getContext("2d"), { image, x, y } = lane.pictureAt(step, frame);
    context.drawImage(image, x, y, w, h, 0, 0, w, h);
    if (front) markFront(context, lane, step, this.board);
    const { solutions } = this.#reader, leads = lane.leads[step];
    const reading = readingOf(lane, step, solutions);
    const ahead = leads < 0 ? "" : `; answer ${leads + 1} leads`;
    const commits = lane.commitment === null ? "" : `; commits at step ${lane.commitment}`;
    const words = `${stepName(step, sigmas)}, frame ${frame}${reading}${ahead}${commits}`;
    byId(`${lane.kind}-name`).textContent = lane.title;
    byId(`${lane.kind}-says`).textContent = words;
    canvas.setAttribute("aria-label", `Clean estimate, ${lane.title}, ${words}`);
  }

  async #png() {
    if (!this.#lanes.length) return;
    const { name, seed, steps } = this.view;
    const words = `${name}, seed ${seed}, ${steps} steps: clean estimates and the result`;
    download(`${name}-steps.png`, await pngOf(this.#lanes, words));
    this.say("PNG saved.");
  }

  #gif() {
    if (!this.#lanes.length) return;
    const { name, frame } = this.view, { sigmas } = this.#lanes[0].run;
    const titles = this.#lanes.map((lane) => lane.title).join(" | ");
    download(`${name}-steps.gif`,
      gifOfSteps(this.#lanes, frame, (look) => `${stepName(look, sigmas)}: ${titles}`));
    this.say("GIF saved.");
  }

  async #copy() {
    const link = location.href.split("#")[0] + linkTo(this.view);
    history.replaceState(null, "", linkTo(this.view));
    try {
      await navigator.clipboard.writeText(link);
      this.say("Link copied.");
    } catch {
      this.say("The link is the address of this page.");
    }
  }
}

/* What the page is about, above everything else. */
function introduce({ study, models }, board) {
  document.title = `Playground: ${study}`;
  const blocks = [...new Set(models.map((model) => model.blocks))].sort((a, b) => a - b);
  byId("about").textContent = `Study ${study}: models of ${blocks.join(", ")} transformer blocks `
    + `on boards of ${board.rows} x ${board.columns} tiles. They run in this browser, on its `
    + "processor alone. Draw a puzzle, and see what a model takes the finished video to be at "
    + "every step. The results are these models' own.";
}

/* Sets a slider, with words for people who do not see it. */
function showPlace(id, value, most, words) {
  byId(id).max = most;
  byId(id).value = value;
  byId(id).setAttribute("aria-valuetext", words);
}
