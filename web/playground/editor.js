/* Drawing the puzzle: with mouse or touch where one points, with the keyboard at a cursor. */

import { byId, element } from "../shared/dom.js";
import { TILE } from "./board.js";
import { paintScene } from "./paint.js";

const ARROWS = ["ArrowUp", "ArrowRight", "ArrowDown", "ArrowLeft"]; // as SIDES
const KEYS = { s: "start", g: "goal" };
const SCALE = 4; // pixels of the canvas for one of the picture

export class Editor {
  #cursor = 0;
  #tool = null;

  /* changed(): called when the puzzle has been drawn on. */
  constructor(view, tiles, changed) {
    Object.assign(this, { view, tiles, changed });
    const { board } = view;
    this.canvas = byId("board");
    Object.assign(this.canvas, { width: board.columns * TILE * SCALE,
      height: board.rows * TILE * SCALE });
    this.canvas.onpointerdown = (event) => this.#point(event);
    this.canvas.onkeydown = (event) => this.#press(event);
    this.canvas.onfocus = this.canvas.onblur = () => this.paint();
  }

  /* The tools of the task, the first one taken up. */
  fillTools() {
    const { tools } = this.view.task;
    if (!(this.#tool in tools)) [this.#tool] = Object.keys(tools);
    byId("tools").replaceChildren(...Object.entries(tools).map(([tool, text]) => {
      const button = element("button", { type: "button", textContent: `Draw ${text}` });
      button.setAttribute("aria-pressed", tool === this.#tool);
      button.dataset.tool = tool;
      button.onclick = () => {
        this.#tool = tool;
        for (const other of byId("tools").children) {
          other.setAttribute("aria-pressed", other === button);
        }
      };
      return button;
    }));
  }

  paint() {
    const { view, canvas } = this, { board, task, layout } = view;
    const scene = task.empty(layout, board), context = canvas.getContext("2d");
    const small = element("canvas", { width: board.columns * TILE, height: board.rows * TILE });
    small.getContext("2d").putImageData(paintScene(scene, board, this.tiles), 0, 0);
    context.imageSmoothingEnabled = false;
    context.drawImage(small, 0, 0, canvas.width, canvas.height);
    const [row, column] = board.place(this.#cursor), side = TILE * SCALE;
    if (document.activeElement === canvas) {
      context.lineWidth = 4;
      context.strokeStyle = "#0b5f93";
      context.strokeRect(column * side + 2, row * side + 2, side - 4, side - 4);
    }
    const tile = scene[this.#cursor].replaceAll("+", ", ").replaceAll(":", " ") || "empty";
    canvas.setAttribute("aria-label",
      `The puzzle. Row ${row + 1}, column ${column + 1}: ${tile}. Enter draws.`);
  }

  #point(event) {
    const { board } = this.view, box = this.canvas.getBoundingClientRect();
    const edge = this.canvas.clientLeft; // of its frame
    const x = (event.clientX - box.left - edge) / this.canvas.clientWidth * board.columns;
    const y = (event.clientY - box.top - edge) / this.canvas.clientHeight * board.rows;
    if (x < 0 || y < 0 || x >= board.columns || y >= board.rows) return;
    this.#cursor = board.cell(Math.floor(y), Math.floor(x));
    const [right, down] = [x % 1, y % 1]; // the nearest edge of the tile
    const near = [down, 1 - right, 1 - down, right];
    this.#draw(this.#tool, near.indexOf(Math.min(...near)));
  }

  #press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { board, task } = this.view, side = ARROWS.indexOf(event.key);
    if (side >= 0) {
      const walls = event.shiftKey && "walls" in task.tools;
      if (walls) this.#draw("walls", side);
      else this.#cursor = board.beside(this.#cursor, side) ?? this.#cursor;
    } else if (event.key === "Enter" || event.key === " ") {
      if (this.#tool !== "walls") this.#draw(this.#tool, 0);
    } else if (KEYS[event.key.toLowerCase()] in task.tools) {
      this.#draw(KEYS[event.key.toLowerCase()], 0);
    } else return;
    event.preventDefault();
    event.stopPropagation(); // the page's own keys
    this.paint();
  }

  #draw(tool, side) {
    this.view.draw(tool, this.#cursor, side);
    this.changed();
  }
}
