/* The front: which tiles of the last beat are decided, along the steps and on the picture. */

import { colour, element } from "../shared/dom.js";
import { TILE } from "./board.js";

const PITCH = 7; // pixels of a tile's line

/* A line for each tile in the order of its inferences: pale where it leads, full if accepted. */
export function addFront(chart, lane, title) {
  const order = [...(lane.front[0] ?? []).keys()]
    .sort((a, b) => lane.front[0][a].depth - lane.front[0][b].depth);
  if (!order.length) return;
  const depths = order.map((n) => lane.front[0][n].depth);
  const height = PITCH * order.length;
  const row = chart.row(title, Math.max(height, 30), `${depths[0]}`, `${depths.at(-1)}`);
  const canvas = element("canvas", { width: chart.width, height }, row);
  canvas.style.cssText = `display:block;width:${chart.width}px;height:${height}px`;
  canvas.setAttribute("role", "img");
  const decided = lane.decided, found = order.map((n) => decided[n])
    .map(({ depth, from }) => `depth ${depth} ${from < lane.seen ? `from step ${from}` : "never"}`);
  canvas.setAttribute("aria-label", `${title}: tiles decided, ${found.join("; ")}`);
  const context = canvas.getContext("2d");
  context.fillStyle = colour(`--${lane.kind}`);
  lane.front.forEach((tiles, look) => order.forEach((n, line) => {
    const { leads, accepted } = tiles[n];
    context.globalAlpha = accepted ? 1 : leads ? 0.35 : 0;
    context.fillRect(look * chart.cell + 1, line * PITCH + 1, chart.cell - 2, PITCH - 2);
  }));
}

/* Marks on a picture: a corner on a tile that is accepted, an empty one where it leads. */
export function markFront(context, lane, step, board) {
  context.fillStyle = context.strokeStyle = colour("--right");
  for (const { cell, leads, accepted } of lane.front[step] ?? []) {
    const [row, column] = board.place(cell), x = column * TILE + 11, y = row * TILE + 1;
    if (accepted) context.fillRect(x, y, 4, 4);
    else if (leads) context.strokeRect(x + 0.5, y + 0.5, 3, 3);
  }
}
