/* What one takes along: all steps as a PNG, the steps one after another as a GIF. */

import { element } from "../shared/dom.js";
import { gifOf } from "./gif.js";

const SCALE = 3, PAD = 6, LINE = 16, PAUSE = 16, END = 150; // pixels; hundredths of a second
const ROWS = 5; // frames of each run in the PNG

export function download(name, blob) {
  const href = URL.createObjectURL(blob);
  element("a", { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 10000);
}

const spread = (n, most) => [...new Set(
  Array.from({ length: most }, (_, i) => Math.round(i * (n - 1) / (most - 1))))];

function sheetOf(width, height) {
  const canvas = element("canvas", { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.fillStyle = "#1b1b1b";
  context.font = "12px system-ui, sans-serif";
  context.imageSmoothingEnabled = false;
  return { canvas, context };
}

/* A column for each look, the frames of each run under each other; words: above them. */
export async function pngOf(lanes, words) {
  const [h, w] = lanes[0].size, { seen } = lanes[0];
  const frames = spread(lanes[0].codec.board.frames, ROWS), block = frames.length * (h + 2) + LINE;
  const { canvas, context } = sheetOf(Math.max(2 * PAD + seen * (w + 2), 480),
    2 * PAD + LINE + lanes.length * block);
  context.fillText(words, PAD, PAD + 12);
  lanes.forEach((lane, n) => {
    const top = PAD + LINE + n * block;
    context.fillText(lane.title, PAD, top + 12);
    for (let look = 0; look < lane.seen; look++) {
      frames.forEach((frame, i) => {
        const { image, x, y } = lane.pictureAt(look, frame);
        context.drawImage(image, x, y, w, h, PAD + look * (w + 2), top + LINE + i * (h + 2), w, h);
      });
    }
  });
  return new Promise((resolve) => { canvas.toBlob(resolve, "image/png"); });
}

/* A frame of all looks, the runs beside each other. */
export function gifOfSteps(lanes, frame, stepName) {
  const [h, w] = lanes[0].size, wide = w * SCALE, tall = h * SCALE;
  const { canvas, context } = sheetOf(lanes.length * (wide + PAD) - PAD, tall + LINE);
  const frames = Array.from({ length: lanes[0].seen }, (_, look) => {
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.fillStyle = "#1b1b1b";
    context.fillText(stepName(look), 2, tall + 12);
    lanes.forEach((lane, n) => {
      const { image, x, y } = lane.pictureAt(look, frame);
      context.drawImage(image, x, y, w, h, n * (wide + PAD), 0, wide, tall);
    });
    return context.getImageData(0, 0, canvas.width, canvas.height);
  });
  const pauses = frames.map((_, n) => (n < frames.length - 1 ? PAUSE : END));
  return new Blob([gifOf(frames, pauses)], { type: "image/gif" });
}
