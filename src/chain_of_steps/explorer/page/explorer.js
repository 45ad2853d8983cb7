/* Made by `make page` from web/explorer: change it there. */
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
        const grid = this.grids.find(({ top, height }) => y >= top && y < top + height);
        if (step < 0 || step >= this.looks) return;
        choose(step, grid ? grid.frames[Math.floor((y - grid.top) / grid.tall)] : null);
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
  };

  // shared/csv.js
  function toCsv(columns, rows) {
    const cell = (value) => /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
    const line = (values) => values.map((value) => cell(String(value))).join(",");
    const lines = [line(columns), ...rows.map((row) => line(columns.map((name) => row[name])))];
    return `${lines.join("\r\n")}\r
`;
  }
  function parseCsv(text) {
    const lines = [];
    let cells = [], cell = "", quoted = false;
    const endLine = () => {
      cells.push(cell);
      if (cells.length > 1 || cells[0] !== "") lines.push(cells);
      cells = [];
      cell = "";
    };
    text = text.replace(/^\uFEFF/, "");
    for (let i = 0; i < text.length; i++) {
      const c = text[i];
      if (quoted && c === '"' && text[i + 1] === '"') {
        cell += '"';
        i++;
      } else if (c === '"' && (quoted || cell === "")) quoted = !quoted;
      else if (quoted) cell += c;
      else if (c === ",") {
        cells.push(cell);
        cell = "";
      } else if (c === "\n") endLine();
      else if (c !== "\r") cell += c;
    }
    if (cell !== "" || cells.length) endLine();
    return lines;
  }

  // shared/keep.js
  function recall(name) {
    try {
      return localStorage.getItem(name);
    } catch {
      return null;
    }
  }
  function keep(name, text) {
    try {
      localStorage.setItem(name, text);
      return true;
    } catch {
      return false;
    }
  }

  // shared/labels.js
  var BEHAVIOURS = [
    "Multi-Path",
    "Superposition",
    "Memory",
    "Self-correction",
    "Perception Before Action",
    "Unknown"
  ];
  var COLUMNS = [
    "study",
    "model",
    "case",
    "seed",
    "intervention",
    "label",
    "success",
    "first_step",
    "last_step",
    "annotator",
    "note",
    "time"
  ];
  var OPTIONAL = ["study", "note", "time"];
  var NUMBERS = ["seed", "first_step", "last_step"];
  var labelsToCsv = (rows) => toCsv(COLUMNS, rows);
  function labelsFromCsv(text) {
    const [header, ...lines] = parseCsv(text);
    if (!header) throw new Error("The file is empty: choose one that was exported here.");
    const missing = COLUMNS.filter((name) => !OPTIONAL.includes(name) && !header.includes(name));
    if (missing.length) throw new Error(`The file has no column ${missing.join(", ")}.`);
    return lines.map((cells, i) => {
      const row = {};
      for (const name of COLUMNS) row[name] = cells[header.indexOf(name)] ?? "";
      return checked(row, i + 2);
    });
  }
  function checked(row, line) {
    const wrong = (name, wanted) => new Error(`Line ${line}: ${name} is “${row[name]}”, write ${wanted}.`);
    for (const name of NUMBERS) {
      if (!/^\d+$/.test(row[name])) throw wrong(name, "a whole number");
      row[name] = Number(row[name]);
    }
    if (row.label && !BEHAVIOURS.includes(row.label)) throw wrong("label", BEHAVIOURS.join(", "));
    if (!["", "yes", "no"].includes(row.success)) throw wrong("success", "yes, no or nothing");
    return row;
  }
  var keyOf = (row) => JSON.stringify(COLUMNS.map((name) => String(row[name])));
  var LabelStore = class {
    constructor(name) {
      this.name = `chain-of-steps labels ${name}`;
      try {
        this.rows = JSON.parse(recall(this.name)) ?? [];
      } catch {
        this.rows = [];
      }
      this.#save();
    }
    #save() {
      this.kept = keep(this.name, JSON.stringify(this.rows));
    }
    /* Adds what is not yet there; returns how many were new. */
    add(rows) {
      const known = new Set(this.rows.map(keyOf));
      const fresh = rows.filter((row) => !known.has(keyOf(row)) && known.add(keyOf(row)));
      this.rows.push(...fresh);
      this.#save();
      return fresh.length;
    }
    remove(row) {
      this.rows = this.rows.filter((other) => other !== row);
      this.#save();
    }
    of(name) {
      return this.rows.filter((row) => row.case === name);
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

  // explorer/bench.js
  function paintBench(run, step) {
    byId("bench").hidden = !run.bench;
    if (!run.bench) return;
    const said = run.bench[step] ?? [];
    byId("bench-score").textContent = said.map(scoreOf).join("; ") || "no video of this step";
    byId("bench-details").replaceChildren();
    for (const { by, reason, details } of said) {
      addRow("by", by);
      if (reason) addRow("why", reason);
      for (const [name, value] of flat(details ?? {})) addRow(name, value);
    }
  }
  var scoreOf = ({ score }) => score === null ? "no score" : score.toFixed(3);
  function addRow(name, value) {
    element("dt", { textContent: name }, byId("bench-details"));
    element("dd", { textContent: value }, byId("bench-details"));
  }
  function flat(value, name = "") {
    if (value === null || typeof value !== "object") return [[name, String(value)]];
    if (Array.isArray(value)) return [[name, value.map((one) => JSON.stringify(one)).join(", ")]];
    return Object.entries(value).flatMap(([key, one]) => flat(one, name ? `${name}.${key}` : key));
  }

  // explorer/energy.js
  var STRONGEST = 0.8;
  function prepareEnergy({ data, maps }, view) {
    const on = view.energy && Boolean(maps);
    byId("energy").disabled = !data.energy;
    byId("energy").checked = on;
    byId("layer").disabled = !on;
    if (!data.energy) {
      byId("energy-says").textContent = view.index.cases.some((entry) => entry.energy) ? "not measured for this case" : "not measured in this study";
    } else if (!on) byId("energy-says").textContent = "";
    if (!maps) return;
    const layers = Object.keys(Object.values(maps.values)[0]);
    view.showLayer(view.layer, layers);
    fillSelect(byId("layer"), layers.map((layer) => [layer, layer]), view.layer);
  }
  function paintEnergy({ maps, frames }, { step, frame, layer, seed }) {
    const { grid: [deep, rows, columns], values } = maps;
    if (seed !== maps.seed) {
      byId("energy-says").textContent = `measured for seed ${maps.seed}`;
      return;
    }
    const near = Object.keys(values).map(Number).reduce((best, other) => Math.abs(other - step) < Math.abs(best - step) ? other : best);
    const span = frames.at(-1) / Math.max(1, deep - 1);
    const first = Math.ceil(frames[frame] / span - 1e-9) * rows * columns;
    const tokens = values[near][layer].slice(first, first + rows * columns);
    paintTokens(byId("clean"), tokens, rows, columns);
    byId("energy-says").textContent = `orange above, blue below the layer's median at step ${near} (full colour: twice, half)`;
  }
  function paintTokens(canvas, tokens, rows, columns) {
    const context = canvas.getContext("2d");
    const wide = canvas.width / columns, high = canvas.height / rows;
    const above = colour("--above"), below = colour("--below");
    tokens.forEach((token, i) => {
      context.fillStyle = token > 0 ? above : below;
      context.globalAlpha = Math.min(1, Math.abs(token / 100)) * STRONGEST;
      context.fillRect(i % columns * wide, Math.floor(i / columns) * high, wide, high);
    });
    context.globalAlpha = 1;
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

  // explorer/view.js
  var CLEAN = "clean";
  var within = (value, most) => Math.min(Math.max(value, 0), most);
  var View = class {
    /* index: what runs.js says of the study and its cases. Starts on the end of the first run. */
    constructor(index) {
      this.index = index;
      this.entries = new Map(index.cases.map((entry) => [entry.case, entry]));
      this.looks = index.sigmas.length;
      this.energy = false;
      this.layer = "0";
      this.step = 0;
      this.frame = 0;
      this.chooseRun(index.cases[0], null, null);
      this.moveTo(this.looks - 1, this.frames.length - 1);
    }
    /* Pixel frames of the chosen case, the columns of its films. */
    get frames() {
      return this.entry.frames;
    }
    /* Takes the nearest run of a case that exists: with the seed, else under the noise. */
    chooseRun(entry, seed = this.seed, noise = this.with) {
      const hasSeed = (run2) => String(run2.seed) === String(seed);
      const hasNoise = (run2) => run2.with === (noise ?? CLEAN);
      const run = entry.runs.find((one) => hasNoise(one) && hasSeed(one)) ?? entry.runs.find((one) => one.with === CLEAN && hasSeed(one)) ?? entry.runs.find(hasNoise) ?? entry.runs[0];
      this.entry = entry;
      this.seed = run.seed;
      this.with = run.with;
      this.moveTo(this.step, this.frame);
    }
    moveTo(step, frame) {
      this.step = within(step, this.looks - 1);
      this.frame = within(frame, this.frames.length - 1);
    }
    /* One on, and from the end to the start. what: "step" or "frame". */
    advance(what) {
      const n = what === "step" ? this.looks : this.frames.length;
      this[what] = (this[what] + 1) % n;
    }
    showEnergy(on) {
      this.energy = on;
    }
    /* A layer of `layers`, or the first of them. */
    showLayer(layer, layers = [layer]) {
      this.layer = layers.includes(layer) ? layer : layers[0];
    }
  };

  // explorer/words.js
  function noiseName(name) {
    if (name === CLEAN) return "none (clean run)";
    const [kind, number] = name.split("-");
    return kind === "step" ? `noise at step ${number}` : `noise at latent frame ${number}`;
  }
  function caseName(entry) {
    const [split, , number] = entry.case.split("/");
    return `${number} ${split}`;
  }
  var seedName = (run) => run.right === null ? `${run.seed}` : `${run.seed}, ends ${run.right ? "right" : "wrong"}`;

  // explorer/labelling.js
  var ANNOTATOR = "chain-of-steps annotator";
  var Labelling = class {
    /* changed(sentence): called when labels came or went; say: with a sentence alone. */
    constructor(view, labels, changed, say) {
      Object.assign(this, { view, labels, changed, say });
      const last = view.looks - 1;
      for (const id of ["first", "last"]) byId(id).max = last;
      byId("first").value = 0;
      byId("last").value = last;
      fillSelect(byId("label"), [["", "none"], ...BEHAVIOURS.map((name) => [name, name])], "");
      byId("annotator").value = recall(ANNOTATOR) ?? "";
      this.#listen();
    }
    #listen() {
      byId("first-here").onclick = () => {
        byId("first").value = this.view.step;
      };
      byId("last-here").onclick = () => {
        byId("last").value = this.view.step;
      };
      byId("label-form").onsubmit = (event) => {
        event.preventDefault();
        this.#add();
      };
      byId("export").onclick = () => this.#export();
      byId("import").onchange = (event) => this.#import(event.target);
    }
    /* The labels of the chosen run. */
    ofRun() {
      const { entry, seed, with: noise, index } = this.view;
      return this.labels.of(entry.case).filter((row) => row.seed === seed && row.intervention === noise && row.model === index.model);
    }
    /* The table of the case's labels. */
    draw() {
      const rows = this.labels.of(this.view.entry.case);
      byId("labels").replaceChildren(...rows.map((row) => this.#line(row)));
      const kept = this.labels.kept ? "" : " This browser does not keep them: export before you leave.";
      byId("label-count").textContent = `Labels in this study: ${this.labels.rows.length}.${kept}`;
    }
    #line(row) {
      const line = element("tr");
      const noise = row.intervention === CLEAN ? "clean" : noiseName(row.intervention);
      const run = `seed ${row.seed}, ${noise}`, steps = `${row.first_step}–${row.last_step}`;
      const { label, success, annotator, note } = row;
      for (const text of [run, label || "–", success || "–", steps, annotator, note]) {
        element("td", { textContent: text }, line);
      }
      const button = element(
        "button",
        { type: "button", textContent: "Remove" },
        element("td", {}, line)
      );
      button.setAttribute("aria-label", `Remove ${label || "label"}, ${run}, steps ${steps}`);
      button.onclick = () => {
        this.labels.remove(row);
        this.changed("Label removed.");
        byId("label").focus();
      };
      return line;
    }
    #add() {
      const { view } = this;
      const text = (id) => byId(id).value.trim();
      const first = Number(byId("first").value), last = Number(byId("last").value);
      if (first > last) return this.say("“From step” is after “to step”: turn them round.");
      if (!text("label") && !text("success")) return this.say("Choose a behaviour or a success.");
      this.labels.add([{
        study: view.index.study,
        model: view.index.model,
        case: view.entry.case,
        seed: view.seed,
        intervention: view.with,
        label: text("label"),
        success: text("success"),
        first_step: first,
        last_step: last,
        annotator: text("annotator"),
        note: text("note"),
        time: (/* @__PURE__ */ new Date()).toISOString()
      }]);
      keep(ANNOTATOR, text("annotator"));
      this.changed("Label added.");
    }
    #export() {
      const file2 = new Blob([labelsToCsv(this.labels.rows)], { type: "text/csv" });
      const url = URL.createObjectURL(file2);
      const name = byId("annotator").value.trim().replace(/[^\w-]+/g, "-");
      const download = `labels-${name || this.view.index.study}.csv`;
      element("a", { href: url, download }).click();
      setTimeout(() => URL.revokeObjectURL(url), 1e4);
      this.say(`Labels exported: ${this.labels.rows.length}.`);
    }
    async #import(field) {
      const [file2] = field.files;
      if (!file2) return;
      try {
        const rows = labelsFromCsv(await file2.text());
        const fresh = this.labels.add(rows);
        this.changed(`Labels added: ${fresh}, already here: ${rows.length - fresh}.`);
      } catch (error) {
        this.say(error.message);
      }
      field.value = "";
    }
  };

  // explorer/link.js
  function linkTo(view) {
    const facts = {
      case: view.entry.case,
      seed: view.seed,
      with: view.with,
      step: view.step,
      frame: view.frames[view.frame]
    };
    if (view.energy) facts.energy = view.layer;
    const text = Object.entries(facts).map(([key, value]) => `${key}=${encodeURIComponent(value).replaceAll("%2F", "/")}`);
    return `#${text.join("&")}`;
  }
  function follow(link, view) {
    const asked = new URLSearchParams(link.slice(1));
    const number = (name2) => {
      const value = Number.parseInt(asked.get(name2), 10);
      return Number.isNaN(value) ? null : value;
    };
    const name = asked.get("case"), entry = view.entries.get(name);
    if (asked.get("energy")) {
      view.showEnergy(true);
      view.showLayer(asked.get("energy"));
    }
    view.chooseRun(entry ?? view.index.cases[0], asked.get("seed"), asked.get("with"));
    const frame = number("frame") ?? Infinity;
    view.moveTo(number("step") ?? view.looks - 1, nearest(view.frames, frame));
    return name && !entry ? `There is no case ${name} on this page.` : null;
  }
  function nearest(frames, frame) {
    const asked = Math.min(Math.max(frame, 0), frames.at(-1));
    return frames.reduce((best, other, i) => Math.abs(other - asked) < Math.abs(frames[best] - asked) ? i : best, 0);
  }

  // shared/pictures.js
  var FEWEST = 4;
  var Pictures = class {
    #made = /* @__PURE__ */ new Map();
    // path -> promise of an ImageBitmap, least recently used first
    /* most: pixels kept ready to draw, 4 bytes each. */
    constructor(most) {
      this.most = most;
    }
    /* A promise of the picture at a path. */
    get(path) {
      const made = this.#made.get(path) ?? decoded(path);
      this.#made.delete(path);
      this.#made.set(path, made);
      made.catch(() => this.#made.delete(path));
      this.#trim();
      return made;
    }
    async #trim() {
      const sizes = await Promise.allSettled([...this.#made.values()]);
      const pixelsOf = (bitmap) => bitmap ? bitmap.width * bitmap.height : 0;
      let pixels = sizes.reduce((sum, { value }) => sum + pixelsOf(value), 0);
      for (const [path, made] of [...this.#made]) {
        if (pixels <= this.most || this.#made.size <= FEWEST) return;
        pixels -= pixelsOf(await made);
        this.#made.delete(path);
      }
    }
  };
  async function decoded(path) {
    const image = new Image();
    image.src = path;
    try {
      await image.decode();
    } catch {
      throw new Error(`${path} cannot be shown.`);
    }
    return createImageBitmap(image);
  }

  // explorer/load.js
  var DECODED = 6e7;
  var file = (folder, name) => `${folder}/${encodeURIComponent(name)}`;
  var Loader = class {
    #cases = /* @__PURE__ */ new Map();
    // name -> data
    #pictures = new Pictures(DECODED);
    /* scripts: ScriptData that is answered under "add <case>" and "energy <case>". */
    constructor(scripts2) {
      this.scripts = scripts2;
    }
    async load(view) {
      const { entry, seed, with: noise, energy } = view;
      const data = await this.#case(entry);
      const find = (name) => data.runs.find((run) => run.seed === seed && run.with === name);
      const runs = { clean: find(CLEAN), noisy: noise === CLEAN ? null : find(noise) };
      const picture = (name) => this.#pictures.get(file(entry.folder, name));
      const [sheet, clean2, noisy, maps] = await Promise.all([
        picture(data.sheet),
        picture(runs.clean.film),
        runs.noisy && picture(runs.noisy.film),
        energy ? this.#maps(entry, data) : null
      ]);
      return new Loaded(entry, data, runs, sheet, { clean: clean2, noisy }, maps);
    }
    async #case({ case: name, folder }) {
      if (!this.#cases.has(name)) {
        const source = file(folder, `${name.replaceAll("/", "-")}.js`);
        this.#cases.set(name, await this.scripts.load(source, `add ${name}`));
      }
      return this.#cases.get(name);
    }
    async #maps(entry, data) {
      if (data.energy && !data.maps) {
        data.maps = await this.scripts.load(file(entry.folder, data.energy), `energy ${data.case}`);
      }
      return data.maps;
    }
  };
  var Loaded = class {
    constructor(entry, data, runs, sheet, films, maps) {
      Object.assign(this, { entry, data, runs, sheet, films, maps });
    }
    get frames() {
      return this.entry.frames;
    }
    /* [h, w] of a picture. */
    get size() {
      return this.entry.size;
    }
    /* The runs that there are: [kind, run]. */
    get kinds() {
      return Object.entries(this.runs).filter(([, run]) => run);
    }
    /* The first look of a run's own; before the noise a run is the clean one. */
    startOf(kind) {
      return kind === "noisy" ? this.runs.noisy.start : 0;
    }
    /* The film that holds a look, and the corner of the picture of a frame in it. */
    pictureAt(kind, look, frame) {
      const [h, w] = this.size, start = this.startOf(kind);
      const own = look >= start;
      return {
        image: own ? this.films[kind] : this.films.clean,
        x: frame * w,
        y: (own ? look - start : look) * h
      };
    }
  };

  // explorer/run_lists.js
  var clean = (entry) => entry.runs.filter((run) => run.with === CLEAN);
  var FILTERS = {
    all: () => true,
    right: (entry) => clean(entry).some((run) => run.right),
    wrong: (entry) => clean(entry).some((run) => run.right === 0),
    changes: (entry) => clean(entry).some((run) => run.answers > 1),
    noise: (entry) => entry.runs.some((run) => run.with !== CLEAN),
    energy: (entry) => entry.energy,
    labelled: (entry, labels) => labels.of(entry.case).length > 0,
    unlabelled: (entry, labels) => labels.of(entry.case).length === 0
  };
  var RunLists = class {
    /* choose(entry, seed, noise): called with what a person takes; say: with a sentence. */
    constructor(view, labels, choose, say) {
      Object.assign(this, { view, labels, choose, say });
      this.#listen();
    }
    #filtered() {
      const keeps = FILTERS[byId("filter").value];
      return this.view.index.cases.filter((entry) => keeps(entry, this.labels));
    }
    /* Fills the lists so that they hold what the view has chosen. */
    fill() {
      const { entry, seed, with: noise, index } = this.view;
      let list = this.#filtered();
      if (!list.includes(entry)) {
        byId("filter").value = "all";
        list = index.cases;
      }
      const tasks = [...new Set(list.map((other) => other.task))];
      fillSelect(byId("task"), tasks.map((task) => [task, index.titles[task] ?? task]), entry.task);
      const cases = list.filter((other) => other.task === entry.task);
      fillSelect(byId("case"), cases.map((other) => [other.case, caseName(other)]), entry.case);
      const at = list.indexOf(entry);
      byId("previous").disabled = at <= 0;
      byId("next").disabled = at >= list.length - 1;
      fillSelect(byId("seed"), clean(entry).map((run) => [run.seed, seedName(run)]), seed);
      const noises = entry.runs.filter((run) => run.seed === seed);
      fillSelect(byId("with"), noises.map((run) => [run.with, noiseName(run.with)]), noise);
      byId("with").disabled = noises.length === 1;
    }
    #go(by) {
      const list = this.#filtered();
      const entry = list[list.indexOf(this.view.entry) + by];
      if (entry) this.choose(entry);
    }
    #chooseFirst(list) {
      if (list.length) this.choose(list[0]);
      else this.say("No case is like that.");
    }
    #filter() {
      const list = this.#filtered();
      if (!list.length) byId("filter").value = "all";
      if (list.includes(this.view.entry)) this.fill();
      else this.#chooseFirst(list);
    }
    #listen() {
      const { view } = this;
      const taskIs = (task) => this.#filtered().filter((entry) => entry.task === task);
      byId("filter").onchange = () => this.#filter();
      byId("task").onchange = () => this.#chooseFirst(taskIs(byId("task").value));
      byId("case").onchange = () => this.choose(view.entries.get(byId("case").value));
      byId("seed").onchange = () => this.choose(view.entry, byId("seed").value);
      byId("with").onchange = () => this.choose(view.entry, view.seed, byId("with").value);
      byId("previous").onclick = () => this.#go(-1);
      byId("next").onclick = () => this.#go(1);
      byId("choose").onsubmit = (event) => event.preventDefault();
    }
  };

  // explorer/stage.js
  var SMALL = 160;
  function prepareStage(loaded) {
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
  function paintStage(loaded, step, frame, sigmas) {
    for (const [kind, run] of loaded.kinds) paintRun(loaded, kind, run, step, frame, sigmas);
    const { data, sheet, frames, size: [h, w] } = loaded, canvas = byId("truth");
    canvas.getContext("2d").drawImage(sheet, frame * w, 0, w, h, 0, 0, w, h);
    canvas.setAttribute(
      "aria-label",
      data.truth ? `Ground truth, frame ${frames[frame]}` : "First frame"
    );
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

  // shared/chart_rows.js
  var CURVE = 52;
  var CURVE_PAD = 6;
  var ANSWER_PITCH = 13;
  var SPAN_PITCH = 16;
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
  function addSpans(chart, title, spans) {
    if (!spans.length) return;
    const svg = chart.plot(title, SPAN_PITCH * spans.length + 6, "", "");
    spans.forEach(({ first, last, text }, i) => {
      const x = first * chart.cell, y = 3 + i * SPAN_PITCH;
      svgElement("rect", {
        x,
        y,
        width: (last - first + 1) * chart.cell,
        height: SPAN_PITCH - 3,
        fill: "var(--span)"
      }, svg);
      svgElement("text", { x: x + 4, y: y + 10 }, svg).textContent = text;
    });
  }

  // explorer/timeline.js
  var GRID_FRAMES = 5;
  var TITLES = { clean: "clean run", noisy: "under noise" };
  function drawTimeline(chart, loaded, sigmas, labels) {
    const { data, kinds } = loaded;
    const curve = (name) => kinds.map(([kind, run]) => ({ values: run[name], kind, start: loaded.startOf(kind) }));
    chart.start(sigmas.length);
    chart.row("", loaded.runs.noisy ? 46 : 17);
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
    const description = `Clean estimates, ${TITLES[kind]}: ${chart.looks - 1} steps and the result from left to right, frames ${shown.join(", ")} downwards`;
    addGrid(chart, `${TITLES[kind]}, frames`, description, {
      frames: columns,
      names: [frames[0], frames.at(-1)],
      size,
      pictureAt: (look, frame) => loaded.pictureAt(kind, look, frame)
    });
  }
  function spread(n, most) {
    const places = Array.from({ length: most }, (_, i) => Math.round(i * (n - 1) / (most - 1)));
    return [...new Set(places)];
  }
  function marksOf({ kinds, runs }) {
    const marks = kinds.filter(([, run]) => run.commitment !== null).map(([kind, run]) => ({ look: run.commitment, kind, text: "commits" }));
    const [at, number] = (runs.noisy?.with ?? "").split("-");
    if (at === "step") marks.push({ look: Number(number), kind: "noisy hit", text: "noise" });
    return marks;
  }
  function spanOf(row) {
    const words = [row.label, row.success && `success: ${row.success}`].filter(Boolean);
    return { first: row.first_step, last: row.last_step, text: words.join(", ") };
  }

  // explorer/page.js
  var LINK_MS = 150;
  var Page = class {
    #loaded = null;
    // what is on the page
    #turn = 0;
    // a later choice makes an earlier one that still loads void
    /* index: the content of runs.js; scripts: ScriptData. */
    constructor(index, scripts2) {
      const notice = new Notice(byId("said"));
      const labels = new LabelStore(`${index.study} ${index.model}`);
      this.say = (text) => notice.say(text);
      this.view = new View(index);
      this.loader = new Loader(scripts2);
      this.update = oncePerFrame(() => this.#paint());
      this.writeLink = afterPause(() => history.replaceState(null, "", linkTo(this.view)), LINK_MS);
      this.chart = new Chart(
        byId("chart"),
        (step, frame) => this.#moveTo(step, frame ?? this.view.frame)
      );
      this.lists = new RunLists(this.view, labels, (...run) => this.#choose(...run), this.say);
      this.labelling = new Labelling(this.view, labels, (text) => this.#labelled(text), this.say);
      this.playing = new Playing(this.view, this.update);
      introduce(index);
      this.#listen();
      this.#follow();
    }
    #listen() {
      const { view } = this;
      byId("step").oninput = () => this.#moveTo(Number(byId("step").value), view.frame);
      byId("frame").oninput = () => this.#moveTo(view.step, Number(byId("frame").value));
      byId("energy").onchange = () => {
        view.showEnergy(byId("energy").checked);
        this.#load();
      };
      byId("layer").onchange = () => {
        view.showLayer(byId("layer").value);
        this.update();
      };
      document.addEventListener("keydown", (event) => {
        if (!this.#loaded) return;
        onKey(event, view, (...place) => this.#moveTo(...place), () => this.playing.toggle("video"));
      });
      window.addEventListener("hashchange", () => {
        if (location.hash !== linkTo(view)) this.#follow();
      });
      let width = window.innerWidth;
      window.addEventListener("resize", () => {
        if (window.innerWidth === width) return;
        width = window.innerWidth;
        this.#drawTimeline();
        this.update();
      });
    }
    #follow() {
      const sentence = follow(location.hash, this.view);
      if (sentence) this.say(sentence);
      this.lists.fill();
      this.#load();
    }
    #choose(...run) {
      this.view.chooseRun(...run);
      this.lists.fill();
      this.#load();
    }
    #moveTo(step, frame) {
      this.view.moveTo(step, frame);
      this.update();
    }
    #labelled(text) {
      this.say(text);
      this.#drawTimeline();
      this.labelling.draw();
      this.update();
    }
    async #load() {
      const turn = ++this.#turn;
      try {
        const loaded = await this.loader.load(this.view);
        if (turn !== this.#turn) return;
        this.#loaded = loaded;
        this.#draw();
      } catch (error) {
        if (turn === this.#turn) this.say(error.message);
      }
    }
    /* What stays while step and frame change. */
    #draw() {
      prepareStage(this.#loaded);
      this.showEvidence = listCandidates(answersOf(this.#loaded));
      prepareEnergy(this.#loaded, this.view);
      this.#drawTimeline();
      this.labelling.draw();
      this.update();
    }
    #drawTimeline() {
      if (!this.#loaded) return;
      drawTimeline(this.chart, this.#loaded, this.view.index.sigmas, this.labelling.ofRun());
    }
    /* Everything that depends on step and frame; what costs more is in #draw. */
    #paint() {
      if (this.#loaded?.entry !== this.view.entry) return;
      const { step, frame, index: { sigmas } } = this.view;
      paintStage(this.#loaded, step, frame, sigmas);
      this.showEvidence(step);
      paintBench(this.#loaded.runs.clean, step);
      if (byId("energy").checked) paintEnergy(this.#loaded, this.view);
      showPlace("step", step, stepName(step, sigmas));
      showPlace("frame", frame, `frame ${this.#loaded.frames[frame]}`);
      this.chart.move(step, frame);
      this.writeLink();
    }
  };
  function answersOf({ data, kinds, sheet, frames, size }) {
    const [h, w] = size;
    const draw = (context, answer) => {
      const x = answer % frames.length * w, y = (1 + Math.floor(answer / frames.length)) * h;
      context.drawImage(sheet, x, y, w, h, 0, 0, w, h);
    };
    return { n: data.n, solutions: data.solutions, runs: kinds.map(([, run]) => run), size, draw };
  }
  function introduce({ study, model, cases, sigmas }) {
    const runs = cases.reduce((sum, entry) => sum + entry.runs.length, 0);
    document.title = `Step explorer: ${study}`;
    byId("about").textContent = `Study ${study}, model ${model}: ${cases.length} cases, ${runs} runs of ${sigmas.length - 1} denoising steps. Each picture is a clean estimate: what the model takes the finished video to be at that step. The results are this model's own.`;
    byId("step").max = sigmas.length - 1;
  }
  function showPlace(id, value, words) {
    byId(id).value = value;
    byId(id).setAttribute("aria-valuetext", words);
  }

  // explorer/explorer.js
  var scripts = new ScriptData("make the explorer again");
  globalThis.explorer = {
    /* runs.js: the study and its cases. */
    open: (index) => {
      new Page(index, scripts);
    },
    /* A case with the readings of its runs. */
    add: (content) => scripts.answer(`add ${content.case}`, content),
    /* The token energy of a case. */
    energy: (content) => scripts.answer(`energy ${content.case}`, content)
  };
})();
