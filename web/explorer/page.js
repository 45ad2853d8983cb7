/* The page: joins what is chosen, what is loaded and what is drawn. */

import { listCandidates } from "../shared/candidates.js";
import { Chart } from "../shared/chart.js";
import { byId } from "../shared/dom.js";
import { LabelStore } from "../shared/labels.js";
import { Notice } from "../shared/notice.js";
import { Playing } from "../shared/playing.js";
import { afterPause, oncePerFrame } from "../shared/timing.js";
import { stepName } from "../shared/words.js";
import { paintBench } from "./bench.js";
import { paintEnergy, prepareEnergy } from "./energy.js";
import { onKey } from "../shared/keys.js";
import { Labelling } from "./labelling.js";
import { follow, linkTo } from "./link.js";
import { Loader } from "./load.js";
import { RunLists } from "./run_lists.js";
import { paintStage, prepareStage } from "./stage.js";
import { drawTimeline } from "./timeline.js";
import { View } from "./view.js";

const LINK_MS = 150; // the address waits until the view rests: browsers limit how often it changes

export class Page {
  #loaded = null; // what is on the page
  #turn = 0; // a later choice makes an earlier one that still loads void

  /* index: the content of runs.js; scripts: ScriptData. */
  constructor(index, scripts) {
    const notice = new Notice(byId("said"));
    const labels = new LabelStore(`${index.study} ${index.model}`);
    this.say = (text) => notice.say(text);
    this.view = new View(index);
    this.loader = new Loader(scripts);
    this.update = oncePerFrame(() => this.#paint());
    this.writeLink = afterPause(() => history.replaceState(null, "", linkTo(this.view)), LINK_MS);
    this.chart = new Chart(byId("chart"),
      (step, frame) => this.#moveTo(step, frame ?? this.view.frame));
    this.lists = new RunLists(this.view, labels, (...run) => this.#choose(...run), this.say);
    this.labelling = new Labelling(this.view, labels, (text) => this.#labelled(text), this.say);
    this.playing = new Playing(this.view, this.update);
    introduce(index);
    this.#listen();
    this.#follow();
  }

  #listen() {
    const { view } = this;
    byId("step").oninput = () => this.#moveTo(Number(byId("step").value), view.frame);
    byId("frame").oninput = () => this.#moveTo(view.step, Number(byId("frame").value));
    byId("energy").onchange = () => {
      view.showEnergy(byId("energy").checked);
      this.#load();
    };
    byId("layer").onchange = () => {
      view.showLayer(byId("layer").value);
      this.update();
    };
    document.addEventListener("keydown", (event) => {
      if (!this.#loaded) return;
      onKey(event, view, (...place) => this.#moveTo(...place), () => this.playing.toggle("video"));
    });
    window.addEventListener("hashchange", () => {
      if (location.hash !== linkTo(view)) this.#follow();
    });
    let width = window.innerWidth; // a phone's bars change the height while one scrolls
    window.addEventListener("resize", () => {
      if (window.innerWidth === width) return;
      width = window.innerWidth;
      this.#drawTimeline();
      this.update();
    });
  }

  #follow() {
    const sentence = follow(location.hash, this.view);
    if (sentence) this.say(sentence);
    this.lists.fill();
    this.#load();
  }

  #choose(...run) {
    this.view.chooseRun(...run);
    this.lists.fill();
    this.#load();
  }

  #moveTo(step, frame) {
    this.view.moveTo(step, frame);
    this.update();
  }

  #labelled(text) {
    this.say(text);
    this.#drawTimeline();
    this.labelling.draw();
    this.update();
  }

  async #load() {
    const turn = ++this.#turn;
    try {
      const loaded = await this.loader.load(this.view);
      if (turn !== this.#turn) return;
      this.#loaded = loaded;
      this.#draw();
    } catch (error) {
      if (turn === this.#turn) this.say(error.message);
    }
  }

  /* What stays while step and frame change. */
  #draw() {
    prepareStage(this.#loaded);
    this.showEvidence = listCandidates(answersOf(this.#loaded));
    prepareEnergy(this.#loaded, this.view);
    this.#drawTimeline();
    this.labelling.draw();
    this.update();
  }

  #drawTimeline() {
    if (!this.#loaded) return;
    drawTimeline(this.chart, this.#loaded, this.view.index.sigmas, this.labelling.ofRun());
  }

  /* Everything that depends on step and frame; what costs more is in #draw. */
  #paint() {
    if (this.#loaded?.entry !== this.view.entry) return; // another case still loads
    const { step, frame, index: { sigmas } } = this.view;
    paintStage(this.#loaded, step, frame, sigmas);
    this.showEvidence(step);
    paintBench(this.#loaded.runs.clean, step);
    if (byId("energy").checked) paintEnergy(this.#loaded, this.view);
    showPlace("step", step, stepName(step, sigmas));
    showPlace("frame", frame, `frame ${this.#loaded.frames[frame]}`);
    this.chart.move(step, frame);
    this.writeLink();
  }
}

/* The candidates of a case, whose pictures stand in the sheet below the row of the truth. */
function answersOf({ data, kinds, sheet, frames, size }) {
  const [h, w] = size;
  const draw = (context, answer) => {
    const x = (answer % frames.length) * w, y = (1 + Math.floor(answer / frames.length)) * h;
    context.drawImage(sheet, x, y, w, h, 0, 0, w, h);
  };
  return { n: data.n, solutions: data.solutions, runs: kinds.map(([, run]) => run), size, draw };
}

/* What the page is about, above everything else. */
function introduce({ study, model, cases, sigmas }) {
  const runs = cases.reduce((sum, entry) => sum + entry.runs.length, 0);
  document.title = `Step explorer: ${study}`;
  byId("about").textContent = `Study ${study}, model ${model}: ${cases.length} cases, `
    + `${runs} runs of ${sigmas.length - 1} denoising steps. Each picture is a clean estimate: `
    + "what the model takes the finished video to be at that step. "
    + "The results are this model's own.";
  byId("step").max = sigmas.length - 1;
}

/* Sets a slider, with words for people who do not see it. */
function showPlace(id, value, words) {
  byId(id).value = value;
  byId(id).setAttribute("aria-valuetext", words);
}
