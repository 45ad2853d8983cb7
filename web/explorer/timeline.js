/* The run along its steps: films, answers, curves, labels and marks on one axis. */

import { addAnswers, addCurves, addGrid, addSpans } from "../shared/chart_rows.js";

const GRID_FRAMES = 5;
const TITLES = { clean: "clean run", noisy: "under noise" };

/* labels: those of the run. */
export function drawTimeline(chart, loaded, sigmas, labels) {
  const { data, kinds } = loaded;
  const curve = (name) => kinds.map(([kind, run]) =>
    ({ values: run[name], kind, start: loaded.startOf(kind) }));
  chart.start(sigmas.length);
  chart.row("", loaded.runs.noisy ? 46 : 17); // where the words of the marks stand
  for (const [kind] of kinds) addFilm(chart, loaded, kind);
  if (data.n) {
    addAnswers(chart, "answer", curve("answer"), data.solutions);
    addCurves(chart, "candidates", curve("candidates"), 2);
    addCurves(chart, "score", curve("score"), 1, 0);
  }
  addCurves(chart, "1 − CKA", curve("dissimilarity"), 0.05, 2);
  addCurves(chart, "noise level σ", [{ values: sigmas, kind: "soft" }], 1, 0);
  addSpans(chart, "labels", labels.map(spanOf));
  chart.finish(marksOf(loaded));
}

function addFilm(chart, loaded, kind) {
  const { frames, size } = loaded;
  const columns = spread(frames.length, GRID_FRAMES);
  const shown = columns.map((column) => frames[column]);
  const description = `Clean estimates, ${TITLES[kind]}: ${chart.looks - 1} steps and the result`
    + ` from left to right, frames ${shown.join(", ")} downwards`;
  addGrid(chart, `${TITLES[kind]}, frames`, description, {
    frames: columns,
    names: [frames[0], frames.at(-1)],
    size,
    pictureAt: (look, frame) => loaded.pictureAt(kind, look, frame),
  });
}

/* At most `most` of n columns at equal distances, with the first and the last. */
function spread(n, most) {
  const places = Array.from({ length: most }, (_, i) => Math.round(i * (n - 1) / (most - 1)));
  return [...new Set(places)];
}

/* Where each run commits, and where noise at a step came in. */
function marksOf({ kinds, runs }) {
  const marks = kinds.filter(([, run]) => run.commitment !== null)
    .map(([kind, run]) => ({ look: run.commitment, kind, text: "commits" }));
  const [at, number] = (runs.noisy?.with ?? "").split("-");
  if (at === "step") marks.push({ look: Number(number), kind: "noisy hit", text: "noise" });
  return marks;
}

function spanOf(row) {
  const words = [row.label, row.success && `success: ${row.success}`].filter(Boolean);
  return { first: row.first_step, last: row.last_step, text: words.join(", ") };
}
