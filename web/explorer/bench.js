/* What VBVR-Bench gives the clean run's video of a step, and what its scorer says beside it. */

import { byId, element } from "../shared/dom.js";

/* run.bench: look -> what each scorer says, {by, score, reason, details}. */
export function paintBench(run, step) {
  byId("bench").hidden = !run.bench;
  if (!run.bench) return;
  const said = run.bench[step] ?? [];
  byId("bench-score").textContent = said.map(scoreOf).join("; ") || "no video of this step";
  byId("bench-details").replaceChildren();
  for (const { by, reason, details } of said) {
    addRow("by", by);
    if (reason) addRow("why", reason);
    for (const [name, value] of flat(details ?? {})) addRow(name, value);
  }
}

const scoreOf = ({ score }) => (score === null ? "no score" : score.toFixed(3));

function addRow(name, value) {
  element("dt", { textContent: name }, byId("bench-details"));
  element("dd", { textContent: value }, byId("bench-details"));
}

/* [name, text] of every value; names of nested ones are joined by dots. */
function flat(value, name = "") {
  if (value === null || typeof value !== "object") return [[name, String(value)]];
  if (Array.isArray(value)) return [[name, value.map((one) => JSON.stringify(one)).join(", ")]];
  return Object.entries(value).flatMap(([key, one]) => flat(one, name ? `${name}.${key}` : key));
}
