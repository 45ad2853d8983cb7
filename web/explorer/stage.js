/* The large pictures: the clean run, the run under noise, the truth. */

import { byId } from "../shared/dom.js";
import { readingOf, stepName } from "../shared/words.js";
import { noiseName } from "./words.js";

const SMALL = 160; // pictures up to this width are drawn with hard pixels

/* What the stage needs once for each run. */
export function prepareStage(loaded) {
  const { data, runs, frames, size: [h, w] } = loaded;
  byId("prompt").textContent = data.prompt;
  for (const part of document.querySelectorAll(".noisy")) part.hidden = !runs.noisy;
  byId("stage").classList.toggle("alone", !runs.noisy);
  for (const id of ["clean", "noisy", "truth"]) {
    const canvas = byId(id);
    if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
    canvas.className = w <= SMALL ? "small" : "";
  }
  byId("frame").max = frames.length - 1;
  byId("truth-name").textContent = data.truth ? "Ground truth" : "First frame";
  byId("answers").hidden = byId("right-key").hidden = !data.n;
}

/* Draws a step and a frame, a column of the films. */
export function paintStage(loaded, step, frame, sigmas) {
  for (const [kind, run] of loaded.kinds) paintRun(loaded, kind, run, step, frame, sigmas);
  const { data, sheet, frames, size: [h, w] } = loaded, canvas = byId("truth");
  canvas.getContext("2d").drawImage(sheet, frame * w, 0, w, h, 0, 0, w, h);
  canvas.setAttribute("aria-label",
    data.truth ? `Ground truth, frame ${frames[frame]}` : "First frame");
}

function paintRun(loaded, kind, run, step, frame, sigmas) {
  const [h, w] = loaded.size, canvas = byId(kind);
  const { image, x, y } = loaded.pictureAt(kind, step, frame);
  canvas.getContext("2d").drawImage(image, x, y, w, h, 0, 0, w, h);
  const reading = readingOf(run, step, loaded.data.solutions);
  const words = `${stepName(step, sigmas)}, frame ${loaded.frames[frame]}${reading}`;
  byId(`${kind}-says`).textContent = words;
  const title = kind === "clean" ? "clean run" : noiseName(run.with);
  canvas.setAttribute("aria-label", `Clean estimate, ${title}, ${words}`);
}
