/* Labels by hand: the form, the table of a case's labels, their files. */

import { byId, element, fillSelect } from "../shared/dom.js";
import { keep, recall } from "../shared/keep.js";
import { BEHAVIOURS, labelsFromCsv, labelsToCsv } from "../shared/labels.js";
import { CLEAN } from "./view.js";
import { noiseName } from "./words.js";

const ANNOTATOR = "chain-of-steps annotator";

export class Labelling {
  /* changed(sentence): called when labels came or went; say: with a sentence alone. */
  constructor(view, labels, changed, say) {
    Object.assign(this, { view, labels, changed, say });
    const last = view.looks - 1;
    for (const id of ["first", "last"]) byId(id).max = last;
    byId("first").value = 0;
    byId("last").value = last;
    fillSelect(byId("label"), [["", "none"], ...BEHAVIOURS.map((name) => [name, name])], "");
    byId("annotator").value = recall(ANNOTATOR) ?? "";
    this.#listen();
  }

  #listen() {
    byId("first-here").onclick = () => { byId("first").value = this.view.step; };
    byId("last-here").onclick = () => { byId("last").value = this.view.step; };
    byId("label-form").onsubmit = (event) => {
      event.preventDefault();
      this.#add();
    };
    byId("export").onclick = () => this.#export();
    byId("import").onchange = (event) => this.#import(event.target);
  }

  /* The labels of the chosen run. */
  ofRun() {
    const { entry, seed, with: noise, index } = this.view;
    return this.labels.of(entry.case).filter((row) =>
      row.seed === seed && row.intervention === noise && row.model === index.model);
  }

  /* The table of the case's labels. */
  draw() {
    const rows = this.labels.of(this.view.entry.case);
    byId("labels").replaceChildren(...rows.map((row) => this.#line(row)));
    const kept = this.labels.kept ? ""
      : " This browser does not keep them: export before you leave.";
    byId("label-count").textContent = `Labels in this study: ${this.labels.rows.length}.${kept}`;
  }

  #line(row) {
    const line = element("tr");
    const noise = row.intervention === CLEAN ? "clean" : noiseName(row.intervention);
    const run = `seed ${row.seed}, ${noise}`, steps = `${row.first_step}–${row.last_step}`;
    const { label, success, annotator, note } = row;
    for (const text of [run, label || "–", success || "–", steps, annotator, note]) {
      element("td", { textContent: text }, line);
    }
    const button = element("button", { type: "button", textContent: "Remove" },
      element("td", {}, line));
    button.setAttribute("aria-label", `Remove ${label || "label"}, ${run}, steps ${steps}`);
    button.onclick = () => {
      this.labels.remove(row);
      this.changed("Label removed.");
      byId("label").focus();
    };
    return line;
  }

  #add() {
    const { view } = this;
    const text = (id) => byId(id).value.trim();
    const first = Number(byId("first").value), last = Number(byId("last").value);
    if (first > last) return this.say("“From step” is after “to step”: turn them round.");
    if (!text("label") && !text("success")) return this.say("Choose a behaviour or a success.");
    this.labels.add([{
      study: view.index.study, model: view.index.model, case: view.entry.case, seed: view.seed,
      intervention: view.with, label: text("label"), success: text("success"),
      first_step: first, last_step: last, annotator: text("annotator"), note: text("note"),
      time: new Date().toISOString(),
    }]);
    keep(ANNOTATOR, text("annotator"));
    this.changed("Label added.");
  }

  #export() {
    const file = new Blob([labelsToCsv(this.labels.rows)], { type: "text/csv" });
    const url = URL.createObjectURL(file);
    const name = byId("annotator").value.trim().replace(/[^\w-]+/g, "-");
    const download = `labels-${name || this.view.index.study}.csv`;
    element("a", { href: url, download }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
    this.say(`Labels exported: ${this.labels.rows.length}.`);
  }

  async #import(field) {
    const [file] = field.files;
    if (!file) return;
    try {
      const rows = labelsFromCsv(await file.text());
      const fresh = this.labels.add(rows);
      this.changed(`Labels added: ${fresh}, already here: ${rows.length - fresh}.`);
    } catch (error) {
      this.say(error.message);
    }
    field.value = "";
  }
}
