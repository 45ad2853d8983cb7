/* Rows of a chart: pictures, curves, answers, spans of steps. Each appends one row. */

import { element, svgElement } from "./dom.js";

const CURVE = 52, CURVE_PAD = 6; // pixels
const ANSWER_PITCH = 13, SPAN_PITCH = 16;

/* Pictures of a film, a column for each look and a row for each of `frames`.

frames: columns of the film; names: what the gutter says of the first and the last; size: [h, w] of
a picture; pictureAt(look, frame): {image, x, y}, where the film has it.
*/
export function addGrid(chart, title, description, { frames, names, size, pictureAt }) {
  const [h, w] = size;
  const tall = Math.round(chart.cell * h / w);
  const height = tall * frames.length;
  chart.grids.push({ top: chart.height, height, tall, frames, mark: null });
  const row = chart.row(title, height, ...names);
  const scale = window.devicePixelRatio || 1;
  const canvas = element("canvas", { width: chart.width * scale, height: height * scale }, row);
  canvas.style.cssText = `display:block;width:${chart.width}px;height:${height}px`;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", description);
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "medium";
  const wide = chart.cell * scale, high = tall * scale;
  for (let look = 0; look < chart.looks; look++) {
    frames.forEach((frame, i) => {
      const { image, x, y } = pictureAt(look, frame);
      context.drawImage(image, x, y, w, h, look * wide, i * high, wide - scale, high - scale);
    });
  }
}

/* Curves [{values, kind, start}] from 0 to the largest value, or to `least` if that is more.

kind: the colour; what is noisy is dashed. start: the first look that is drawn.
*/
export function addCurves(chart, title, list, least, digits = 1) {
  const top = Math.max(least, ...list.flatMap((curve) => curve.values));
  const svg = chart.plot(title, CURVE, top.toFixed(digits), "0");
  const y = (value) => CURVE - CURVE_PAD - Math.max(0, value) / top * (CURVE - 2 * CURVE_PAD);
  for (const { values, kind, start = 0 } of list) {
    const points = values.map((value, look) => (value === null || look < start ? ""
      : `${chart.x(look)},${y(value).toFixed(1)}`)).filter(Boolean).join(" ");
    svgElement("polyline", { points, fill: "none", stroke: `var(--${kind})`, "stroke-width": 2,
      ...(kind === "noisy" ? { "stroke-dasharray": "6 3" } : {}) }, svg);
  }
}

/* The answer read at each look, a line for every answer that is ever read or right.

list: [{values, kind, start}] as for curves, -1 for no answer; solutions: the right answers.
*/
export function addAnswers(chart, title, list, solutions) {
  const read = new Set([...solutions, ...list.flatMap((item) => item.values)]);
  read.delete(-1);
  const order = [...read].sort((a, b) => a - b);
  const svg = chart.plot(title, ANSWER_PITCH * (order.length + 1) + 6, "", "none");
  const y = (answer) =>
    3 + ANSWER_PITCH * ((answer < 0 ? order.length : order.indexOf(answer)) + 0.5);
  for (const answer of order) {
    const right = solutions.includes(answer);
    if (right) {
      svgElement("rect", { x: 0, y: y(answer) - ANSWER_PITCH / 2, width: chart.width,
        height: ANSWER_PITCH, fill: "var(--right-band)" }, svg);
    }
    element("span", { textContent: `${answer + 1}${right ? " ✓" : ""}`,
      style: `top: ${y(answer) - 7}px` }, chart.gutter.lastChild);
  }
  for (const { values, kind, start = 0 } of list) {
    values.forEach((answer, look) => {
      if (look >= start) addAnswer(svg, chart.x(look), y(answer), kind, answer < 0);
    });
  }
}

/* A dot, or a frame around it for what is noisy; empty and pale where there is no answer. */
function addAnswer(svg, x, y, kind, none) {
  const noisy = kind === "noisy", side = 10, radius = 3;
  const look = { fill: none || noisy ? "none" : `var(--${kind})`, stroke: `var(--${kind})`,
    "stroke-width": 1.6, opacity: none ? 0.6 : 1 };
  if (noisy) {
    const corner = { x: x - side / 2, y: y - side / 2 };
    svgElement("rect", { ...corner, width: side, height: side, ...look }, svg);
  } else svgElement("circle", { cx: x, cy: y, r: radius, ...look }, svg);
}

/* Bars [{first, last, text}] over the steps that they name; no row if there are none. */
export function addSpans(chart, title, spans) {
  if (!spans.length) return;
  const svg = chart.plot(title, SPAN_PITCH * spans.length + 6, "", "");
  spans.forEach(({ first, last, text }, i) => {
    const x = first * chart.cell, y = 3 + i * SPAN_PITCH;
    svgElement("rect", { x, y, width: (last - first + 1) * chart.cell, height: SPAN_PITCH - 3,
      fill: "var(--span)" }, svg);
    svgElement("text", { x: x + 4, y: y + 10 }, svg).textContent = text;
  });
}
