/* The controls of the runs: what they show, and what they change in the view. */

import { byId, fillSelect } from "../shared/dom.js";

const NUMBERS = ["steps", "seed", "passes", "level", "at", "tiles"];
const CHOICES = ["model", "second", "change"];

/* changed(): called when the view is another. */
export function listenToSettings(view, changed) {
  for (const id of [...NUMBERS, ...CHOICES, "answer"]) {
    byId(id).onchange = () => {
      const { value } = byId(id);
      if (NUMBERS.includes(id)) view.set({ [id]: value === "" ? NaN : Number(value) });
      else view.set({ [id]: id === "answer" ? Number(value) : value });
      changed();
    };
  }
  byId("settings").onsubmit = byId("puzzle").onsubmit = (event) => event.preventDefault();
  for (const change of ["mistake", "picture", "prefix", "none"]) {
    byId(`do-${change}`).onclick = () => {
      view.set({ change, at: Math.min(view.step, view.length - 1) });
      changed();
    };
  }
}

/* Shows what the view says. answers: how many there are; put: the one that is put in. */
export function showSettings(view, answers, put) {
  const { facts } = view;
  const named = ({ name, blocks }) => [name, `${name} (${blocks} block${blocks > 1 ? "s" : ""})`];
  const models = facts.models.map(named);
  fillSelect(byId("task"), view.tasks.map(({ name, title }) => [name, title]), view.name);
  byId("split").value = view.split;
  fillSelect(byId("model"), models, view.model);
  fillSelect(byId("second"), [["", "no second model"], ...models], view.second);
  const { steps, seed, at, tiles, loop: { passes, sigma: level } } = view;
  for (const [id, value] of Object.entries({ steps, seed, at, tiles, passes, level })) {
    byId(id).value = value;
  }
  byId("change").value = view.change;
  byId("at").max = view.length - 1;
  fillSelect(byId("answer"), Array.from({ length: answers }, (_, n) => [n, n + 1]), put);
  const puts = ["mistake", "prefix"].includes(view.change);
  byId("at").disabled = view.change === "none";
  byId("answer").disabled = !puts;
  byId("tiles").disabled = view.change !== "prefix";
  byId("front").checked = view.front;
}
