/* The runs along their steps: films, front, answers, curves and marks on one axis. */

import { addAnswers, addCurves, addGrid } from "../shared/chart_rows.js";
import { addFront } from "./front.js";

const FRAMES = 3; // of each film

/* lanes: the runs so far; sigmas: of all looks; at: where the second run is changed, or null. */
export function drawTimeline(chart, lanes, sigmas, solutions, at) {
  const curve = (name) => lanes.map((lane) => ({ values: lane[name], kind: lane.kind }));
  chart.start(sigmas.length);
  chart.row("", lanes.length > 1 ? 46 : 17); // where the words of the marks stand
  for (const lane of lanes) addFilm(chart, lane);
  for (const lane of lanes) addFront(chart, lane, lane.kind === "clean" ? "front" : "front 2");
  addAnswers(chart, "answer", curve("answer"), solutions);
  addCurves(chart, "candidates", curve("candidates"), 2, 0);
  addCurves(chart, "score", curve("score"), 1, 0);
  addCurves(chart, "noise level σ", [{ values: sigmas, kind: "soft" }], 1, 0);
  const marks = lanes.filter((lane) => lane.commitment !== null)
    .map((lane) => ({ look: lane.commitment, kind: lane.kind, text: "commits" }));
  if (at !== null) marks.push({ look: at, kind: "noisy hit", text: "changed" });
  chart.finish(marks);
}

function addFilm(chart, lane) {
  const { codec: { board }, size } = lane, last = board.frames - 1;
  const frames = Array.from({ length: FRAMES }, (_, i) => Math.round((i + 1) * last / FRAMES));
  addGrid(chart, `${lane.title}, frames`,
    `Clean estimates, ${lane.title}: steps from left to right, frames ${frames.join(", ")}`
      + " downwards",
    { frames, names: [frames[0], last], size,
      pictureAt: (look, frame) => lane.pictureAt(look, frame) });
}
