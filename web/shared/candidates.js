/* The candidate answers of a puzzle, each with a picture and its evidence in each run. */

import { byId, element } from "./dom.js";

const LEAST = 0.05; // evidence below which a candidate that is never the answer is left out

/* Lists the candidates; returns what shows their evidence at a step.

n, solutions: how many there are, and the right ones; runs: [{answer, evidence}] by steps; size:
[h, w] of a picture; draw(context, answer): draws one.
*/
export function listCandidates({ n, solutions, runs, size, draw }) {
  const kept = worthShowing(n, solutions, runs);
  const rest = n - kept.length;
  byId("hidden-candidates").textContent = rest
    ? `${rest} more of ${n} candidates, never with evidence above ${LEAST}` : "";
  const bars = []; // [answer, run, its bar]
  byId("candidates").replaceChildren(...kept.map((answer) => {
    const right = solutions.includes(answer);
    const item = element("li", { className: right ? "solution" : "" });
    drawPicture(item, answer, size, draw);
    const words = element("div", {}, item);
    element("span", { textContent: `${answer + 1}${right ? " ✓ right" : ""}` }, words);
    runs.forEach((run, place) => {
      const meter = element("div", { className: place ? "meter noisy" : "meter" }, words);
      bars.push([answer, run, element("i", {}, meter)]);
    });
    return item;
  }));
  return (step) => {
    for (const [answer, run, bar] of bars) {
      bar.style.transform = `scaleX(${run.evidence[step]?.[answer] ?? 0})`;
    }
  };
}

/* Answers that are right, are read once, or have evidence; the right ones first. */
function worthShowing(n, solutions, runs) {
  const seen = (answer) => solutions.includes(answer) || runs.some((run) =>
    run.answer?.includes(answer) || run.evidence.some((look) => look[answer] >= LEAST));
  return [...Array(n).keys()].filter(seen)
    .sort((a, b) => solutions.includes(b) - solutions.includes(a));
}

function drawPicture(parent, answer, [h, w], draw) {
  const canvas = element("canvas", { width: w, height: h, className: "small" }, parent);
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `Picture of answer ${answer + 1}`);
  draw(canvas.getContext("2d"), answer);
}
