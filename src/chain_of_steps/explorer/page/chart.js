/* The run along its steps: grids of clean estimates and curves, all on one axis. */
"use strict";

class Chart {
  static MIN_CELL = 18;
  static CURVE = 52;
  static PAD = 6;

  /* choose(step, frame or null): called when a place is pointed at. */
  constructor(root, choose) {
    this.root = root;
    this.choose = choose;
    this.gutter = Chart.element("div", { className: "gutter" }, root);
    this.scroller = Chart.element("div", { className: "scroller", tabIndex: 0 }, root);
    this.scroller.setAttribute("role", "group");
    this.scroller.setAttribute("aria-label", "Steps by frames, and curves along the steps");
    this.rows = Chart.element("div", { className: "rows" }, this.scroller);
    this.cursor = Chart.element("div", { className: "cursor" });
    this.cells = [];
    const point = (event) => {
      const box = this.rows.getBoundingClientRect();
      const step = Math.floor((event.clientX - box.left) / this.cell);
      const y = event.clientY - box.top;
      const grid = this.grids.find((g) => y >= g.top && y < g.top + g.height);
      const row = grid && Math.floor((y - grid.top) / (grid.height / this.frames.length));
      if (step >= 0 && step < this.looks) this.choose(step, grid ? this.frames[row] : null);
    };
    this.rows.addEventListener("pointerdown", (event) => {
      if (event.pointerType === "mouse") this.rows.setPointerCapture(event.pointerId);
      point(event);
    });
    this.rows.addEventListener("pointermove", (event) => { if (event.buttons & 1) point(event); });
  }

  static element(name, properties = {}, parent = null) {
    const made = Object.assign(document.createElement(name), properties);
    parent?.append(made);
    return made;
  }

  static svg(name, attributes, parent) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    parent.append(made);
    return made;
  }

  /* looks: N + 1; frames: columns of the film that the grids show; size: [h, w] of a picture. */
  start(looks, frames, size) {
    Object.assign(this, { looks, frames, size, grids: [], cells: [] });
    this.gutter.replaceChildren();
    this.rows.replaceChildren();
    this.height = 0;
    this.cell = Math.max(Chart.MIN_CELL, Math.floor(this.scroller.clientWidth / looks));
    this.width = this.cell * looks;
    this.rows.style.width = `${this.width}px`;
  }

  row(title, height, top = "", bottom = "") {
    const label = Chart.element("div", { textContent: title }, this.gutter);
    label.style.height = `${height}px`;
    Chart.element("span", { textContent: top, style: "top: 3px" }, label);
    Chart.element("span", { textContent: bottom, style: "bottom: 3px" }, label);
    const row = Chart.element("div", { className: "row" }, this.rows);
    row.style.height = `${height}px`;
    this.height += height;
    return row;
  }

  plot(title, height, top, bottom) {
    const box = { width: this.width, height, role: "img", "aria-label": title };
    return Chart.svg("svg", box, this.row(title, height, top, bottom));
  }

  x(look) { return (look + 0.5) * this.cell; }

  /* A grid of pictures; returns the function that draws it from a film once that is there. */
  grid(title, description) {
    const tall = Math.round(this.cell * this.size[0] / this.size[1]);
    const height = tall * this.frames.length;
    const top = this.height;
    const row = this.row(`${title}, frames`, height, this.frameNames[0], this.frameNames[1]);
    const scale = window.devicePixelRatio || 1;
    const canvas = Chart.element("canvas", { width: this.width * scale, height: height * scale }, row);
    canvas.style.cssText = `display:block;width:${this.width}px;height:${height}px`;
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", description);
    this.grids.push({ top, height });
    this.cells.push({ top, tall, mark: null });
    return (film) => {
      const context = canvas.getContext("2d");
      context.imageSmoothingQuality = "medium";
      const [h, w] = this.size, wide = this.cell * scale, high = tall * scale;
      for (let look = 0; look < this.looks; look++) {
        this.frames.forEach((frame, i) => film(look, frame, (image, x, y) => context.drawImage(
          image, x, y, w, h, look * wide, i * high, wide - scale, high - scale)));
      }
    };
  }

  /* Curves [{values, kind, start}] from 0 to the largest value, or to `least` if that is more. */
  curves(title, list, least, digits = 1) {
    const top = Math.max(least, ...list.flatMap((curve) => curve.values));
    const height = Chart.CURVE, { PAD } = Chart;
    const svg = this.plot(title, height, top.toFixed(digits), "0");
    const y = (value) => height - PAD - Math.max(0, value) / top * (height - 2 * PAD);
    for (const { values, kind, start = 0 } of list) {
      const points = values.map((value, look) => value === null || look < start ? ""
        : `${this.x(look)},${y(value).toFixed(1)}`).filter(Boolean).join(" ");
      const noisy = kind === "noisy";
      Chart.svg("polyline", { points, fill: "none", stroke: `var(--${kind})`, "stroke-width": 2,
        ...(noisy ? { "stroke-dasharray": "6 3" } : {}) }, svg);
    }
  }

  /* The answer read at each look, a line for every answer that is ever read or right. */
  answers(title, list, solutions) {
    const read = new Set([...solutions, ...list.flatMap((item) => item.values)]);
    read.delete(-1);
    const order = [...read].sort((a, b) => a - b);
    const pitch = 13, height = pitch * (order.length + 1) + 6;
    const svg = this.plot(title, height, "", "none");
    const y = (answer) => 3 + pitch * ((answer < 0 ? order.length : order.indexOf(answer)) + 0.5);
    order.forEach((answer) => {
      if (solutions.includes(answer)) {
        Chart.svg("rect", { x: 0, y: y(answer) - pitch / 2, width: this.width, height: pitch,
          fill: "#dfece8" }, svg);
      }
      Chart.element("span", { textContent: `${answer + 1}${solutions.includes(answer) ? " ✓" : ""}`,
        style: `top: ${y(answer) - 7}px` }, this.gutter.lastChild);
    });
    list.forEach(({ values, kind, start = 0 }) => values.forEach((answer, look) => {
      if (look < start) return;
      const noisy = kind === "noisy", size = noisy ? 7 : 4;
      const shared = { fill: answer < 0 || noisy ? "none" : `var(--${kind})`,
        stroke: `var(--${kind})`, "stroke-width": 1.6, opacity: answer < 0 ? 0.6 : 1 };
      if (noisy) {
        Chart.svg("rect", { x: this.x(look) - size / 2 - 1.5, y: y(answer) - size / 2 - 1.5,
          width: size + 3, height: size + 3, ...shared }, svg);
      } else Chart.svg("circle", { cx: this.x(look), cy: y(answer), r: size - 1, ...shared }, svg);
    }));
  }

  /* Labels as bars over their steps. */
  labels(rows) {
    if (!rows.length) return;
    const pitch = 16, svg = this.plot("labels", pitch * rows.length + 6, "", "");
    rows.forEach((row, i) => {
      const x = row.first_step * this.cell, wide = (row.last_step - row.first_step + 1) * this.cell;
      Chart.svg("rect", { x, y: 3 + i * pitch, width: wide, height: pitch - 3, fill: "#dcdcd6" }, svg);
      const words = [row.label, row.success && `success: ${row.success}`].filter(Boolean);
      Chart.svg("text", { x: x + 4, y: 13 + i * pitch }, svg).textContent = words.join(", ");
    });
  }

  /* Names of steps, and a line from top to bottom for each mark [{look, text, kind}]. */
  finish(marks) {
    const svg = this.plot("step", 20, "", "");
    const every = this.looks > 30 ? 5 : this.looks > 12 ? 2 : 1;
    for (let look = 0; look < this.looks; look++) {
      const last = look === this.looks - 1;
      if (!last && (look % every || (this.looks - 1 - look) * this.cell < 46)) continue;
      const place = { x: this.x(look), y: 14, "text-anchor": last ? "end" : "middle" };
      if (last) place.x = this.width - 1;
      Chart.svg("text", place, svg).textContent = last ? "result" : look;
    }
    for (const { look, text, kind } of marks) {
      const flip = look > this.looks * 0.7 ? " flip" : "";
      const mark = Chart.element("div", { className: `mark ${kind}${flip}` }, this.rows);
      mark.style.left = `${kind.includes("hit") ? look * this.cell : this.x(look)}px`;
      Chart.element("b", { textContent: text }, mark);
    }
    this.rows.append(this.cursor);
    this.cursor.style.width = `${this.cell}px`;
    for (const cell of this.cells) {
      cell.mark = Chart.element("div", { className: "cell" }, this.rows);
      cell.mark.style.width = `${this.cell}px`;
      cell.mark.style.height = `${cell.tall}px`;
    }
  }

  /* Moves cursor and cell marks; the cursor stays in view. frame: column of the film. */
  move(look, frame) {
    const x = look * this.cell;
    this.cursor.style.transform = `translateX(${x}px)`;
    const near = (a, b) => Math.abs(a - frame) - Math.abs(b - frame);
    const row = this.frames.indexOf([...this.frames].sort(near)[0]);
    for (const { top, tall, mark } of this.cells) {
      mark.style.transform = `translate(${x}px, ${top + row * tall}px)`;
    }
    const { scrollLeft, clientWidth } = this.scroller;
    if (x < scrollLeft || x + this.cell > scrollLeft + clientWidth) {
      this.scroller.scrollLeft = x - clientWidth / 2;
    }
  }
}
