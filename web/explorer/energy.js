/* Token energy, laid over the picture of the clean run. */

import { byId, colour, fillSelect } from "../shared/dom.js";

const STRONGEST = 0.8; // opacity of a token of twice, or half, the median

/* The tick and the list of layers, and why there is nothing to tick. */
export function prepareEnergy({ data, maps }, view) {
  const on = view.energy && Boolean(maps);
  byId("energy").disabled = !data.energy;
  byId("energy").checked = on;
  byId("layer").disabled = !on;
  if (!data.energy) {
    byId("energy-says").textContent = view.index.cases.some((entry) => entry.energy)
      ? "not measured for this case" : "not measured in this study";
  } else if (!on) byId("energy-says").textContent = "";
  if (!maps) return;
  const layers = Object.keys(Object.values(maps.values)[0]);
  view.showLayer(view.layer, layers);
  fillSelect(byId("layer"), layers.map((layer) => [layer, layer]), view.layer);
}

/* Colours the tokens of the measured step that is nearest to the view's. */
export function paintEnergy({ maps, frames }, { step, frame, layer, seed }) {
  const { grid: [deep, rows, columns], values } = maps;
  if (seed !== maps.seed) {
    byId("energy-says").textContent = `measured for seed ${maps.seed}`;
    return;
  }
  const near = Object.keys(values).map(Number).reduce((best, other) =>
    (Math.abs(other - step) < Math.abs(best - step) ? other : best));
  // a latent frame stands for the pixel frames up to its own, the first one for itself
  const span = frames.at(-1) / Math.max(1, deep - 1);
  const first = Math.ceil(frames[frame] / span - 1e-9) * rows * columns;
  const tokens = values[near][layer].slice(first, first + rows * columns);
  paintTokens(byId("clean"), tokens, rows, columns);
  byId("energy-says").textContent = `orange above, blue below the layer's median at step ${near}`
    + " (full colour: twice, half)";
}

/* tokens: 100 log2 of energy over the median, row by row. */
function paintTokens(canvas, tokens, rows, columns) {
  const context = canvas.getContext("2d");
  const wide = canvas.width / columns, high = canvas.height / rows;
  const above = colour("--above"), below = colour("--below");
  tokens.forEach((token, i) => {
    context.fillStyle = token > 0 ? above : below;
    context.globalAlpha = Math.min(1, Math.abs(token / 100)) * STRONGEST;
    context.fillRect((i % columns) * wide, Math.floor(i / columns) * high, wide, high);
  });
  context.globalAlpha = 1;
}
