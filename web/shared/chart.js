/* The steps of a run as one axis: rows under each other, marks, and a cursor over all of them.

What stands in the rows is drawn by chart_rows.js.
*/

import { element, svgElement } from "./dom.js";

const NARROWEST = 18; // pixels of a step

export class Chart {
  /* choose(step, frame or null): called when a place is pointed at. */
  constructor(root, choose) {
    this.gutter = element("div", { className: "gutter" }, root);
    this.scroller = element("div", { className: "scroller", tabIndex: 0 }, root);
    this.scroller.setAttribute("role", "group");
    this.scroller.setAttribute("aria-label", "Steps by frames, and curves along the steps");
    this.rows = element("div", { className: "rows" }, this.scroller);
    this.cursor = element("div", { className: "cursor" });
    this.#listen(choose);
  }

  #listen(choose) {
    const point = (event) => {
      const box = this.rows.getBoundingClientRect();
      const step = Math.floor((event.clientX - box.left) / this.cell);
      const y = event.clientY - box.top;
      const grid = this.grids.find(({ top, height }) => y >= top && y < top + height);
      if (step < 0 || step >= this.looks) return;
      choose(step, grid ? grid.frames[Math.floor((y - grid.top) / grid.tall)] : null);
    };
    this.rows.addEventListener("pointerdown", (event) => {
      if (event.pointerType === "mouse") this.rows.setPointerCapture(event.pointerId);
      point(event);
    });
    this.rows.addEventListener("pointermove", (event) => { if (event.buttons & 1) point(event); });
  }

  /* Empties the chart. looks: N + 1, which share the width there is. */
  start(looks) {
    this.gutter.replaceChildren();
    this.rows.replaceChildren();
    this.looks = looks;
    this.grids = []; // {top, height, tall, frames, mark} of each grid of pictures
    this.height = 0;
    this.cell = Math.max(NARROWEST, Math.floor(this.scroller.clientWidth / looks));
    this.width = this.cell * looks;
    this.rows.style.width = `${this.width}px`;
  }

  /* An empty row; top and bottom: what the gutter says at its ends. */
  row(title, height, top = "", bottom = "") {
    const label = element("div", { textContent: title }, this.gutter);
    label.style.height = `${height}px`;
    element("span", { textContent: top, style: "top: 3px" }, label);
    element("span", { textContent: bottom, style: "bottom: 3px" }, label);
    const row = element("div", { className: "row" }, this.rows);
    row.style.height = `${height}px`;
    this.height += height;
    return row;
  }

  /* A row with a drawing. */
  plot(title, height, top, bottom) {
    const box = { width: this.width, height, role: "img", "aria-label": title };
    return svgElement("svg", box, this.row(title, height, top, bottom));
  }

  /* The middle of a look. */
  x(look) { return (look + 0.5) * this.cell; }

  /* Names of steps, and a line from top to bottom for each mark [{look, text, kind}]. */
  finish(marks) {
    this.#nameSteps();
    for (const { look, text, kind } of marks) {
      const flip = look > this.looks * 0.7 ? " flip" : "";
      const mark = element("div", { className: `mark ${kind}${flip}` }, this.rows);
      mark.style.left = `${kind.includes("hit") ? look * this.cell : this.x(look)}px`;
      element("b", { textContent: text }, mark);
    }
    this.rows.append(this.cursor);
    this.cursor.style.width = `${this.cell}px`;
    for (const grid of this.grids) {
      grid.mark = element("div", { className: "cell" }, this.rows);
      grid.mark.style.width = `${this.cell}px`;
      grid.mark.style.height = `${grid.tall}px`;
    }
  }

  #nameSteps() {
    const svg = this.plot("step", 20, "", "");
    const every = this.looks > 30 ? 5 : this.looks > 12 ? 2 : 1;
    for (let look = 0; look < this.looks; look++) {
      const last = look === this.looks - 1;
      if (!last && (look % every || (this.looks - 1 - look) * this.cell < 46)) continue;
      const place = { x: this.x(look), y: 14, "text-anchor": last ? "end" : "middle" };
      if (last) place.x = this.width - 1;
      svgElement("text", place, svg).textContent = last ? "result" : look;
    }
  }

  /* Moves cursor and cell marks; the cursor stays in view. frame: column of the film. */
  move(look, frame) {
    const x = look * this.cell;
    this.cursor.style.transform = `translateX(${x}px)`;
    for (const { top, tall, frames, mark } of this.grids) {
      const near = (a, b) => Math.abs(a - frame) - Math.abs(b - frame);
      const row = frames.indexOf([...frames].sort(near)[0]);
      mark.style.transform = `translate(${x}px, ${top + row * tall}px)`;
    }
    const { scrollLeft, clientWidth } = this.scroller;
    if (x < scrollLeft || x + this.cell > scrollLeft + clientWidth) {
      this.scroller.scrollLeft = x - clientWidth / 2;
    }
  }
}
