/* The candidate answers of a puzzle, each with a picture and its evidence in each run. */

import { byId, element } from "../shared/dom.js";

const LEAST = 0.05; // evidence below which a candidate that is never the answer is left out

/* Lists the candidates; returns what shows their evidence at a step. */
export function listCandidates({ data, kinds, sheet, frames, size }) {
  const runs = kinds.map(([, run]) => run);
  const kept = worthShowing(data, runs);
  const rest = data.n - kept.length;
  byId("hidden-candidates").textContent = rest
    ? `${rest} more of ${data.n} candidates, never with evidence above ${LEAST}` : "";
  const bars = []; // [answer, run, its bar]
  byId("candidates").replaceChildren(...kept.map((answer) => {
    const right = data.solutions.includes(answer);
    const item = element("li", { className: right ? "solution" : "" });
    drawPicture(item, answer, sheet, frames.length, size);
    const words = element("div", {}, item);
    element("span", { textContent: `${answer + 1}${right ? " ✓ right" : ""}` }, words);
    runs.forEach((run, n) => {
      const meter = element("div", { className: n ? "meter noisy" : "meter" }, words);
      bars.push([answer, run, element("i", {}, meter)]);
    });
    return item;
  }));
  return (step) => {
    for (const [answer, run, bar] of bars) {
      bar.style.transform = `scaleX(${run.evidence[step][answer]})`;
    }
  };
}

/* Answers that are right, are read once, or have evidence; the right ones first. */
function worthShowing({ n, solutions }, runs) {
  const seen = (answer) => solutions.includes(answer) || runs.some((run) =>
    run.answer?.includes(answer) || run.evidence.some((look) => look[answer] >= LEAST));
  return [...Array(n).keys()].filter(seen)
    .sort((a, b) => solutions.includes(b) - solutions.includes(a));
}

/* The candidates stand in the sheet below the row of the truth. */
function drawPicture(parent, answer, sheet, columns, [h, w]) {
  const canvas = element("canvas", { width: w, height: h, className: "small" }, parent);
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `Picture of answer ${answer + 1}`);
  const x = (answer % columns) * w, y = (1 + Math.floor(answer / columns)) * h;
  canvas.getContext("2d").drawImage(sheet, x, y, w, h, 0, 0, w, h);
}
