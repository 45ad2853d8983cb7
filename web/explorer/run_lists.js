/* The lists at the top: which cases are shown, and the run that is chosen of them. */

import { byId, fillSelect } from "../shared/dom.js";
import { CLEAN } from "./view.js";
import { caseName, noiseName, seedName } from "./words.js";

const clean = (entry) => entry.runs.filter((run) => run.with === CLEAN);

/* Which cases of the index each choice of the list "Show" keeps. */
const FILTERS = {
  all: () => true,
  right: (entry) => clean(entry).some((run) => run.right),
  wrong: (entry) => clean(entry).some((run) => run.right === 0),
  changes: (entry) => clean(entry).some((run) => run.answers > 1),
  noise: (entry) => entry.runs.some((run) => run.with !== CLEAN),
  energy: (entry) => entry.energy,
  labelled: (entry, labels) => labels.of(entry.case).length > 0,
  unlabelled: (entry, labels) => labels.of(entry.case).length === 0,
};

export class RunLists {
  /* choose(entry, seed, noise): called with what a person takes; say: with a sentence. */
  constructor(view, labels, choose, say) {
    Object.assign(this, { view, labels, choose, say });
    this.#listen();
  }

  #filtered() {
    const keeps = FILTERS[byId("filter").value];
    return this.view.index.cases.filter((entry) => keeps(entry, this.labels));
  }

  /* Fills the lists so that they hold what the view has chosen. */
  fill() {
    const { entry, seed, with: noise, index } = this.view;
    let list = this.#filtered();
    if (!list.includes(entry)) {
      byId("filter").value = "all";
      list = index.cases;
    }
    const tasks = [...new Set(list.map((other) => other.task))];
    fillSelect(byId("task"), tasks.map((task) => [task, index.titles[task] ?? task]), entry.task);
    const cases = list.filter((other) => other.task === entry.task);
    fillSelect(byId("case"), cases.map((other) => [other.case, caseName(other)]), entry.case);
    const at = list.indexOf(entry);
    byId("previous").disabled = at <= 0;
    byId("next").disabled = at >= list.length - 1;
    fillSelect(byId("seed"), clean(entry).map((run) => [run.seed, seedName(run)]), seed);
    const noises = entry.runs.filter((run) => run.seed === seed);
    fillSelect(byId("with"), noises.map((run) => [run.with, noiseName(run.with)]), noise);
    byId("with").disabled = noises.length === 1;
  }

  #go(by) {
    const list = this.#filtered();
    const entry = list[list.indexOf(this.view.entry) + by];
    if (entry) this.choose(entry);
  }

  #chooseFirst(list) {
    if (list.length) this.choose(list[0]);
    else this.say("No case is like that.");
  }

  #filter() {
    const list = this.#filtered();
    if (!list.length) byId("filter").value = "all";
    if (list.includes(this.view.entry)) this.fill();
    else this.#chooseFirst(list);
  }

  #listen() {
    const { view } = this;
    const taskIs = (task) => this.#filtered().filter((entry) => entry.task === task);
    byId("filter").onchange = () => this.#filter();
    byId("task").onchange = () => this.#chooseFirst(taskIs(byId("task").value));
    byId("case").onchange = () => this.choose(view.entries.get(byId("case").value));
    byId("seed").onchange = () => this.choose(view.entry, byId("seed").value);
    byId("with").onchange = () => this.choose(view.entry, view.seed, byId("with").value);
    byId("previous").onclick = () => this.#go(-1);
    byId("next").onclick = () => this.#go(1);
    byId("choose").onsubmit = (event) => event.preventDefault();
  }
}
