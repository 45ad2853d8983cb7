/* Made by `make page` from web/playground: change it there. */
"use strict";
(() => {
  // shared/script_data.js
  var ScriptData = class {
    #waiting = /* @__PURE__ */ new Map();
    // key -> resolve
    /* remedy: what to do where a script is missing, after a colon. */
    constructor(remedy) {
      this.remedy = remedy;
    }
    load(source, key) {
      return new Promise((resolve, reject) => {
        this.#waiting.set(key, resolve);
        const tag = document.createElement("script");
        tag.src = source;
        tag.onload = () => tag.remove();
        tag.onerror = () => reject(new Error(`${source} cannot be read: ${this.remedy}.`));
        document.head.append(tag);
      });
    }
    answer(key, content) {
      this.#waiting.get(key)?.(content);
      this.#waiting.delete(key);
    }
  };

  // playground/assets.js
  var Assets = class {
    #here = /* @__PURE__ */ new Map();
    // name -> promise of its content
    #scripts = new ScriptData("make the playground again");
    add(name, content) {
      this.#here.set(name, this.#here.get(name) ?? Promise.resolve(content));
      this.#scripts.answer(name, content);
    }
    load(name) {
      if (!this.#here.has(name)) {
        const loading = this.#scripts.load(
          `${name.split("/").map(encodeURIComponent).join("/")}.js`,
          name
        );
        this.#here.set(name, loading);
        loading.catch(() => this.#here.delete(name));
      }
      return this.#here.get(name);
    }
  };

  // shared/dom.js
  var byId = (id) => document.getElementById(id);
  function element(name, properties = {}, parent = null) {
    const made = Object.assign(document.createElement(name), properties);
    parent?.append(made);
    return made;
  }
  function svgElement(name, attributes, parent) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    parent.append(made);
    return made;
  }
  function fillSelect(select, list, value) {
    select.replaceChildren(...list.map(([key, text]) => new Option(text, key)));
    select.value = value;
  }
  var colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // shared/candidates.js
  var LEAST = 0.05;
  function listCandidates({ n, solutions, runs, size, draw }) {
    const kept = worthShowing(n, solutions, runs);
    const rest = n - kept.length;
    byId("hidden-candidates").textContent = rest ? `${rest} more of ${n} candidates, never with evidence above ${LEAST}` : "";
    const bars = [];
    byId("candidates").replaceChildren(...kept.map((answer) => {
      const right = solutions.includes(answer);
      const item = element("li", { className: right ? "solution" : "" });
      drawPicture(item, answer, size, draw);
      const words = element("div", {}, item);
      element("span", { textContent: `${answer + 1}${right ? " ✓ right" : ""}` }, words);
      runs.forEach((run, place) => {
        const meter = element("div", { className: place ? "meter noisy" : "meter" }, words);
        bars.push([answer, run, element("i", {}, meter)]);
      });
      return item;
    }));
    return (step) => {
      for (const [answer, run, bar] of bars) {
        bar.style.transform = `scaleX(${run.evidence[step]?.[answer] ?? 0})`;
      }
    };
  }
  function worthShowing(n, solutions, runs) {
    const seen = (answer) => solutions.includes(answer) || runs.some((run) => run.answer?.includes(answer) || run.evidence.some((look) => look[answer] >= LEAST));
    return [...Array(n).keys()].filter(seen).sort((a, b) => solutions.includes(b) - solutions.includes(a));
  }
  function drawPicture(parent, answer, [h, w], draw) {
    const canvas = element("canvas", { width: w, height: h, className: "small" }, parent);
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `Picture of answer ${answer + 1}`);
    draw(canvas.getContext("2d"), answer);
  }

  // shared/chart.js
  var NARROWEST = 18;
  var Chart = class {
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
        const grid2 = this.grids.find(({ top, height }) => y >= top && y < top + height);
        if (step < 0 || step >= this.looks) return;
        choose(step, grid2 ? grid2.frames[Math.floor((y - grid2.top) / grid2.tall)] : null);
      };
      this.rows.addEventListener("pointerdown", (event) => {
        if (event.pointerType === "mouse") this.rows.setPointerCapture(event.pointerId);
        point(event);
      });
      this.rows.addEventListener("pointermove", (event) => {
        if (event.buttons & 1) point(event);
      });
    }
    /* Empties the chart. looks: N + 1, which share the width there is. */
    start(looks) {
      this.gutter.replaceChildren();
      this.rows.replaceChildren();
      this.looks = looks;
      this.grids = [];
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
    x(look) {
      return (look + 0.5) * this.cell;
    }
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
      for (const grid2 of this.grids) {
        grid2.mark = element("div", { className: "cell" }, this.rows);
        grid2.mark.style.width = `${this.cell}px`;
        grid2.mark.style.height = `${grid2.tall}px`;
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
  };

  // shared/notice.js
  var SHOWN_MS = 6e3;
  var Notice = class {
    #timer = null;
    constructor(root) {
      this.root = root;
    }
    say(text) {
      this.root.textContent = text;
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => {
        this.root.textContent = "";
      }, SHOWN_MS);
    }
  };

  // shared/timing.js
  function oncePerFrame(act) {
    let asked = false;
    return () => {
      if (!asked) requestAnimationFrame(() => {
        asked = false;
        act();
      });
      asked = true;
    };
  }
  function afterPause(act, pause) {
    let timer = null;
    return () => {
      clearTimeout(timer);
      timer = setTimeout(act, pause);
    };
  }
  var Player = class {
    #request = null;
    /* The first call comes with the next frame. What played before is stopped. */
    play(advance, pause) {
      this.stop();
      let last = null;
      const tick = (now) => {
        if (last === null || now - last >= pause) {
          last = now;
          advance();
        }
        this.#request = requestAnimationFrame(tick);
      };
      this.#request = requestAnimationFrame(tick);
    }
    stop() {
      cancelAnimationFrame(this.#request);
    }
  };

  // shared/playing.js
  var PLAYED = {
    video: { along: "frame", pause: 100 },
    // ms
    steps: { along: "step", pause: 120 }
  };
  var Playing = class {
    #player = new Player();
    #playing = null;
    // a key of PLAYED
    /* view: {advance("step" or "frame")}; changed(): called when it has moved. */
    constructor(view, changed) {
      Object.assign(this, { view, changed });
      for (const what of Object.keys(PLAYED)) byId(`play-${what}`).onclick = () => this.toggle(what);
    }
    /* Plays in place of the other, or stops. */
    toggle(what) {
      this.#playing = this.#playing === what ? null : what;
      for (const name of Object.keys(PLAYED)) {
        const on = this.#playing === name;
        byId(`play-${name}`).setAttribute("aria-pressed", on);
        byId(`play-${name}`).textContent = on ? "Stop" : `Play ${name}`;
      }
      if (this.#playing) this.#start(PLAYED[what]);
      else this.#player.stop();
    }
    #start({ along, pause }) {
      this.#player.play(() => {
        this.view.advance(along);
        this.changed();
      }, pause);
    }
  };

  // shared/words.js
  var stepName = (step, sigmas) => step === sigmas.length - 1 ? "result" : `step ${step}, σ ${sigmas[step].toFixed(3)}`;
  function readingOf(run, step, solutions) {
    if (run.answer === null) return "";
    const answer = answerName(run.answer[step], solutions);
    const held = run.candidates[step];
    const candidates = held === null ? "nothing readable" : `${held.toFixed(1)} candidates`;
    return `: ${answer}, score ${run.score[step]}, ${candidates}`;
  }
  var answerName = (answer, solutions) => answer < 0 ? "no answer" : `answer ${answer + 1}, ${solutions.includes(answer) ? "right" : "wrong"}`;

  // playground/board.js
  var TILE = 16;
  var BEAT = 4;
  var SIDES = ["n", "e", "s", "w"];
  var Board = class {
    constructor({ rows, columns, beats }) {
      Object.assign(this, { rows, columns, beats });
      this.size = rows * columns;
      this.frames = 1 + BEAT * beats;
      this.latentFrames = 1 + beats;
      this.cells = [...Array(this.size).keys()];
    }
    /* [row, column] of a cell. */
    place(cell) {
      return [Math.floor(cell / this.columns), cell % this.columns];
    }
    cell(row, column) {
      return row * this.columns + column;
    }
    /* The cell beside one on a side, 0 to 3 as in SIDES; null where the board ends. */
    beside(cell, side) {
      const [row, column] = this.place(cell);
      const around = [[row - 1, column], [row, column + 1], [row + 1, column], [row, column - 1]];
      const [i, j] = around[side];
      return i >= 0 && i < this.rows && j >= 0 && j < this.columns ? this.cell(i, j) : null;
    }
    /* The cells above, below, left and right, as far as they are on the board. */
    neighbours(cell) {
      return [0, 2, 3, 1].map((side) => this.beside(cell, side)).filter((other) => other !== null);
    }
  };

  // playground/paint.js
  function paint(board, pixelsOf, scale) {
    const wide = board.columns * TILE, image = new ImageData(wide, board.rows * TILE);
    for (const cell of board.cells) {
      const [row, column] = board.place(cell), pixels = pixelsOf(cell);
      for (let y = 0; y < TILE; y++) {
        for (let x = 0; x < TILE; x++) {
          const to = 4 * ((row * TILE + y) * wide + column * TILE + x), from = 3 * (y * TILE + x);
          for (let c = 0; c < 3; c++) image.data[to + c] = scale * pixels[from + c] + 0.5;
          image.data[to + 3] = 255;
        }
      }
    }
    return image;
  }
  var paintScene = (scene, board, tiles) => paint(board, (cell) => tiles.paint(scene[cell]), 1);
  var paintVideoFrame = (video, frame, board) => paint(board, (cell) => video.frame(frame, cell), 255);

  // playground/editor.js
  var ARROWS = ["ArrowUp", "ArrowRight", "ArrowDown", "ArrowLeft"];
  var KEYS = { s: "start", g: "goal" };
  var SCALE = 4;
  var Editor = class {
    #cursor = 0;
    #tool = null;
    /* changed(): called when the puzzle has been drawn on. */
    constructor(view, tiles, changed) {
      Object.assign(this, { view, tiles, changed });
      const { board } = view;
      this.canvas = byId("board");
      Object.assign(this.canvas, {
        width: board.columns * TILE * SCALE,
        height: board.rows * TILE * SCALE
      });
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
      canvas.setAttribute(
        "aria-label",
        `The puzzle. Row ${row + 1}, column ${column + 1}: ${tile}. Enter draws.`
      );
    }
    #point(event) {
      const { board } = this.view, box = this.canvas.getBoundingClientRect();
      const edge = this.canvas.clientLeft;
      const x = (event.clientX - box.left - edge) / this.canvas.clientWidth * board.columns;
      const y = (event.clientY - box.top - edge) / this.canvas.clientHeight * board.rows;
      if (x < 0 || y < 0 || x >= board.columns || y >= board.rows) return;
      this.#cursor = board.cell(Math.floor(y), Math.floor(x));
      const [right, down] = [x % 1, y % 1];
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
      event.stopPropagation();
      this.paint();
    }
    #draw(tool, side) {
      this.view.draw(tool, this.#cursor, side);
      this.changed();
    }
  };

  // playground/random.js
  var Random = class {
    #state;
    constructor(seed) {
      this.#state = seed >>> 0;
    }
    /* From 0 to below 1 (mulberry32). */
    next() {
      this.#state = this.#state + 1831565813 >>> 0;
      let t = this.#state;
      t = Math.imul(t ^ t >>> 15, t | 1);
      t ^= t + Math.imul(t ^ t >>> 7, t | 61);
      return ((t ^ t >>> 14) >>> 0) / 4294967296;
    }
    below(n) {
      return Math.floor(this.next() * n);
    }
    between(least, most) {
      return least + this.below(most - least + 1);
    }
    choice(list) {
      return list[this.below(list.length)];
    }
    /* All of a list in random order. */
    shuffled(list) {
      const mixed = [...list];
      for (let i = mixed.length - 1; i > 0; i--) {
        const j = this.below(i + 1);
        [mixed[i], mixed[j]] = [mixed[j], mixed[i]];
      }
      return mixed;
    }
  };
  function gaussian(n, seed, part2 = 0) {
    const random = new Random(Math.imul(seed + 1, 2654435761) ^ Math.imul(part2, 2246822507));
    const drawn = new Float32Array(n);
    for (let i = 0; i < n; i += 2) {
      const radius = Math.sqrt(-2 * Math.log(1 - random.next()));
      const angle = 2 * Math.PI * random.next();
      drawn[i] = radius * Math.cos(angle);
      if (i + 1 < n) drawn[i + 1] = radius * Math.sin(angle);
    }
    return drawn;
  }

  // playground/sampler.js
  function flowSigmas(n, shift) {
    const shifted = (s) => shift * s / (1 + (shift - 1) * s);
    const first = shifted(1), last = Math.fround(shifted(1e-3));
    const steps = Array.from({ length: n }, (_, i) => shifted(n === 1 ? first : first + (last - first) * i / (n - 1)));
    return [...steps, 0].map(Math.fround);
  }
  function looped(sigmas, { sigma, passes }) {
    const inner = sigmas.slice(0, -1).map((level) => Math.abs(level - sigma));
    const at = inner.indexOf(Math.min(...inner));
    const again = Array(passes).fill(sigmas[at]);
    return {
      sigmas: [...sigmas.slice(0, at), ...again, ...sigmas.slice(at)],
      again: new Set(again.map((_, i) => at + 1 + i))
    };
  }
  function noised(clean, sigma, noise) {
    return clean.map((value, i) => (1 - sigma) * value + sigma * noise[i]);
  }
  var Run = class {
    constructor({ model, text, given, noise, sigmas, again, seed, edit = () => null }) {
      Object.assign(this, { model, text, given, sigmas, again, seed, edit });
      this.k = 0;
      this.x = noise;
      this.clean = null;
      this.starts = [];
    }
    get ended() {
      return this.k === this.sigmas.length - 1;
    }
    /* Takes a step; its clean estimate is in `clean`. */
    async step() {
      const { k, sigmas } = this, sigma = sigmas[k];
      if (this.again.has(k)) {
        this.x = noised(this.clean, sigma, gaussian(this.x.length, this.seed, 1e3 + k));
      }
      const x = this.edit(k, sigma, this.x) ?? this.x;
      this.starts.push(x);
      const v = await this.model.velocity(x, this.given(k), this.text, sigma);
      const change = Math.fround(sigmas[k + 1] - sigma);
      this.clean = x.map((value, i) => value - sigma * v[i]);
      this.x = x.map((value, i) => value + change * v[i]);
      this.k += 1;
    }
  };

  // playground/lane.js
  var Lane = class {
    /* kind: "clean" or "noisy", how the page colours it; run: a Run; reader: of the puzzle.
    
      looks: how many there will be. start: the first that may differ from the other run's.
      */
    constructor({ kind, name, run, codec, reader, looks }) {
      Object.assign(this, { kind, name, run, codec, reader });
      const { board } = codec;
      this.size = [board.rows * TILE, board.columns * TILE];
      const [h, w] = this.size;
      this.film = Object.assign(
        document.createElement("canvas"),
        { width: board.frames * w, height: looks * h }
      );
      Object.assign(this, {
        answer: [],
        leads: [],
        score: [],
        candidates: [],
        evidence: [],
        front: []
      });
    }
    get seen() {
      return this.answer.length;
    }
    /* Takes a step, the last of which gives two looks: its clean estimate and the result. */
    async step() {
      await this.run.step();
      this.#look(this.run.clean);
      if (this.run.ended) this.#look(this.run.x);
    }
    #look(latents) {
      const { board } = this.codec, video = this.codec.decode(latents);
      const [h, w] = this.size, context = this.film.getContext("2d");
      for (let frame = 0; frame < board.frames; frame++) {
        context.putImageData(paintVideoFrame(video, frame, board), frame * w, this.seen * h);
      }
      const read = this.reader.read(video);
      const tiles = this.reader.solutions.length > 1 ? [] : this.reader.readTiles(video);
      this.evidence.push(read.evidence);
      this.leads.push(read.leads);
      this.score.push(Math.round(read.score * 100) / 100);
      this.candidates.push(read.candidates);
      this.front.push(tiles.filter(({ f, depth }) => f === board.beats && depth > 0));
      this.answer.push(read.accepted);
    }
    /* The first look from which the answer stays, null where the last look has none. */
    get commitment() {
      const last = this.answer.at(-1);
      if (!this.run.ended || last < 0) return null;
      return this.answer.findLastIndex((answer) => answer !== last) + 1;
    }
    /* [{cell, depth, from}]: the look from which each tile of the front is accepted to the end. */
    get decided() {
      return (this.front[0] ?? []).map(({ cell, depth }, n) => ({
        cell,
        depth,
        from: this.front.findLastIndex((tiles) => !tiles[n].accepted) + 1
      }));
    }
    pictureAt(look, frame) {
      const [h, w] = this.size;
      return { image: this.film, x: frame * w, y: look * h };
    }
  };

  // playground/codec.js
  var PIXELS = TILE * TILE * 3;
  var BLOCK = BEAT * PIXELS;
  var Video = class {
    constructor(values, cells) {
      Object.assign(this, { values, cells });
    }
    /* The pixels of a cell in a beat: of four frames, or of the first frame. */
    beat(f, cell) {
      const at = (f * this.cells + cell) * BLOCK;
      return this.values.subarray(f ? at : at + BLOCK - PIXELS, at + BLOCK);
    }
    /* The pixels of a cell in a frame. */
    frame(frame, cell) {
      const f = Math.ceil(frame / BEAT), within2 = frame ? (frame - 1) % BEAT : BEAT - 1;
      const at = (f * this.cells + cell) * BLOCK + within2 * PIXELS;
      return this.values.subarray(at, at + PIXELS);
    }
  };
  var Codec = class {
    #blocks = /* @__PURE__ */ new Map();
    // tiles of four frames -> their latent vector
    /* basis (C, 3072), mean (3072), shift and scale (C): Float32Array. */
    constructor({ basis, mean, shift, scale }, board, tiles) {
      Object.assign(this, { basis, mean, shift, scale, board, tiles, channels: shift.length });
    }
    /* Latents -> Video. */
    decode(latents) {
      const { basis, mean, shift, scale, channels, board } = this;
      const places = board.latentFrames * board.size, values = new Float32Array(places * BLOCK);
      for (let place = 0; place < places; place++) {
        const block = values.subarray(place * BLOCK, (place + 1) * BLOCK);
        block.set(mean);
        for (let c = 0; c < channels; c++) {
          const z = latents[c * places + place] * scale[c] + shift[c];
          const row = basis.subarray(c * BLOCK, (c + 1) * BLOCK);
          for (let i = 0; i < BLOCK; i++) block[i] += z * row[i];
        }
        for (let i = 0; i < BLOCK; i++) {
          block[i] = Math.min(Math.max(block[i] / 2 + 0.5, 0), 1);
        }
      }
      return new Video(values, board.size);
    }
    /* A movie, a scene for each frame -> latents. null for a scene: mid grey. */
    encode(movie) {
      const { board, channels } = this, places = board.latentFrames * board.size;
      const latents = new Float32Array(channels * places);
      for (let f = 0; f < board.latentFrames; f++) {
        const frames = [3, 2, 1, 0].map((back) => movie[Math.max(0, BEAT * f - back)]);
        for (const cell of board.cells) {
          const vector = this.#encoded(frames.map((scene) => scene?.[cell] ?? null));
          vector.forEach((z, c) => {
            latents[c * places + f * board.size + cell] = z;
          });
        }
      }
      return latents;
    }
    /* What the model is given of a picture: 4 channels that mark the first frame, then latents. */
    given(picture) {
      const { board, channels } = this, places = board.latentFrames * board.size;
      const given = new Float32Array((BEAT + channels) * places);
      for (let c = 0; c < BEAT; c++) given.fill(1, c * places, c * places + board.size);
      const grey = Array(board.frames - 1).fill(null);
      given.set(this.encode([picture, ...grey]), BEAT * places);
      return given;
    }
    #encoded(keys) {
      const name = JSON.stringify(keys);
      if (!this.#blocks.has(name)) this.#blocks.set(name, this.#project(keys));
      return this.#blocks.get(name);
    }
    #project(keys) {
      const block = new Float32Array(BLOCK);
      keys.forEach((key, n) => {
        if (key === null) return;
        this.tiles.picture(key).forEach((value, i) => {
          block[n * PIXELS + i] = 2 * value - 1;
        });
      });
      return Float32Array.from(this.shift, (shift, c) => {
        let z = 0;
        for (let i = 0; i < BLOCK; i++) z += (block[i] - this.mean[i]) * this.basis[c * BLOCK + i];
        return (z - shift) / this.scale[c];
      });
    }
  };

  // playground/models.js
  async function unpacked(text) {
    const { body } = await fetch(`data:application/octet-stream;base64,${text}`);
    return new Response(body.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
  }
  var floats = async (text) => new Float32Array(await unpacked(text));
  async function startRuntime(ort, { glue, wasm }) {
    const [script, binary] = await Promise.all([unpacked(glue), unpacked(wasm)]);
    const mjs = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
    Object.assign(ort.env.wasm, { numThreads: 1, wasmBinary: binary, wasmPaths: { mjs } });
  }
  async function readCodec(parts, board, tiles) {
    const read = Object.entries(parts).map(async ([name, text]) => [name, await floats(text)]);
    return new Codec(Object.fromEntries(await Promise.all(read)), board, tiles);
  }
  var Model = class _Model {
    /* ort: ONNX Runtime, ready; content: of the model's data script; codec: its Codec. */
    static async load(ort, { onnx, text }, codec) {
      const weights = new Uint8Array(await unpacked(onnx));
      const session = await ort.InferenceSession.create(weights, { executionProviders: ["wasm"] });
      const states = await Promise.all(Object.entries(text.states).map(async ([prompt, packed]) => [prompt, await floats(packed)]));
      return new _Model(ort, session, codec, { ...text, states: new Map(states) });
    }
    constructor(ort, session, codec, text) {
      Object.assign(this, { ort, session, codec, text });
      const { rows, columns, latentFrames } = codec.board;
      this.grid = [latentFrames, rows, columns];
    }
    /* The velocity at x, both (C, F, h, w); given: of codec.given; text: states of a prompt. */
    async velocity(x, given, text, sigma) {
      const tensor = (values, shape) => new this.ort.Tensor("float32", values, shape);
      const channels = (values) => values.length / this.grid.reduce((a, b) => a * b);
      const found = await this.session.run({
        x: tensor(x, [1, channels(x), ...this.grid]),
        given: tensor(given, [1, channels(given), ...this.grid]),
        text: tensor(text, [1, this.text.length, this.text.width]),
        time: tensor(Float32Array.of(sigma * 1e3), [1])
      });
      return found.v.data;
    }
  };

  // playground/mixture.js
  var ACCEPT = 0.6;
  var UNREADABLE = 0.6;
  var VISIBLE = 0.05;
  var dot = (a, b) => {
    let sum = 0;
    for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
    return sum;
  };
  var Appearances = class {
    /* pictures: arrays of equal length. */
    constructor(pictures) {
      this.pictures = pictures;
      this.gram = pictures.map((one) => pictures.map((other) => dot(one, other)));
      const { gram } = this, n = pictures.length;
      const means = gram.map((row) => row.reduce((a, b) => a + b) / n);
      const all = means.reduce((a, b) => a + b) / n;
      this.largest = largestEigenvalue(
        gram.map((row, i) => row.map((value, j) => value - means[i] - means[j] + all))
      );
      this.spread = Math.max(...gram.flatMap((row, i) => row.map((value, j) => Math.sqrt(Math.max(0, gram[i][i] + gram[j][j] - 2 * value)))));
    }
    /* Least-squares weights of what was seen, from 0 and of sum 1; zeros where none explains it. */
    weights(seen) {
      const { pictures, gram, largest } = this;
      const target = pictures.map((picture) => dot(picture, seen));
      let w = pictures.map(() => 1 / pictures.length), ahead = w, t = 1;
      for (let i = 0; i < (pictures.length === 2 ? 2 : 60); i++) {
        const from = ahead, before = w;
        w = ontoSimplex(from.map((value, j) => value - (dot(from, gram[j]) - target[j]) / largest));
        const further = (1 + Math.sqrt(1 + 4 * t * t)) / 2, push = (t - 1) / further;
        ahead = w.map((value, j) => value + push * (value - before[j]));
        t = further;
      }
      const fit = w.reduce((sum, value, j) => sum + value * (dot(w, gram[j]) - 2 * target[j]), 0);
      const left = Math.sqrt(Math.max(0, dot(seen, seen) + fit));
      return left < UNREADABLE * this.spread ? w : w.map(() => 0);
    }
  };
  function ontoSimplex(w) {
    const ordered = [...w].sort((a, b) => b - a);
    let sum = 0, excess = 0;
    ordered.forEach((value, n) => {
      sum += value;
      if (value > (sum - 1) / (n + 1)) excess = (sum - 1) / (n + 1);
    });
    return w.map((value) => Math.max(value - excess, 0));
  }
  function largestEigenvalue(matrix) {
    let vector = matrix.map((_, i) => 1 + i / 7), value = 0;
    for (let i = 0; i < 400; i++) {
      const image = matrix.map((row) => dot(row, vector));
      value = Math.sqrt(dot(image, image));
      if (!value) return 1;
      vector = image.map((x) => x / value);
    }
    return value;
  }
  function effectiveNumber(weights) {
    const seen = weights.filter((weight) => weight >= VISIBLE);
    const total = seen.reduce((a, b) => a + b, 0);
    if (!seen.length) return null;
    return Math.exp(-seen.reduce((sum, w) => sum + w / total * Math.log(w / total), 0));
  }

  // playground/reader.js
  var FIRST = 0.05;
  var PRIOR = 1e-5;
  var OFFSET = 0.15;
  var SPOILT = 0.1;
  var FULL = 1 - 1e-6;
  var TIE = 1e-6;
  var GAIN = [0.8, 1.25];
  var FLOOR = [244, 244, 240].map((byte) => byte / 255);
  var NO_ANSWER = -1;
  var clip = (value, least, most) => Math.min(Math.max(value, least), most);
  var Place = class {
    constructor(cell, keys, tiles) {
      const names = keys.map((key) => key.join("|"));
      const kinds = [...new Set(names)];
      const pictures = kinds.map((name) => joined(name.split("|").map((key) => tiles.picture(key))));
      const numbers = names.map((name) => kinds.indexOf(name));
      this.cell = cell;
      this.still = numbers.pop();
      this.empty = numbers.pop();
      this.ofCandidate = numbers;
      this.appearances = new Appearances(pictures);
      this.alike = alikePixels(pictures);
    }
    get pictures() {
      return this.appearances.pictures;
    }
    get decisive() {
      return this.pictures.length > 1;
    }
  };
  function joined(parts) {
    const whole = new Float64Array(parts.length * parts[0].length);
    parts.forEach((part2, n) => whole.set(part2, n * part2.length));
    return whole;
  }
  function alikePixels(pictures) {
    const [first, ...others] = pictures, found = [];
    for (let i = 0; i < first.length; i += 3) {
      const same = (other) => other[i] === first[i] && other[i + 1] === first[i + 1] && other[i + 2] === first[i + 2];
      if (others.every(same)) found.push(i);
    }
    return found;
  }
  var Reader = class {
    #beats = null;
    /* task: of tasks/; layout: of a puzzle of it without a problem. */
    constructor(task, layout, board, tiles) {
      Object.assign(this, { task, layout, board, tiles });
      this.candidates = task.candidates(layout, board);
      this.solutions = task.solutions(layout, this.candidates);
      this.movies = this.candidates.map((one) => task.movie(layout, board, one));
      this.backdrop = task.backdrop(layout, board);
      const still = this.movies[0][0], empty = task.empty(layout, board), last = board.frames - 1;
      this.first = board.cells.map((cell) => this.#place(cell, [0], still));
      this.key = board.cells.map((cell) => this.#place(cell, [last], still, empty));
      this.tell = tells(this.key.filter((place) => place.decisive));
    }
    /* empty: a scene; without one the still picture. */
    #place(cell, frames, still, empty = null) {
      const stills = frames.map(() => still[cell]);
      const shown = this.movies.map((movie) => frames.map((frame) => movie[frame][cell]));
      const blank = empty ? frames.map(() => empty[cell]) : stills;
      return new Place(cell, [...shown, blank, stills], this.tiles);
    }
    /* Every tile of every beat: [f, place]. */
    get beats() {
      this.#beats ??= Array.from({ length: this.board.latentFrames }, (_, f) => {
        const frames = f ? [3, 2, 1, 0].map((back) => BEAT * f - back) : [0];
        const still = this.movies[0][0];
        return this.board.cells.map((cell) => [f, this.#place(cell, frames, still)]);
      }).flat();
      return this.#beats;
    }
    /* {evidence, leads, accepted, score, candidates}: as an Observation of one look. */
    read(video) {
      const { first, key, board } = this, last = board.frames - 1;
      const seen = [
        ...first.map(({ cell }) => video.frame(0, cell)),
        ...key.map(({ cell }) => video.frame(last, cell))
      ];
      const places = [...first, ...key];
      const { real, spoilt } = inTrueColours(places, seen, places.map((_, n) => n < first.length ? FIRST : 1));
      const shown = seen.slice(first.length).map(real), nothing = nullOf(key, shown);
      const decisive = [...key.keys()].filter((n) => key[n].decisive);
      const weights = decisive.map((n) => spoilt ? key[n].pictures.map(() => 0) : key[n].appearances.weights(shown[n]));
      const shares = decisive.map((n, i) => key[n].ofCandidate.map((look) => weights[i][look]));
      const lowest = this.candidates.map((_, c) => shares.reduce((least, mine, i) => this.tell[i][c] ? Math.min(least, mine[c]) : least, 1));
      const evidence = lowest.map((value) => clip((value - nothing) / (1 - nothing), 0, 1));
      const weakest = this.candidates.map((_, c) => Math.min(...shares.map((mine) => mine[c])));
      const best = weakest.indexOf(Math.max(...weakest));
      return {
        evidence,
        leads: leader(evidence, this.candidates.map((_, c) => shares.reduce((sum, mine) => sum + mine[c], 0) / shares.length)),
        accepted: weakest[best] > ACCEPT ? best : NO_ANSWER,
        score: Math.max(0, ...this.solutions.map((c) => overlap(decisive.map((n) => key[n]), weights, shares, c))),
        candidates: effectiveNumber(evidence)
      };
    }
    /* Every decisive tile of every beat: [{f, cell, depth, weight, leads, accepted}].
    
      candidate: whose appearance is called right; the first solution, where there is one alone.
      */
    readTiles(video, candidate = this.solutions[0]) {
      const depths = this.task.depths(this.candidates[candidate], this.layout, this.board);
      const seen = this.beats.map(([f, { cell }]) => video.beat(f, cell));
      const places = this.beats.map(([, place]) => place);
      const { real, spoilt } = inTrueColours(places, seen, places.map(() => 1));
      return this.beats.map(([f, place], n) => ({ f, place, n })).filter(({ place }) => place.decisive).map(({ f, place, n }) => {
        const weights = spoilt ? place.pictures.map(() => 0) : place.appearances.weights(real(seen[n]));
        const mine = place.ofCandidate[candidate], weight = weights[mine];
        const others = Math.max(...weights.filter((_, look) => look !== mine));
        return {
          f,
          cell: place.cell,
          depth: depths.get(place.cell) ?? NO_ANSWER,
          weight,
          leads: weight > others,
          accepted: weight > ACCEPT
        };
      });
    }
  };
  function tells(places) {
    const n = places[0]?.ofCandidate.length ?? 0, every = [...Array(n).keys()];
    const drawn = places.map((place) => place.ofCandidate.map((look) => look !== place.empty));
    const found = drawn.map((row) => [...row]);
    for (const c of every) {
      const mine = [...places.keys()].filter((i) => drawn[i][c]);
      const goesOn = every.filter((other) => mine.every((i) => places[i].ofCandidate[other] === places[i].ofCandidate[c]));
      places.forEach((_, i) => {
        if (goesOn.some((other) => drawn[i][other])) found[i][c] = true;
      });
      if (!found.some((row) => row[c])) for (const row of found) row[c] = true;
    }
    return found;
  }
  function overlap(places, weights, shares, c) {
    let shared = 0, united = 0;
    places.forEach((place, i) => {
      const changes = place.ofCandidate[c] !== place.still;
      const moved = weights[i][place.still] <= ACCEPT;
      shared += changes && shares[i][c] > ACCEPT;
      united += changes || moved;
    });
    return united ? shared / united : 0;
  }
  function leader(evidence, agreement) {
    const most = Math.max(...evidence);
    const score = evidence.map((value, c) => value >= most - TIE ? agreement[c] : -Infinity);
    const [first, second = -Infinity] = [...score].sort((a, b) => b - a);
    return most >= VISIBLE && first - second > TIE ? score.indexOf(first) : NO_ANSWER;
  }
  function inTrueColours(places, seen, weights) {
    const change = [0, 1, 2].map((channel) => channelChange(places, seen, weights, channel));
    const undone = (colour2, channel) => {
      const { gain, offset } = change[channel], real2 = (colour2 - offset) / gain;
      return colour2 < FULL ? real2 : clip(real2, FLOOR[channel], 1);
    };
    let left = 0, weight = 0;
    places.forEach(({ alike, pictures: [picture] }, n) => {
      for (const i of alike) {
        for (let channel = 0; channel < 3; channel++) {
          const error = undone(seen[n][i + channel], channel) - picture[i + channel];
          left += weights[n] * error * error / 3;
        }
        weight += weights[n];
      }
    });
    if (!weight) return { real: (values) => values, spoilt: false };
    const real = (values) => {
      const found = new Float64Array(values.length);
      for (let i = 0; i < values.length; i += 3) {
        for (let channel = 0; channel < 3; channel++) {
          found[i + channel] = undone(values[i + channel], channel);
        }
      }
      return found;
    };
    return { real, spoilt: Math.sqrt(left / weight) > SPOILT };
  }
  function channelChange(places, seen, weights, channel) {
    let total = 0, ee = 0, se = 0, de = 0, sd = 0;
    places.forEach(({ alike, pictures: [picture] }, n) => {
      for (const at of alike) {
        const i = at + channel, o = seen[n][i], e = picture[i];
        if (o >= FULL) continue;
        total += weights[n];
        ee += weights[n] * e * e;
        se += weights[n] * e;
        de += weights[n] * (o - e) * e;
        sd += weights[n] * (o - e);
      }
    });
    total = Math.max(total, 1);
    ee = ee / total + PRIOR;
    [se, de, sd] = [se / total, de / total, sd / total];
    const determinant = ee * (1 + PRIOR) - se * se;
    const gain = clip(1 + (de * (1 + PRIOR) - sd * se) / determinant, ...GAIN);
    return { gain, offset: clip((sd - (gain - 1) * se) / (1 + PRIOR), -OFFSET, OFFSET) };
  }
  function nullOf(places, seen) {
    const changes = /* @__PURE__ */ new Map();
    for (const place of places) {
      for (const look of new Set(place.ofCandidate)) {
        if (look === place.empty) continue;
        const blank = place.pictures[place.empty];
        const change = place.pictures[look].map((value, i) => value - blank[i]);
        changes.set(change.join(), change);
      }
    }
    const still = [...places.keys()].filter((n) => !places[n].decisive);
    if (!changes.size || !still.length) return 0;
    const sizes = [...changes.values()].map((change) => {
      const norm = change.reduce((sum, value) => sum + value * value, 0);
      const shares = still.map((n) => change.reduce((sum, value, i) => sum + value * (seen[n][i] - places[n].pictures[0][i]), 0) / norm);
      return Math.sqrt(shares.reduce((sum, share) => sum + share * share, 0) / shares.length);
    });
    return clip(Math.max(...sizes), 0, 0.5);
  }

  // playground/engine.js
  var PUT = 2e3;
  var Engine = class {
    #models = /* @__PURE__ */ new Map();
    // name -> promise of a Model
    #codecs = /* @__PURE__ */ new Map();
    #ready = null;
    #turn = 0;
    /* assets: Assets; board, tiles: of the study. */
    constructor(assets2, board, tiles) {
      Object.assign(this, { assets: assets2, board, tiles });
    }
    /* A model by its name, loaded once. */
    model(name) {
      if (!this.#models.has(name)) {
        const loading = this.#load(name);
        loading.catch(() => this.#models.delete(name));
        this.#models.set(name, loading);
      }
      return this.#models.get(name);
    }
    async #load(name) {
      this.#ready ??= this.assets.load("runtime").then((parts) => startRuntime(globalThis.ort, parts));
      const content = await this.assets.load(`models/${name}`);
      if (!this.#codecs.has(content.codec)) {
        this.#codecs.set(content.codec, this.assets.load(`models/${content.codec}`).then((parts) => readCodec(parts, this.board, this.tiles)));
      }
      const codec = await this.#codecs.get(content.codec);
      await this.#ready;
      return Model.load(globalThis.ort, content, codec);
    }
    /* Ends what runs; nothing more is told of it. */
    stop() {
      this.#turn += 1;
    }
    /* Runs a view. started(lanes, reader): before the first step; stepped(): after each.
    
      Resolves to whether it ran to the end.
      */
    async run(view, started, stepped) {
      const turn = ++this.#turn, over = () => turn !== this.#turn;
      const names = view.beside ? [view.model, view.second || view.model] : [view.model];
      const models = [];
      for (const name of names) models.push(await this.model(name));
      if (over()) return false;
      const reader = new Reader(view.task, view.layout, this.board, this.tiles);
      const lanes = this.#lanes(view, models, reader);
      started(lanes, reader);
      while (!lanes[0].run.ended) {
        for (const lane of lanes) {
          await lane.step();
          if (over()) return false;
        }
        stepped();
        await new Promise((resolve) => {
          setTimeout(resolve);
        });
        if (over()) return false;
      }
      return true;
    }
    #lanes(view, models, reader) {
      const schedule = looped(flowSigmas(view.steps, view.shift), view.loop);
      const { board } = view, [[picture]] = reader.movies;
      return models.map((model, n) => {
        const { codec, text } = model;
        const noise = gaussian(codec.channels * board.size * board.latentFrames, view.seed);
        const plain = codec.given(picture), changed = n ? changeOf(view, codec, reader) : {};
        const { given = () => plain, edit } = changed;
        const run = new Run({
          model,
          text: text.states.get(view.prompt),
          given,
          edit,
          noise,
          seed: view.seed,
          ...schedule
        });
        const name = n ? view.second || view.model : view.model;
        return new Lane({
          kind: n ? "noisy" : "clean",
          name,
          run,
          codec,
          reader,
          looks: view.looks
        });
      });
    }
  };
  function putIn({ answer }, { candidates, solutions }) {
    if (answer !== null && answer < candidates.length) return answer;
    const wrong = [...candidates.keys()].find((n) => !solutions.includes(n));
    return wrong ?? 0;
  }
  function prefixOf({ task, tiles, layout, board }, answer) {
    const depths = [...task.depths(answer, layout, board)].filter(([, depth]) => depth > 0);
    return depths.sort((a, b) => a[1] - b[1]).slice(0, tiles).map(([cell]) => cell);
  }
  function changeOf(view, codec, reader) {
    const { task, layout, board, change, at, seed } = view;
    if (change === "none") return {};
    if (change === "picture") {
      const { other } = view, first = task.movie(other, board, task.candidates(other, board)[0])[0];
      const [[shown]] = reader.movies, [before, after] = [codec.given(shown), codec.given(first)];
      return { given: (k) => k < at ? before : after };
    }
    const answer = reader.candidates[putIn(view, reader)];
    const y = codec.encode(task.movie(layout, board, answer));
    const touched = change === "mistake" ? null : new Set(prefixOf(view, answer));
    const edit = (k, sigma, x) => {
      if (k !== at) return null;
      const put = noised(y, sigma, gaussian(x.length, seed, PUT + k));
      return touched ? x.map((value, i) => touched.has(i % board.size) ? put[i] : value) : put;
    };
    return { edit };
  }

  // playground/gif.js
  var MOST = 256;
  var BITS = 8;
  function gifOf(frames, pauses) {
    const { width, height } = frames[0], { palette, numberOf } = paletteOf(frames), bytes = [];
    const word = (value) => bytes.push(value & 255, value >> 8);
    const text = (letters) => bytes.push(...[...letters].map((letter) => letter.charCodeAt(0)));
    text("GIF89a");
    word(width);
    word(height);
    bytes.push(240 | BITS - 1, 0, 0);
    for (let i = 0; i < MOST; i++) bytes.push(...palette[i] ?? [0, 0, 0]);
    bytes.push(33, 255, 11);
    text("NETSCAPE2.0");
    bytes.push(3, 1, 0, 0, 0);
    frames.forEach((frame, n) => {
      bytes.push(33, 249, 4, 4);
      word(pauses[n]);
      bytes.push(0, 0, 44, 0, 0, 0, 0);
      word(width);
      word(height);
      bytes.push(0, BITS);
      const packed = lzw(numberOf(frame));
      for (let i = 0; i < packed.length; i += 255) {
        const part2 = packed.slice(i, i + 255);
        bytes.push(part2.length, ...part2);
      }
      bytes.push(0);
    });
    bytes.push(59);
    return Uint8Array.from(bytes);
  }
  function paletteOf(frames) {
    const bins = /* @__PURE__ */ new Map();
    const binAt = (data, i) => data[i] >> 3 << 10 | data[i + 1] >> 3 << 5 | data[i + 2] >> 3;
    for (const { data } of frames) {
      for (let i = 0; i < data.length; i += 4) {
        const bin = binAt(data, i), sums = bins.get(bin) ?? [0, 0, 0, 0];
        for (let c = 0; c < 3; c++) sums[c] += data[i + c];
        sums[3] += 1;
        bins.set(bin, sums);
      }
    }
    const common = [...bins.values()].sort((a, b) => b[3] - a[3]).slice(0, MOST);
    const palette = common.map(([r, g, b, n]) => [r, g, b].map((sum) => Math.round(sum / n)));
    const nearest = new Map([...bins].map(([bin, [r, g, b, n]]) => [bin, near([r / n, g / n, b / n])]));
    function near(wanted) {
      const far = palette.map((one) => one.reduce((sum, v, c) => sum + (v - wanted[c]) ** 2, 0));
      return far.indexOf(Math.min(...far));
    }
    const numberOf = ({ data }) => Uint8Array.from({ length: data.length / 4 }, (_, i) => nearest.get(binAt(data, 4 * i)));
    return { palette, numberOf };
  }
  function lzw(pixels) {
    const clear = 1 << BITS, bytes = [];
    let codes, size, next, held = 0, bits = 0;
    const put = (code) => {
      held |= code << bits;
      bits += size;
      while (bits >= 8) {
        bytes.push(held & 255);
        held >>>= 8;
        bits -= 8;
      }
    };
    const start = () => {
      codes = /* @__PURE__ */ new Map();
      size = BITS + 1;
      next = clear + 2;
    };
    start();
    put(clear);
    let prefix = pixels[0];
    for (const pixel of pixels.subarray(1)) {
      const key = prefix << BITS | pixel, known = codes.get(key);
      if (known !== void 0) {
        prefix = known;
        continue;
      }
      put(prefix);
      if (next === 4096) {
        put(clear);
        start();
      } else {
        codes.set(key, next);
        if (next === 1 << size && size < 12) size += 1;
        next += 1;
      }
      prefix = pixel;
    }
    put(prefix);
    put(clear + 1);
    if (bits) bytes.push(held & 255);
    return bytes;
  }

  // playground/export.js
  var SCALE2 = 3;
  var PAD = 6;
  var LINE = 16;
  var PAUSE = 16;
  var END = 150;
  var ROWS = 5;
  function download(name, blob) {
    const href = URL.createObjectURL(blob);
    element("a", { href, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(href), 1e4);
  }
  var spread = (n, most) => [...new Set(
    Array.from({ length: most }, (_, i) => Math.round(i * (n - 1) / (most - 1)))
  )];
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
  async function pngOf(lanes, words) {
    const [h, w] = lanes[0].size, { seen } = lanes[0];
    const frames = spread(lanes[0].codec.board.frames, ROWS), block = frames.length * (h + 2) + LINE;
    const { canvas, context } = sheetOf(
      Math.max(2 * PAD + seen * (w + 2), 480),
      2 * PAD + LINE + lanes.length * block
    );
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
    return new Promise((resolve) => {
      canvas.toBlob(resolve, "image/png");
    });
  }
  function gifOfSteps(lanes, frame, stepName2) {
    const [h, w] = lanes[0].size, wide = w * SCALE2, tall = h * SCALE2;
    const { canvas, context } = sheetOf(lanes.length * (wide + PAD) - PAD, tall + LINE);
    const frames = Array.from({ length: lanes[0].seen }, (_, look) => {
      context.fillStyle = "#fff";
      context.fillRect(0, 0, canvas.width, canvas.height);
      context.fillStyle = "#1b1b1b";
      context.fillText(stepName2(look), 2, tall + 12);
      lanes.forEach((lane, n) => {
        const { image, x, y } = lane.pictureAt(look, frame);
        context.drawImage(image, x, y, w, h, n * (wide + PAD), 0, wide, tall);
      });
      return context.getImageData(0, 0, canvas.width, canvas.height);
    });
    const pauses = frames.map((_, n) => n < frames.length - 1 ? PAUSE : END);
    return new Blob([gifOf(frames, pauses)], { type: "image/gif" });
  }

  // playground/front.js
  var PITCH = 7;
  function addFront(chart, lane, title) {
    const order = [...(lane.front[0] ?? []).keys()].sort((a, b) => lane.front[0][a].depth - lane.front[0][b].depth);
    if (!order.length) return;
    const depths = order.map((n) => lane.front[0][n].depth);
    const height = PITCH * order.length;
    const row = chart.row(title, Math.max(height, 30), `${depths[0]}`, `${depths.at(-1)}`);
    const canvas = element("canvas", { width: chart.width, height }, row);
    canvas.style.cssText = `display:block;width:${chart.width}px;height:${height}px`;
    canvas.setAttribute("role", "img");
    const decided = lane.decided, found = order.map((n) => decided[n]).map(({ depth, from }) => `depth ${depth} ${from < lane.seen ? `from step ${from}` : "never"}`);
    canvas.setAttribute("aria-label", `${title}: tiles decided, ${found.join("; ")}`);
    const context = canvas.getContext("2d");
    context.fillStyle = colour(`--${lane.kind}`);
    lane.front.forEach((tiles, look) => order.forEach((n, line) => {
      const { leads, accepted } = tiles[n];
      context.globalAlpha = accepted ? 1 : leads ? 0.35 : 0;
      context.fillRect(look * chart.cell + 1, line * PITCH + 1, chart.cell - 2, PITCH - 2);
    }));
  }
  function markFront(context, lane, step, board) {
    context.fillStyle = context.strokeStyle = colour("--right");
    for (const { cell, leads, accepted } of lane.front[step] ?? []) {
      const [row, column] = board.place(cell), x = column * TILE + 11, y = row * TILE + 1;
      if (accepted) context.fillRect(x, y, 4, 4);
      else if (leads) context.strokeRect(x + 0.5, y + 0.5, 3, 3);
    }
  }

  // shared/keys.js
  function moveOf(key, { step, frame, looks }) {
    return {
      ArrowLeft: [step - 1, frame],
      ArrowRight: [step + 1, frame],
      ArrowUp: [step, frame - 1],
      ArrowDown: [step, frame + 1],
      Home: [0, frame],
      End: [looks - 1, frame]
    }[key];
  }
  function onKey(event, view, moveTo, playVideo) {
    const { key, target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (target.matches("select, textarea, input:not([type=range], [type=checkbox])")) return;
    const move = moveOf(key, view);
    const onFrame = target.id === "frame";
    if (move && !onFrame) moveTo(...move);
    else if (key === " " && !target.matches("button, a, input")) playVideo();
    else return;
    event.preventDefault();
  }

  // playground/link.js
  function linkTo(view) {
    const facts = {
      task: view.name,
      puzzle: view.task.pack(view.layout, view.board),
      model: view.model,
      steps: view.steps,
      seed: view.seed
    };
    if (view.split !== "in-domain") facts.split = view.split;
    if (view.drawn) facts.drawn = view.drawn;
    if (view.loop.passes) facts.loop = `${view.loop.sigma}x${view.loop.passes}`;
    if (view.second) facts.second = view.second;
    if (view.change !== "none") {
      Object.assign(facts, { change: view.change, at: view.at });
      if (view.answer !== null) facts.answer = view.answer + 1;
      if (view.change === "prefix") facts.tiles = view.tiles;
    }
    if (view.front) facts.front = 1;
    Object.assign(facts, { step: view.step, frame: view.frame });
    const text = Object.entries(facts).map((pair) => pair.map(encodeURIComponent).join("="));
    return `#${text.join("&")}`;
  }
  function follow(link, view) {
    const asked = new URLSearchParams(link.slice(1)), wrong = [];
    const number = (name) => asked.has(name) ? Number(asked.get(name)) : void 0;
    const chosen = (name, known) => {
      const value = asked.get(name) ?? void 0;
      if (value !== void 0 && !known.includes(value)) wrong.push(`${name} ${value}`);
      return value;
    };
    view.chooseSplit(asked.get("split"));
    if (asked.has("drawn")) view.shuffle(number("drawn") >>> 0);
    view.chooseTask(chosen("task", view.tasks.map(({ name }) => name)) ?? view.name);
    if (asked.has("puzzle")) {
      const layout = view.task.unpack(asked.get("puzzle"), view.board);
      if (layout) view.show(layout);
      else wrong.push("that puzzle");
    }
    const [, level, passes] = /^([\d.]+)x(\d+)$/.exec(asked.get("loop") ?? "") ?? [];
    view.set({
      model: chosen("model", view.models),
      second: chosen("second", view.models) ?? "",
      steps: number("steps"),
      seed: number("seed"),
      passes: Number(passes ?? 0),
      level: Number(level ?? view.loop.sigma),
      change: asked.get("change") ?? "none"
    });
    view.set({ at: number("at"), answer: (number("answer") ?? NaN) - 1, tiles: number("tiles") });
    view.showFront(asked.has("front"));
    view.moveTo(
      number("step") || (asked.has("step") ? 0 : view.looks - 1),
      number("frame") ?? view.board.frames - 1
    );
    return wrong.length ? `There is no ${wrong.join(" and no ")} on this page.` : null;
  }

  // playground/settings.js
  var NUMBERS = ["steps", "seed", "passes", "level", "at", "tiles"];
  var CHOICES = ["model", "second", "change"];
  function listenToSettings(view, changed) {
    for (const id of [...NUMBERS, ...CHOICES, "answer"]) {
      byId(id).onchange = () => {
        const { value } = byId(id);
        if (NUMBERS.includes(id)) view.set({ [id]: value === "" ? NaN : Number(value) });
        else view.set({ [id]: id === "answer" ? Number(value) : value });
        changed();
      };
    }
    byId("settings").onsubmit = byId("puzzle").onsubmit = (event) => event.preventDefault();
    for (const change of ["mistake", "picture", "prefix", "none"]) {
      byId(`do-${change}`).onclick = () => {
        view.set({ change, at: Math.min(view.step, view.length - 1) });
        changed();
      };
    }
  }
  function showSettings(view, answers, put) {
    const { facts } = view;
    const named = ({ name, blocks }) => [name, `${name} (${blocks} block${blocks > 1 ? "s" : ""})`];
    const models = facts.models.map(named);
    fillSelect(byId("task"), view.tasks.map(({ name, title }) => [name, title]), view.name);
    byId("split").value = view.split;
    fillSelect(byId("model"), models, view.model);
    fillSelect(byId("second"), [["", "no second model"], ...models], view.second);
    const { steps, seed, at, tiles, loop: { passes, sigma: level } } = view;
    for (const [id, value] of Object.entries({ steps, seed, at, tiles, passes, level })) {
      byId(id).value = value;
    }
    byId("change").value = view.change;
    byId("at").max = view.length - 1;
    fillSelect(byId("answer"), Array.from({ length: answers }, (_, n) => [n, n + 1]), put);
    const puts = ["mistake", "prefix"].includes(view.change);
    byId("at").disabled = view.change === "none";
    byId("answer").disabled = !puts;
    byId("tiles").disabled = view.change !== "prefix";
    byId("front").checked = view.front;
  }

  // playground/tiles.js
  var PIXELS2 = TILE * TILE * 3;
  var Tiles = class {
    #numbers;
    // key -> number
    #values;
    /* keys: layers of each tile; pictures: their bytes, one after another. */
    constructor(keys, pictures) {
      this.#numbers = new Map(keys.map((key, n) => [key, n]));
      this.bytes = pictures;
      this.#values = Float32Array.from(pictures, (byte) => byte / 255);
    }
    /* Colours of a tile in [0, 1], row by row, red, green and blue. */
    picture(key) {
      return slice(this.#values, this.#number(key));
    }
    /* The same from 0 to 255. */
    paint(key) {
      return slice(this.bytes, this.#number(key));
    }
    #number(key) {
      const number = this.#numbers.get(key);
      if (number === void 0) throw new Error(`no picture of the tile ${key}`);
      return number;
    }
  };
  var slice = (values, n) => values.subarray(n * PIXELS2, (n + 1) * PIXELS2);

  // shared/chart_rows.js
  var CURVE = 52;
  var CURVE_PAD = 6;
  var ANSWER_PITCH = 13;
  function addGrid(chart, title, description, { frames, names, size, pictureAt }) {
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
  function addCurves(chart, title, list, least, digits = 1) {
    const top = Math.max(least, ...list.flatMap((curve) => curve.values));
    const svg = chart.plot(title, CURVE, top.toFixed(digits), "0");
    const y = (value) => CURVE - CURVE_PAD - Math.max(0, value) / top * (CURVE - 2 * CURVE_PAD);
    for (const { values, kind, start = 0 } of list) {
      const points = values.map((value, look) => value === null || look < start ? "" : `${chart.x(look)},${y(value).toFixed(1)}`).filter(Boolean).join(" ");
      svgElement("polyline", {
        points,
        fill: "none",
        stroke: `var(--${kind})`,
        "stroke-width": 2,
        ...kind === "noisy" ? { "stroke-dasharray": "6 3" } : {}
      }, svg);
    }
  }
  function addAnswers(chart, title, list, solutions) {
    const read = /* @__PURE__ */ new Set([...solutions, ...list.flatMap((item) => item.values)]);
    read.delete(-1);
    const order = [...read].sort((a, b) => a - b);
    const svg = chart.plot(title, ANSWER_PITCH * (order.length + 1) + 6, "", "none");
    const y = (answer) => 3 + ANSWER_PITCH * ((answer < 0 ? order.length : order.indexOf(answer)) + 0.5);
    for (const answer of order) {
      const right = solutions.includes(answer);
      if (right) {
        svgElement("rect", {
          x: 0,
          y: y(answer) - ANSWER_PITCH / 2,
          width: chart.width,
          height: ANSWER_PITCH,
          fill: "var(--right-band)"
        }, svg);
      }
      element("span", {
        textContent: `${answer + 1}${right ? " ✓" : ""}`,
        style: `top: ${y(answer) - 7}px`
      }, chart.gutter.lastChild);
    }
    for (const { values, kind, start = 0 } of list) {
      values.forEach((answer, look) => {
        if (look >= start) addAnswer(svg, chart.x(look), y(answer), kind, answer < 0);
      });
    }
  }
  function addAnswer(svg, x, y, kind, none) {
    const noisy = kind === "noisy", side = 10, radius = 3;
    const look = {
      fill: none || noisy ? "none" : `var(--${kind})`,
      stroke: `var(--${kind})`,
      "stroke-width": 1.6,
      opacity: none ? 0.6 : 1
    };
    if (noisy) {
      const corner = { x: x - side / 2, y: y - side / 2 };
      svgElement("rect", { ...corner, width: side, height: side, ...look }, svg);
    } else svgElement("circle", { cx: x, cy: y, r: radius, ...look }, svg);
  }

  // playground/timeline.js
  var FRAMES = 3;
  function drawTimeline(chart, lanes, sigmas, solutions, at) {
    const curve = (name) => lanes.map((lane) => ({ values: lane[name], kind: lane.kind }));
    chart.start(sigmas.length);
    chart.row("", lanes.length > 1 ? 46 : 17);
    for (const lane of lanes) addFilm(chart, lane);
    for (const lane of lanes) addFront(chart, lane, lane.kind === "clean" ? "front" : "front 2");
    addAnswers(chart, "answer", curve("answer"), solutions);
    addCurves(chart, "candidates", curve("candidates"), 2, 0);
    addCurves(chart, "score", curve("score"), 1, 0);
    addCurves(chart, "noise level σ", [{ values: sigmas, kind: "soft" }], 1, 0);
    const marks = lanes.filter((lane) => lane.commitment !== null).map((lane) => ({ look: lane.commitment, kind: lane.kind, text: "commits" }));
    if (at !== null) marks.push({ look: at, kind: "noisy hit", text: "changed" });
    chart.finish(marks);
  }
  function addFilm(chart, lane) {
    const { codec: { board }, size } = lane, last = board.frames - 1;
    const frames = Array.from({ length: FRAMES }, (_, i) => Math.round((i + 1) * last / FRAMES));
    addGrid(
      chart,
      `${lane.title}, frames`,
      `Clean estimates, ${lane.title}: steps from left to right, frames ${frames.join(", ")} downwards`,
      {
        frames,
        names: [frames[0], last],
        size,
        pictureAt: (look, frame) => lane.pictureAt(look, frame)
      }
    );
  }

  // playground/tasks/chain.js
  var START = "disc:green:l";
  var MARK = "ring";
  var SINK = "goal";
  var LIGHT = "square:yellow:l";
  function hops(split, board) {
    const longest = Math.min(board.frames - 1, Math.floor(2 * board.size / 3));
    const usual = Math.floor(13 * longest / 16);
    return split === "in-domain" ? [1, usual] : [usual + 1, longest];
  }
  function walk(random, board, moves3) {
    for (; ; ) {
      const way = [random.choice(board.cells)];
      while (way.length <= moves3) {
        const free = board.neighbours(way.at(-1)).filter((cell) => !way.includes(cell));
        if (!free.length) break;
        way.push(random.choice(free));
      }
      if (way.length > moves3) return way;
    }
  }
  var directionTo = (board, cell, other) => [0, 1, 2, 3].find((side) => board.beside(cell, side) === other);
  function drawArrows(random, board, way) {
    const towards = board.cells.map((cell) => random.choice(board.neighbours(cell)));
    way.forEach((cell, n) => {
      towards[cell] = way[n + 1] ?? null;
    });
    const taken = new Set(way);
    let wanted = random.between(1, Math.max(1, Math.floor(board.size / 12)));
    for (const sink of random.shuffled(board.cells.filter((cell) => !taken.has(cell)))) {
      const into = board.neighbours(sink).filter((cell) => !taken.has(cell));
      if (!wanted || !into.length || taken.has(sink)) continue;
      const feeder = random.choice(into);
      towards[sink] = null;
      towards[feeder] = sink;
      taken.add(sink).add(feeder);
      wanted -= 1;
    }
    if (taken.size === way.length) return null;
    return towards.map((other, cell) => other === null ? null : directionTo(board, cell, other));
  }
  function follow2(arrows, board, cell, met) {
    const way = [];
    while (cell !== null && !met.includes(cell) && !way.includes(cell)) {
      way.push(cell);
      cell = arrows[cell] === null ? null : board.beside(cell, arrows[cell]);
    }
    return way;
  }
  function distinct(found, start, board) {
    const kept = /* @__PURE__ */ new Map();
    for (const way of found) {
      const marked = way.filter((cell) => cell !== start).slice(0, board.frames - 1);
      const key = [...marked].sort((a, b) => a - b).join();
      if (marked.length && !kept.has(key)) kept.set(key, marked);
    }
    return [...kept.values()];
  }
  var isCell = (cell, board) => Number.isInteger(cell) && cell >= 0 && cell < board.size;
  var chain = {
    tools: { arrows: "arrows", start: "start" },
    shuffle(random, board, split) {
      for (; ; ) {
        const way = walk(random, board, random.between(...hops(split, board)));
        const arrows = drawArrows(random, board, way);
        if (arrows) return { arrows, start: way[0] };
      }
    },
    /* An arrow turns on to the next direction that stays on the board, then to a sink. */
    draw({ arrows, start }, board, tool, cell) {
      if (tool === "start") return { arrows, start: cell };
      const order = [0, 1, 2, 3].filter((side) => board.beside(cell, side) !== null);
      const next = arrows[cell] === null ? order[0] : order[order.indexOf(arrows[cell]) + 1] ?? null;
      return { start, arrows: arrows.with(cell, next) };
    },
    problem({ arrows, start }) {
      return arrows[start] === null ? "The start has no arrow: turn it to one." : null;
    },
    strange({ arrows, start }, board) {
      const way = follow2(arrows, board, start, []);
      if (way.length > board.frames) return "The way is longer than the video.";
      return arrows[way.at(-1)] === null ? null : "The arrows lead in a circle, which no chain of the training does.";
    },
    candidates({ arrows, start }, board) {
      const right = follow2(arrows, board, start, []), found = [right];
      right.slice(0, -1).forEach((cell, hop) => {
        const before = right.slice(0, hop + 1);
        found.push(before);
        for (const other of board.neighbours(cell)) {
          if (other !== right[hop + 1]) {
            found.push([...before, ...follow2(arrows, board, other, before)]);
          }
        }
      });
      found.push(...board.cells.map((cell) => follow2(arrows, board, cell, [])));
      return distinct(found, start, board);
    },
    solutions: () => [0],
    backdrop({ arrows, start }) {
      return arrows.map((turn, cell) => `${cell === start ? `${START}+` : ""}${turn === null ? SINK : `arrow:${turn}`}`);
    },
    movie: (layout, board, way) => marking(chain.backdrop(layout), board, way),
    empty: (layout) => chain.backdrop(layout),
    depths: (way) => new Map(way.map((cell, n) => [cell, n + 1])),
    pack: ({ arrows, start }) => `${arrows.map((turn) => turn ?? "x").join("")}.${start}`,
    unpack(text, board) {
      const [turns, place] = text.split("."), start = Number(place);
      if (!new RegExp(`^[0-3x]{${board.size}}$`).test(turns) || !isCell(start, board)) return null;
      const arrows = [...turns].map((turn) => turn === "x" ? null : Number(turn));
      const stays = arrows.every((turn, cell) => turn === null || board.beside(cell, turn) !== null);
      return stays ? { arrows, start } : null;
    }
  };
  var chainLit = {
    ...chain,
    backdrop(layout, board) {
      const scene = chain.backdrop(layout), [right] = chain.candidates(layout, board);
      return scene.map((tile, cell) => right?.includes(cell) ? `${LIGHT}+${tile}` : tile);
    },
    movie: (layout, board, way) => marking(chainLit.backdrop(layout, board), board, way),
    empty: (layout, board) => chainLit.backdrop(layout, board)
  };
  function marking(first, board, way) {
    const marked = (n) => first.map((tile, cell) => way.slice(0, n).includes(cell) ? `${tile}+${MARK}` : tile);
    return Array.from({ length: board.frames }, (_, frame) => marked(frame));
  }

  // playground/tasks/walls.js
  var PAINTED = [0, 2, 3, 1];
  function spanningTree(random, board) {
    const deep = random.next() < 0.5, links = board.cells.map(() => /* @__PURE__ */ new Set());
    const frontier = [random.choice(board.cells)], reached = new Set(frontier);
    while (frontier.length) {
      const i = deep ? frontier.length - 1 : random.below(frontier.length);
      const unseen = board.neighbours(frontier[i]).filter((cell2) => !reached.has(cell2));
      if (!unseen.length) {
        frontier.splice(i, 1);
        continue;
      }
      const cell = random.choice(unseen);
      join(links, frontier[i], cell);
      reached.add(cell);
      frontier.push(cell);
    }
    return links;
  }
  function join(links, one, other) {
    links[one].add(other);
    links[other].add(one);
  }
  function part(links, one, other) {
    links[one].delete(other);
    links[other].delete(one);
  }
  function toggled(links, one, other) {
    const changed = links.map((set) => new Set(set));
    (links[one].has(other) ? part : join)(changed, one, other);
    return changed;
  }
  function distances(links, start, closed = null) {
    const found = /* @__PURE__ */ new Map([[start, 0]]);
    const isClosed = (a, b) => closed && closed.includes(a) && closed.includes(b);
    for (const [cell, n] of found) {
      for (const other of sorted(links[cell])) {
        if (!found.has(other) && !isClosed(cell, other)) found.set(other, n + 1);
      }
    }
    return found;
  }
  var sorted = (cells) => [...cells].sort((a, b) => a - b);
  function wallsOf(links, cell, board) {
    return PAINTED.filter((side) => !links[cell].has(board.beside(cell, side))).map((side) => `wall:${SIDES[side]}`);
  }
  function packLinks(links, board) {
    const open = (cell, side) => links[cell].has(board.beside(cell, side));
    return board.cells.map((cell) => Number(open(cell, 1)) + 2 * Number(open(cell, 2))).join("");
  }
  function unpackLinks(text, board) {
    if (!new RegExp(`^[0-3]{${board.size}}$`).test(text)) return null;
    const links = board.cells.map(() => /* @__PURE__ */ new Set());
    for (const cell of board.cells) {
      for (const [bit, side] of [[1, 1], [2, 2]]) {
        const other = board.beside(cell, side);
        if (Number(text[cell]) & bit && other !== null) join(links, cell, other);
      }
    }
    return links;
  }

  // playground/tasks/flood.js
  var WATER = "disc:cyan:l";
  var CUT = 0.1;
  function needs(split, board) {
    const longest = board.frames - 1, usual = Math.floor(10 * longest / 16);
    return split === "in-domain" ? [1, usual] : [usual + 1, Math.floor(13 * longest / 16)];
  }
  function drawLinks(random, board, need) {
    const links = spanningTree(random, board);
    for (const cell of board.cells) {
      for (const other of sorted(links[cell])) {
        if (cell < other && random.next() < CUT) part(links, cell, other);
      }
    }
    const start = random.choice(board.cells), found = distances(links, start);
    if (Math.max(...found.values()) < need) return null;
    for (const [cell, distance] of found) {
      if (distance !== need) continue;
      for (const other of [...links[cell]]) if (found.get(other) > need) part(links, cell, other);
    }
    return { links, start };
  }
  function* floods(links, start, board) {
    const right = distances(links, start), furthest = Math.max(...right.values());
    yield right;
    for (let most = 1; most < furthest; most++) {
      yield new Map([...right].filter(([, n]) => n <= most));
    }
    for (const cell of right.keys()) {
      for (const other of sorted(links[cell])) {
        if (right.get(other) > right.get(cell)) yield distances(links, start, [cell, other]);
      }
    }
    for (const [cell, n] of right) {
      for (const other of board.neighbours(cell)) {
        if (right.has(other)) continue;
        const beyond = [...distances(links, other)].map(([o, d]) => [o, n + 1 + d]);
        yield new Map([...right, ...beyond.filter(([, d]) => d < board.frames)]);
      }
    }
  }
  var flood = {
    tools: { walls: "walls", start: "start" },
    shuffle(random, board, split) {
      const need = random.between(...needs(split, board));
      for (; ; ) {
        const found = drawLinks(random, board, need);
        if (found) return found;
      }
    },
    draw(layout, board, tool, cell, side) {
      if (tool === "start") return { ...layout, start: cell };
      const other = board.beside(cell, side);
      return other === null ? layout : { ...layout, links: toggled(layout.links, cell, other) };
    },
    problem: ({ links, start }) => links[start].size ? null : "The disc is walled in: open a wall beside it.",
    strange({ links, start }, board) {
      const reached = distances(links, start);
      if (Math.max(...reached.values()) >= board.frames) return "The water runs on after the video.";
      const passages = [...reached.keys()].reduce((sum, cell) => sum + links[cell].size, 0) / 2;
      return passages === reached.size - 1 ? null : "In the training there is one way between any two tiles; here there are more.";
    },
    /* Lists of [cell, frame]. */
    candidates({ links, start }, board) {
      const kept = /* @__PURE__ */ new Map();
      for (const found of floods(links, start, board)) {
        const coloured = [...found].filter(([, n]) => n > 0);
        const key = sorted(coloured.map(([cell]) => cell)).join();
        if (coloured.length && !kept.has(key)) kept.set(key, coloured.sort((a, b) => a[1] - b[1]));
      }
      return [...kept.values()];
    },
    solutions: () => [0],
    backdrop({ links, start }, board) {
      return board.cells.map((cell) => [...cell === start ? [WATER] : [], ...wallsOf(links, cell, board)].join("+"));
    },
    movie(layout, board, answer) {
      const first = flood.backdrop(layout, board);
      return Array.from({ length: board.frames }, (_, frame) => {
        const scene = [...first];
        for (const [cell, n] of answer) {
          if (n <= frame) scene[cell] = scene[cell] ? `${WATER}+${scene[cell]}` : WATER;
        }
        return scene;
      });
    },
    empty: (layout, board) => flood.backdrop(layout, board),
    depths: (answer) => new Map(answer),
    pack: ({ links, start }, board) => `${packLinks(links, board)}.${start}`,
    unpack(text, board) {
      const [walls, place] = text.split("."), start = Number(place);
      const links = unpackLinks(walls, board);
      return links && board.cells.includes(start) ? { links, start } : null;
    }
  };

  // playground/tasks/maze.js
  var DOT = "disc:green:m";
  var GOAL = "goal";
  var MOST2 = 60;
  function moves(split, board) {
    const longest = board.frames - 1, usual = Math.floor(10 * longest / 16);
    return split === "in-domain" ? [4, usual] : [usual + 1, longest];
  }
  function ways({ links, start, goal }, most) {
    const found = [], todo = [[start]];
    while (todo.length && found.length < 20 * MOST2) {
      const way = todo.pop(), last = way.at(-1);
      if (last === goal || links[last].size === 1 && way.length > 1) found.push(way);
      if (last === goal || way.length === most) continue;
      for (const next of links[last]) if (!way.includes(next)) todo.push([...way, next]);
    }
    return found;
  }
  var maze = {
    tools: { walls: "walls", start: "start", goal: "goal" },
    shuffle(random, board, split) {
      const [least, most] = moves(split, board);
      for (; ; ) {
        const links = spanningTree(random, board), start = random.choice(board.cells);
        const goals = [...distances(links, start)].filter(([, n]) => n >= least && n <= most);
        if (!goals.length) continue;
        const length = random.choice([...new Set(goals.map(([, n]) => n))].sort((a, b) => a - b));
        const [goal] = random.choice(goals.filter(([, n]) => n === length));
        const layout = { links, start, goal };
        if (maze.candidates(layout, board).length > 1) return layout;
      }
    },
    /* A copy that a tool has changed at a cell; side: of the cell, for walls. */
    draw(layout, board, tool, cell, side) {
      if (tool !== "walls") return { ...layout, [tool]: cell };
      const other = board.beside(cell, side);
      return other === null ? layout : { ...layout, links: toggled(layout.links, cell, other) };
    },
    /* What is wrong with a puzzle, for people, or null. */
    problem({ links, start, goal }, board) {
      if (start === goal) return "Start and goal are one tile: move one of them.";
      const far = distances(links, start).get(goal);
      if (far === void 0) return "No way leads to the red frame: open a wall.";
      if (far >= board.frames) return `The way takes ${far} moves, more than a video has frames.`;
      return null;
    },
    /* What no puzzle of the training was like, or null. */
    strange({ links }, board) {
      const passages = links.reduce((sum, set) => sum + set.size, 0) / 2;
      return passages === board.size - 1 && distances(links, 0).size === board.size ? null : "The mazes of the training have one way between any two tiles; this one does not.";
    },
    /* Right ways first, the shortest first; then dead ends in the order of their cells. */
    candidates(layout, board) {
      const found = ways(layout, board.frames);
      const right = found.filter((way) => way.at(-1) === layout.goal).sort((a, b) => a.length - b.length);
      const wrong = found.filter((way) => way.at(-1) !== layout.goal).sort((a, b) => a.at(-1) - b.at(-1));
      return [...right, ...wrong].slice(0, MOST2);
    },
    solutions: ({ goal }, candidates) => [...candidates.keys()].filter((n) => candidates[n].at(-1) === goal),
    backdrop({ links, goal }, board) {
      return board.cells.map((cell) => [...wallsOf(links, cell, board), ...cell === goal ? [GOAL] : []].join("+"));
    },
    /* A scene for each frame. */
    movie(layout, board, way) {
      const first = maze.backdrop(layout, board);
      return Array.from({ length: board.frames }, (_, frame) => dotted(first, way.slice(0, frame + 1)));
    },
    empty: (layout, board) => dotted(maze.backdrop(layout, board), [layout.start]),
    /* cell -> number of inferences that it takes, of the cells that an answer draws. */
    depths: (way) => new Map(way.map((cell, n) => [cell, n])),
    pack: ({ links, start, goal }, board) => `${packLinks(links, board)}.${start}.${goal}`,
    unpack(text, board) {
      const [walls, ...places] = text.split("."), links = unpackLinks(walls, board);
      const [start, goal] = places.map(Number);
      const isCell2 = (cell) => Number.isInteger(cell) && cell >= 0 && cell < board.size;
      return links && isCell2(start) && isCell2(goal) ? { links, start, goal } : null;
    }
  };
  function dotted(scene, way) {
    const drawn = [...scene];
    for (const cell of way) drawn[cell] = scene[cell] ? `${scene[cell]}+${DOT}` : DOT;
    return drawn;
  }

  // playground/tasks/grid.js
  var BLOCK2 = "block";
  var GOAL2 = "goal";
  var MOST_WAYS = 40;
  function moves2(split, board) {
    const longest = Math.min(board.rows + board.columns - 2, board.frames - 1);
    const usual = Math.floor(5 * longest / 8);
    return split === "in-domain" ? [3, usual] : [usual + 1, longest];
  }
  function shortestWays({ blocks, start, goal }, board) {
    let found = [[start]];
    const seen = /* @__PURE__ */ new Set([start, ...blocks]);
    while (found.length && found[0].at(-1) !== goal) {
      const longer = found.flatMap((way) => board.neighbours(way.at(-1)).filter((cell) => !seen.has(cell)).map((cell) => [...way, cell]));
      for (const way of longer) seen.add(way.at(-1));
      const done = longer.filter((way) => way.at(-1) === goal);
      found = done.length ? done : longer;
      if (found.length > 20 * MOST_WAYS) return [];
    }
    return found;
  }
  var grid = {
    tools: { blocks: "blocks", start: "start", goal: "goal" },
    shuffle(random, board, split) {
      const [least, most] = moves2(split, board);
      for (; ; ) {
        const mixed = random.shuffled(board.cells);
        const n = random.below(Math.floor(board.size / 5) + 1);
        const [start, goal] = mixed.slice(n), blocks = mixed.slice(0, n).sort((a, b) => a - b);
        const layout = { blocks, start, goal }, ways2 = shortestWays(layout, board);
        const length = (ways2[0]?.length ?? 0) - 1;
        if (ways2.length > 1 && ways2.length <= MOST_WAYS && length >= least && length <= most) {
          return layout;
        }
      }
    },
    draw(layout, board, tool, cell) {
      const { blocks, start, goal } = layout;
      if (tool !== "blocks") {
        return { ...layout, [tool]: cell, blocks: blocks.filter((block) => block !== cell) };
      }
      if (cell === start || cell === goal) return layout;
      const others = blocks.filter((block) => block !== cell);
      const changed = others.length < blocks.length ? others : [...blocks, cell];
      return { ...layout, blocks: changed.sort((a, b) => a - b) };
    },
    problem(layout, board) {
      const { length } = shortestWays(layout, board);
      if (layout.start === layout.goal) return "Start and goal are one tile: move one of them.";
      if (!length) return "No way leads to the red frame, or far too many do.";
      return length > MOST_WAYS ? `${length} ways are shortest: put more blocks in.` : null;
    },
    strange: (layout, board) => shortestWays(layout, board).length > 1 ? null : "In the training several ways are shortest; here one is.",
    candidates: (layout, board) => shortestWays(layout, board),
    solutions: (layout, candidates) => [...candidates.keys()],
    backdrop({ blocks, goal }, board) {
      return board.cells.map((cell) => blocks.includes(cell) ? BLOCK2 : cell === goal ? GOAL2 : "");
    },
    movie(layout, board, way) {
      const first = grid.backdrop(layout, board);
      return Array.from({ length: board.frames }, (_, frame) => dotted(first, way.slice(0, frame + 1)));
    },
    empty: (layout, board) => dotted(grid.backdrop(layout, board), [layout.start]),
    depths: (way) => new Map(way.map((cell, n) => [cell, n])),
    pack: ({ blocks, start, goal }, board) => `${board.cells.map((cell) => Number(blocks.includes(cell))).join("")}.${start}.${goal}`,
    unpack(text, board) {
      const [marks, ...places] = text.split("."), [start, goal] = places.map(Number);
      if (!new RegExp(`^[01]{${board.size}}$`).test(marks)) return null;
      const free = [start, goal].every((cell) => marks[cell] === "0");
      const blocks = board.cells.filter((cell) => marks[cell] === "1");
      return free ? { blocks, start, goal } : null;
    }
  };

  // playground/tasks/latin.js
  var SIDE = 5;
  var NUMBERS2 = [0, 1, 2, 3, 4];
  var PLACES = [...Array(SIDE * SIDE).keys()];
  var OBJECTS = [
    "disc:green:m",
    "square:red:m",
    "triangle:blue:m",
    "diamond:yellow:m",
    "cross:purple:m"
  ];
  var ROUNDS = { "in-domain": [1, 4], "out-of-domain": [5, 8] };
  function randomSquare(random) {
    const rows = [];
    for (let tries = 0; rows.length < SIDE; tries++) {
      const row = random.shuffled(NUMBERS2);
      if (rows.every((other) => other.every((n, i) => n !== row[i]))) rows.push(row);
      if (tries > 400) {
        rows.length = 0;
        tries = 0;
      }
    }
    return rows.flat();
  }
  function rounds(square, holes) {
    const known = square.map((n, place) => holes.includes(place) ? null : n), when = /* @__PURE__ */ new Map();
    for (let round = 1; when.size < holes.length; round++) {
      const fresh = [];
      for (const place of holes.filter((hole) => !when.has(hole))) {
        const row = Math.floor(place / SIDE), column = place % SIDE;
        const left = NUMBERS2.filter((n) => NUMBERS2.every((i) => known[row * SIDE + i] !== n && known[i * SIDE + column] !== n));
        if (left.length === 1) fresh.push([place, left[0]]);
      }
      if (!fresh.length) return null;
      for (const [place, n] of fresh) {
        known[place] = n;
        when.set(place, round);
      }
    }
    return when;
  }
  var needOf = (square, holes) => {
    const when = rounds(square, holes);
    return when && Math.max(...when.values());
  };
  function holesOf(random, square, need) {
    const holes = [];
    let found = 0;
    for (const place of random.shuffled(PLACES)) {
      const rounded = needOf(square, [...holes, place]);
      if (rounded === null || rounded > need) continue;
      holes.push(place);
      found = rounded;
      if (found === need && holes.length > 2 && random.next() < 0.25) break;
    }
    return found === need ? holes.sort((a, b) => a - b) : null;
  }
  var latin = {
    tools: { holes: "empty places" },
    shuffle(random, board, split) {
      const need = random.between(...ROUNDS[split]);
      for (; ; ) {
        const square = randomSquare(random), holes = holesOf(random, square, need);
        const corner = board.cell(
          random.below(board.rows - SIDE + 1),
          random.below(board.columns - SIDE + 1)
        );
        if (holes) return { square, holes, corner };
      }
    },
    /* Empties a place, or fills it again. */
    draw(layout, board, tool, cell) {
      const place = placeOf(layout, board, cell), { holes } = layout;
      if (place === null) return layout;
      const others = holes.filter((hole) => hole !== place);
      const changed = others.length < holes.length ? others : [...holes, place];
      return { ...layout, holes: changed.sort((a, b) => a - b) };
    },
    problem({ square, holes }) {
      if (!holes.length) return "No place is empty: empty one.";
      return rounds(square, holes) ? null : "Elimination does not fill this: more than one object may fit. Fill a place again.";
    },
    strange: ({ square, holes }) => needOf(square, holes) <= ROUNDS["out-of-domain"][1] ? null : "This takes more rounds than any square of the study.",
    /* What is in each hole, null where it stays empty: the completion, and one place changed. */
    candidates({ square, holes }) {
      const right = holes.map((hole) => square[hole]);
      return [right, ...right.flatMap((n, i) => [...NUMBERS2, null].filter((other) => other !== n).map((other) => right.with(i, other)))];
    },
    solutions: () => [0],
    backdrop({ square, holes, corner }, board) {
      const scene = board.cells.map(() => "");
      square.forEach((n, place) => {
        scene[cellOf(corner, board, place)] = OBJECTS[n];
      });
      for (const hole of holes) scene[cellOf(corner, board, hole)] = "slot";
      return scene;
    },
    /* The answer shows after the first beat. */
    movie(layout, board, answer) {
      const first = latin.backdrop(layout, board), filled = [...first];
      answer.forEach((n, i) => {
        if (n !== null) filled[cellOf(layout.corner, board, layout.holes[i])] = OBJECTS[n];
      });
      return Array.from({ length: board.frames }, (_, frame) => frame < 5 ? first : filled);
    },
    empty: (layout, board) => latin.backdrop(layout, board),
    /* The round in which elimination fills each hole. */
    depths: (answer, { square, holes, corner }, board) => new Map(
      [...rounds(square, holes)].sort(([a], [b]) => a - b).map(([hole, round]) => [cellOf(corner, board, hole), round])
    ),
    pack: ({ square, holes, corner }) => `${square.join("")}.${PLACES.map((place) => Number(holes.includes(place))).join("")}.${corner}`,
    unpack(text, board) {
      if (!/^[0-4]{25}\.[01]{25}\.\d+$/.test(text)) return null;
      const [numbers, marks, place] = text.split("."), corner = Number(place);
      const [row, column] = board.place(corner), square = [...numbers].map(Number);
      const lines = NUMBERS2.flatMap((i) => [
        square.slice(i * SIDE, (i + 1) * SIDE),
        square.filter((_, at) => at % SIDE === i)
      ]);
      const fits = row + SIDE <= board.rows && column + SIDE <= board.columns;
      if (!fits || lines.some((line) => new Set(line).size < SIDE)) return null;
      return { square, holes: PLACES.filter((at) => marks[at] === "1"), corner };
    }
  };
  function cellOf(corner, board, place) {
    return corner + Math.floor(place / SIDE) * board.columns + place % SIDE;
  }
  function placeOf({ corner }, board, cell) {
    const [row, column] = board.place(cell), [top, left] = board.place(corner);
    const i = row - top, j = column - left;
    return i >= 0 && i < SIDE && j >= 0 && j < SIDE ? i * SIDE + j : null;
  }

  // playground/tasks/index.js
  var TASKS = { maze, flood, latin, chain, chain_lit: chainLit, grid };

  // playground/view.js
  var within = (value, least, most) => Math.min(Math.max(value, least), most);
  var CHANGES = ["none", "mistake", "picture", "prefix"];
  var OTHER = 7919;
  var View = class {
    /* facts: of study.js; board: its Board. Starts with a puzzle of the first task. */
    constructor(facts, board) {
      const { models, steps, shift } = facts;
      Object.assign(this, { facts, board, shift, steps: Math.min(steps, 16) });
      this.tasks = facts.tasks.filter(({ name }) => name in TASKS);
      this.models = models.map(({ name }) => name);
      this.split = "in-domain";
      this.drawn = 0;
      Object.assign(this, { model: this.models[0], second: "", seed: 0 });
      this.loop = { passes: 0, sigma: 0.7 };
      Object.assign(this, { change: "none", at: 0, answer: null, tiles: 2 });
      Object.assign(this, { step: 0, frame: board.frames - 1, front: false });
      this.chooseTask(this.tasks[0].name);
    }
    get task() {
      return TASKS[this.name];
    }
    get prompt() {
      return this.tasks.find(({ name }) => name === this.name).prompt;
    }
    /* Steps of the runs, with the passes of the loop. */
    get length() {
      return this.steps + this.loop.passes;
    }
    get looks() {
      return this.length + 1;
    }
    /* Whether there is a second run. */
    get beside() {
      return Boolean(this.second) || this.change !== "none";
    }
    chooseTask(name) {
      this.name = this.tasks.some((task) => task.name === name) ? name : this.tasks[0].name;
      this.shuffle(this.drawn);
    }
    chooseSplit(split) {
      this.split = split === "out-of-domain" ? split : "in-domain";
      this.shuffle(this.drawn);
    }
    /* A random puzzle of the task. */
    shuffle(seed = this.drawn + 1) {
      this.drawn = seed;
      this.show(this.task.shuffle(new Random(seed), this.board, this.split));
    }
    /* Takes a layout of the task; its answers are others than before. */
    show(layout) {
      this.layout = layout;
      this.answer = null;
    }
    draw(tool, cell, side) {
      this.show(this.task.draw(this.layout, this.board, tool, cell, side));
    }
    /* The puzzle whose picture is swapped in. */
    get other() {
      return this.task.shuffle(new Random(this.drawn + OTHER), this.board, this.split);
    }
    /* values: some of model, second, steps, seed, passes, level, change, at, answer, tiles. */
    set(values) {
      const number = (name, least, most, old) => Number.isFinite(values[name]) ? within(values[name], least, most) : old;
      const whole = (...given) => Math.round(number(...given));
      const known = (name) => this.models.includes(name);
      if (known(values.model)) this.model = values.model;
      if (known(values.second) || values.second === "") this.second = values.second;
      this.steps = whole("steps", 1, 100, this.steps);
      this.seed = whole("seed", 0, 999999, this.seed);
      this.loop = {
        passes: whole("passes", 0, 50, this.loop.passes),
        sigma: number("level", 0.05, 0.99, this.loop.sigma)
      };
      if (CHANGES.includes(values.change)) this.change = values.change;
      this.at = within(whole("at", 0, 150, this.at), 0, this.length - 1);
      if (Number.isInteger(values.answer)) this.answer = Math.max(0, values.answer);
      this.tiles = whole("tiles", 1, this.board.size, this.tiles);
      this.moveTo(this.step, this.frame);
    }
    showFront(on) {
      this.front = on;
    }
    moveTo(step, frame) {
      this.step = within(step, 0, this.looks - 1);
      this.frame = within(frame, 0, this.board.frames - 1);
    }
    /* One on, and from the end to the start. what: "step" or "frame". */
    advance(what) {
      const n = what === "step" ? this.looks : this.board.frames;
      this[what] = (this[what] + 1) % n;
    }
  };

  // playground/page.js
  var PAUSE2 = 250;
  var CHANGED = {
    none: "",
    mistake: ", mistake put in",
    picture: ", picture swapped",
    prefix: ", prefix transplanted"
  };
  var Page = class _Page {
    #lanes = [];
    #reader = null;
    #follows = true;
    // whether the shown step is the newest one
    #charted = "";
    // what the chart and the list of candidates show
    #began = 0;
    // when the runs began, ms
    static async open(facts, assets2) {
      const tiles = new Tiles(facts.tiles, new Uint8Array(await unpacked(facts.pictures)));
      return new _Page(facts, assets2, tiles);
    }
    constructor(facts, assets2, tiles) {
      const notice = new Notice(byId("said"));
      this.say = (text) => notice.say(text);
      this.tiles = tiles;
      this.board = new Board(facts.board);
      this.view = new View(facts, this.board);
      this.engine = new Engine(assets2, this.board, tiles);
      this.update = oncePerFrame(() => this.#paint());
      this.writeLink = afterPause(() => history.replaceState(null, "", linkTo(this.view)), 150);
      this.runSoon = afterPause(() => this.#run(), PAUSE2);
      this.chart = new Chart(byId("chart"), (step, frame) => this.#moveTo(step, frame ?? this.view.frame));
      this.playing = new Playing(this.view, () => {
        this.#follows = false;
        this.update();
      });
      this.editor = new Editor(this.view, tiles, () => this.#changed());
      introduce(facts, this.board);
      this.#listen();
      this.#follow();
      this.#run();
    }
    #listen() {
      const { view } = this;
      listenToSettings(view, () => this.#changed());
      byId("task").onchange = () => {
        view.chooseTask(byId("task").value);
        this.#changed();
      };
      byId("split").onchange = () => {
        view.chooseSplit(byId("split").value);
        this.#changed();
      };
      byId("shuffle").onclick = () => {
        view.shuffle();
        this.#changed();
      };
      byId("step").oninput = () => this.#moveTo(Number(byId("step").value), view.frame);
      byId("frame").oninput = () => this.#moveTo(view.step, Number(byId("frame").value));
      byId("front").onchange = () => {
        view.showFront(byId("front").checked);
        this.update();
      };
      byId("png").onclick = () => this.#png();
      byId("gif").onclick = () => this.#gif();
      byId("copy").onclick = () => this.#copy();
      document.addEventListener("keydown", (event) => onKey(
        event,
        view,
        (...place) => this.#moveTo(...place),
        () => this.playing.toggle("video")
      ));
      window.addEventListener("hashchange", () => {
        if (location.hash === linkTo(view)) return;
        this.#follow();
        this.#run();
      });
      let width = window.innerWidth;
      window.addEventListener("resize", () => {
        if (window.innerWidth === width) return;
        width = window.innerWidth;
        this.#charted = "";
        this.update();
      });
    }
    #follow() {
      const sentence = follow(location.hash, this.view);
      this.#follows = this.view.step === this.view.looks - 1;
      if (sentence) this.say(sentence);
      this.#show();
    }
    #moveTo(step, frame) {
      this.#follows = false;
      this.view.moveTo(step, frame);
      this.update();
    }
    /* Something else is to be run: soon, as more may change. */
    #changed() {
      this.engine.stop();
      this.#now("asked");
      this.#follows = true;
      this.#show();
      this.runSoon();
    }
    /* The puzzle and the controls. */
    #show() {
      const { view } = this, { task, layout, board } = view;
      byId("prompt").textContent = view.prompt;
      this.editor.fillTools();
      this.editor.paint();
      const candidates = task.candidates(layout, board);
      const solutions = task.solutions(layout, candidates);
      showSettings(view, candidates.length, putIn(view, { candidates, solutions }));
      const problem = task.problem(layout, board);
      byId("board-says").textContent = problem ?? task.strange(layout, board) ?? `${candidates.length} candidate answers`;
      byId("board").classList.toggle("problem", Boolean(problem));
      byId("other-figure").hidden = view.change !== "picture";
      if (view.change === "picture") this.#paintOther(view);
      this.writeLink();
    }
    #paintOther({ task, other, board }) {
      const canvas = byId("other");
      const picture = paintScene(task.empty(other, board), board, this.tiles);
      Object.assign(canvas, { width: picture.width, height: picture.height });
      canvas.getContext("2d").putImageData(picture, 0, 0);
    }
    async #run() {
      const { view } = this;
      if (view.task.problem(view.layout, view.board)) {
        this.engine.stop();
        this.#now("impossible");
        return;
      }
      const before = performance.now();
      this.#now("running");
      const started = (lanes, reader) => {
        this.#lanes = lanes;
        this.#charted = "";
        this.#reader = reader;
        lanes.forEach((lane, n) => {
          lane.title = n ? `${lane.name}${CHANGED[view.change]}` : lane.name;
        });
        this.#began = performance.now();
      };
      try {
        const whole = await this.engine.run(view, started, () => this.#stepped());
        if (!whole) return;
        const seconds = ((performance.now() - this.#began) / 1e3).toFixed(1);
        const loaded = ((this.#began - before) / 1e3).toFixed(1);
        byId("time").textContent = `This took ${seconds} s, and ${loaded} s to load.`;
        this.update();
        this.#now("ended");
      } catch (error) {
        this.#now("failed");
        this.say(error.message);
      }
    }
    /* How it is with the runs, for style sheets and tests. */
    #now(state) {
      document.documentElement.dataset.runs = state;
    }
    #stepped() {
      if (this.#follows) this.view.moveTo(this.#lanes[0].seen - 1, this.view.frame);
      this.update();
    }
    #paint() {
      const { view } = this, lanes = this.#lanes;
      if (!lanes.length || !lanes[0].seen) return;
      const { sigmas } = lanes[0].run, step = Math.min(view.step, lanes[0].seen - 1);
      const beside = lanes.length > 1;
      for (const part2 of document.querySelectorAll(".noisy")) part2.hidden = !beside;
      byId("stage").classList.toggle("alone", !beside);
      for (const lane of lanes) this.#paintLane(lane, step, sigmas);
      const seen = lanes.map((lane) => lane.seen).join();
      if (this.#charted !== seen) this.#draw(beside && view.change !== "none" ? view.at : null);
      this.#charted = seen;
      this.showEvidence(step);
      showPlace("step", step, sigmas.length - 1, stepName(step, sigmas));
      showPlace("frame", view.frame, this.board.frames - 1, `frame ${view.frame}`);
      this.chart.move(step, view.frame);
      this.writeLink();
    }
    /* What changes with every look that is new. at: where the second run is changed, or null. */
    #draw(at) {
      const lanes = this.#lanes, { candidates: { length: n }, solutions, movies } = this.#reader;
      const draw = (context, answer) => {
        context.putImageData(paintScene(movies[answer].at(-1), this.board, this.tiles), 0, 0);
      };
      this.showEvidence = listCandidates({ n, solutions, runs: lanes, size: lanes[0].size, draw });
      drawTimeline(this.chart, lanes, lanes[0].run.sigmas, solutions, at);
    }
    #paintLane(lane, step, sigmas) {
      const { frame, front } = this.view, [h, w] = lane.size, canvas = byId(lane.kind);
      Object.assign(canvas, { width: w, height: h });
      const context = canvas.getContext("2d"), { image, x, y } = lane.pictureAt(step, frame);
      context.drawImage(image, x, y, w, h, 0, 0, w, h);
      if (front) markFront(context, lane, step, this.board);
      const { solutions } = this.#reader, leads = lane.leads[step];
      const reading = readingOf(lane, step, solutions);
      const ahead = leads < 0 ? "" : `; answer ${leads + 1} leads`;
      const commits = lane.commitment === null ? "" : `; commits at step ${lane.commitment}`;
      const words = `${stepName(step, sigmas)}, frame ${frame}${reading}${ahead}${commits}`;
      byId(`${lane.kind}-name`).textContent = lane.title;
      byId(`${lane.kind}-says`).textContent = words;
      canvas.setAttribute("aria-label", `Clean estimate, ${lane.title}, ${words}`);
    }
    async #png() {
      if (!this.#lanes.length) return;
      const { name, seed, steps } = this.view;
      const words = `${name}, seed ${seed}, ${steps} steps: clean estimates and the result`;
      download(`${name}-steps.png`, await pngOf(this.#lanes, words));
      this.say("PNG saved.");
    }
    #gif() {
      if (!this.#lanes.length) return;
      const { name, frame } = this.view, { sigmas } = this.#lanes[0].run;
      const titles = this.#lanes.map((lane) => lane.title).join(" | ");
      download(
        `${name}-steps.gif`,
        gifOfSteps(this.#lanes, frame, (look) => `${stepName(look, sigmas)}: ${titles}`)
      );
      this.say("GIF saved.");
    }
    async #copy() {
      const link = location.href.split("#")[0] + linkTo(this.view);
      history.replaceState(null, "", linkTo(this.view));
      try {
        await navigator.clipboard.writeText(link);
        this.say("Link copied.");
      } catch {
        this.say("The link is the address of this page.");
      }
    }
  };
  function introduce({ study, models }, board) {
    document.title = `Playground: ${study}`;
    const blocks = [...new Set(models.map((model) => model.blocks))].sort((a, b) => a - b);
    byId("about").textContent = `Study ${study}: models of ${blocks.join(", ")} transformer blocks on boards of ${board.rows} x ${board.columns} tiles. They run in this browser, on its processor alone. Draw a puzzle, and see what a model takes the finished video to be at every step. The results are these models' own.`;
  }
  function showPlace(id, value, most, words) {
    byId(id).max = most;
    byId(id).value = value;
    byId(id).setAttribute("aria-valuetext", words);
  }

  // playground/playground.js
  var assets = new Assets();
  globalThis.playground = {
    /* A model, a codec or ONNX Runtime. */
    add: (name, content) => assets.add(name, content),
    /* study.js: the models, the tasks and the pictures of the tiles. */
    open: (facts) => Page.open(facts, assets)
  };
})();
