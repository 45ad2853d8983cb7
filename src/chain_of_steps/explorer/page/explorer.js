/* The page: what is shown, how it is loaded, and what keys, lists and the address do. */
"use strict";

const explorer = (() => {
  const $ = (id) => document.getElementById(id);
  const CLEAN = "clean";
  const GRID_FRAMES = 5;
  const DECODED = 60e6; // pixels of films kept ready to draw, 4 bytes each
  const VIDEO_MS = 100, STEPS_MS = 120;

  let index, store, chart;
  let byName = new Map(); // case -> its entry of the index
  const view = { case: null, seed: null, with: CLEAN, step: 0, frame: 0, layer: "0", energy: false };
  let shown = null; // what is loaded for the view: data, runs, images
  let playing = null; // "video" or "steps"

  // Loading: scripts and images work from disk, where fetch does not.

  const file = (folder, name) => `${folder}/${encodeURIComponent(name)}`;
  const waiting = new Map(); // key -> resolve, for the scripts that call add and energy
  const cases = new Map();

  function script(source, key) {
    return new Promise((resolve, reject) => {
      waiting.set(key, resolve);
      const tag = document.createElement("script");
      tag.src = source;
      tag.onload = () => tag.remove();
      tag.onerror = () => reject(new Error(`${source} cannot be read: make the explorer again.`));
      document.head.append(tag);
    });
  }

  async function caseData(name) {
    if (!cases.has(name)) {
      const folder = byName.get(name).folder;
      const data = await script(file(folder, `${name.replaceAll("/", "-")}.js`), `add ${name}`);
      cases.set(name, { ...data, folder });
    }
    return cases.get(name);
  }

  async function energyData(data) {
    if (data.energy && !data.maps) {
      data.maps = await script(file(data.folder, data.energy), `energy ${data.case}`);
    }
    return data.maps;
  }

  const films = new Map(); // path -> promise of an ImageBitmap, least recently used first

  function picture(path) {
    const made = films.get(path) ?? (async () => {
      const image = new Image();
      image.src = path;
      try { await image.decode(); } catch { throw new Error(`${path} cannot be shown.`); }
      return createImageBitmap(image); // stays decoded: an <img> may be decoded again when drawn
    })();
    films.delete(path);
    films.set(path, made);
    made.catch(() => films.delete(path));
    trim();
    return made;
  }

  async function trim() {
    const sizes = await Promise.allSettled([...films.values()]);
    let pixels = sizes.reduce((sum, { value }) => sum + (value ? value.width * value.height : 0), 0);
    for (const [path, made] of [...films]) {
      if (pixels <= DECODED || films.size <= 4) return;
      const bitmap = await made;
      pixels -= bitmap.width * bitmap.height;
      films.delete(path); // not closed: it may be on the page
    }
  }

  // The view

  const looks = () => index.sigmas.length;
  const frames = () => byName.get(view.case).frames; // pixel frames, columns of the case's films
  const size = () => byName.get(view.case).size; // [h, w] of their pictures
  const isResult = (step) => step === looks() - 1;
  const stepName = (step) =>
    isResult(step) ? "result" : `step ${step}, σ ${index.sigmas[step].toFixed(3)}`;
  const withName = (name) => {
    if (name === CLEAN) return "none (clean run)";
    const [kind, number] = name.split("-");
    return kind === "step" ? `noise at step ${number}` : `noise at latent frame ${number}`;
  };
  const answerName = (answer, data) =>
    answer < 0 ? "no answer" : `answer ${answer + 1}, ${data.solutions.includes(answer) ? "right" : "wrong"}`;
  const readingOf = (run, step, data) => (run.answer === null ? "" :
    `: ${answerName(run.answer[step], data)}, score ${run.score[step]}, `
    + `${run.candidates[step].toFixed(1)} candidates`);
  const caseName = (entry) => {
    const [split, , number] = entry.case.split("/");
    return `${number} ${split}`;
  };

  function hash() {
    const { step, frame, seed, energy, layer } = view;
    const facts = { case: view.case, seed, with: view.with, step, frame: frames()[frame] };
    if (energy) facts.energy = layer;
    const text = Object.entries(facts).map(([key, value]) =>
      `${key}=${encodeURIComponent(value).replaceAll("%2F", "/")}`);
    return `#${text.join("&")}`;
  }

  let written = null;
  function writeHash() {
    clearTimeout(written);
    written = setTimeout(() => history.replaceState(null, "", hash()), 150);
  }

  /* Takes what the address says; what it leaves out or gets wrong is chosen instead. */
  function readHash() {
    const asked = new URLSearchParams(location.hash.slice(1));
    const entry = byName.get(asked.get("case"));
    if (asked.get("case") && !entry) say(`There is no case ${asked.get("case")} on this page.`);
    const whole = (name, most) => {
      const value = Number.parseInt(asked.get(name), 10);
      return Number.isNaN(value) ? null : Math.min(Math.max(value, 0), most);
    };
    view.case = (entry ?? index.cases[0]).case;
    const step = whole("step", looks() - 1), frame = whole("frame", frames().at(-1));
    if (asked.get("energy")) Object.assign(view, { energy: true, layer: asked.get("energy") });
    const near = (value) => frames().reduce((best, other, i) =>
      Math.abs(other - value) < Math.abs(frames()[best] - value) ? i : best, 0);
    view.step = step ?? looks() - 1;
    view.frame = frame === null ? frames().length - 1 : near(frame);
    return choose(entry ?? index.cases[0], asked.get("seed"), asked.get("with"));
  }

  function say(text) {
    $("said").textContent = text;
    clearTimeout(say.timer);
    say.timer = setTimeout(() => { $("said").textContent = ""; }, 6000);
  }

  // Choosing a run

  const FILTERS = {
    all: () => true,
    right: (entry) => entry.runs.some((run) => run.with === CLEAN && run.right),
    wrong: (entry) => entry.runs.some((run) => run.with === CLEAN && run.right === 0),
    changes: (entry) => entry.runs.some((run) => run.with === CLEAN && run.answers > 1),
    noise: (entry) => entry.runs.some((run) => run.with !== CLEAN),
    energy: (entry) => entry.energy,
    labelled: (entry) => store.of(entry.case).length > 0,
    unlabelled: (entry) => store.of(entry.case).length === 0,
  };
  const filtered = () => index.cases.filter(FILTERS[$("filter").value]);

  function options(select, list, value) {
    select.replaceChildren(...list.map(([key, text]) => new Option(text, key)));
    select.value = value;
  }

  /* Fills the lists so that they hold `entry`, and takes the nearest run that exists. */
  function choose(entry, seed = view.seed, noise = view.with) {
    const runs = entry.runs, has = (run) => run.with === (noise ?? CLEAN);
    const pick = runs.find((run) => has(run) && String(run.seed) === String(seed))
      ?? runs.find((run) => run.with === CLEAN && String(run.seed) === String(seed))
      ?? runs.find(has) ?? runs[0];
    Object.assign(view, { case: entry.case, seed: pick.seed, with: pick.with });
    view.frame = Math.min(view.frame, frames().length - 1);
    lists(entry);
    return load();
  }

  function lists(entry) {
    let list = filtered();
    if (!list.includes(entry)) {
      $("filter").value = "all";
      list = index.cases;
    }
    const tasks = [...new Set(list.map((other) => other.task))];
    options($("task"), tasks.map((task) => [task, index.titles[task] ?? task]), entry.task);
    const mine = list.filter((other) => other.task === entry.task);
    options($("case"), mine.map((other) => [other.case, caseName(other)]), entry.case);
    const at = list.indexOf(entry);
    $("previous").disabled = at <= 0;
    $("next").disabled = at >= list.length - 1;
    const clean = entry.runs.filter((run) => run.with === CLEAN);
    const end = (run) =>
      (run.right === null ? `${run.seed}` : `${run.seed}, ends ${run.right ? "right" : "wrong"}`);
    options($("seed"), clean.map((run) => [run.seed, end(run)]), view.seed);
    const noises = entry.runs.filter((run) => run.seed === view.seed);
    options($("with"), noises.map((run) => [run.with, withName(run.with)]), view.with);
    $("with").disabled = noises.length === 1;
  }

  let turn = 0; // a later choice makes an earlier one that still loads void
  async function load() {
    const mine = ++turn;
    const { case: name, seed, with: noise } = view;
    try {
      const data = await caseData(name);
      const find = (other) => data.runs.find((run) => run.seed === seed && run.with === other);
      const runs = { clean: find(CLEAN), noisy: noise === CLEAN ? null : find(noise) };
      const [sheet, clean, noisy, maps] = await Promise.all([
        picture(file(data.folder, data.sheet)),
        picture(file(data.folder, runs.clean.film)),
        runs.noisy && picture(file(data.folder, runs.noisy.film)),
        view.energy ? energyData(data) : null,
      ]);
      if (mine !== turn) return;
      shown = { data, runs, sheet, films: { clean, noisy }, maps };
      draw();
    } catch (error) {
      if (mine === turn) say(error.message);
    }
  }

  function go(by) {
    const list = filtered(), at = list.indexOf(byName.get(view.case));
    const entry = list[at + by];
    if (entry) choose(entry);
  }

  // Drawing

  /* Where a film has a look: calls draw(image, x, y) with its corner. */
  const cornerOf = (kind) => (look, frame, draw) => {
    const run = shown.runs[kind], [h, w] = size();
    const inNoisy = kind === "noisy" && look >= run.start;
    const image = inNoisy || kind === "clean" ? shown.films[kind] : shown.films.clean;
    const start = inNoisy ? run.start : 0;
    draw(image, frame * w, (look - start) * h);
  };

  function draw() {
    const { data, runs } = shown;
    $("prompt").textContent = data.prompt;
    const noisy = Boolean(runs.noisy);
    document.querySelectorAll(".noisy").forEach((part) => { part.hidden = !noisy; });
    $("stage").classList.toggle("alone", !noisy);
    const [h, w] = size();
    for (const id of ["clean", "noisy", "truth"]) {
      if ($(id).width !== w || $(id).height !== h) Object.assign($(id), { width: w, height: h });
      $(id).className = w <= 160 ? "small" : "";
    }
    $("frame").max = frames().length - 1;
    $("truth-name").textContent = data.truth ? "Ground truth" : "First frame";
    $("answers").hidden = $("right-key").hidden = !data.n;
    drawCandidates();
    drawEnergyControls();
    drawChart();
    drawLabels();
    update();
  }

  function drawCandidates() {
    const { data, runs, sheet } = shown, [h, w] = size(), columns = frames().length;
    const both = [runs.clean, runs.noisy].filter(Boolean);
    const seen = (i) => data.solutions.includes(i)
      || both.some((run) => run.answer?.includes(i) || run.evidence.some((look) => look[i] >= 0.05));
    const kept = [...Array(data.n).keys()].filter(seen);
    kept.sort((a, b) => data.solutions.includes(b) - data.solutions.includes(a));
    $("candidates").replaceChildren(...kept.map((i) => {
      const right = data.solutions.includes(i);
      const item = Chart.element("li", { className: right ? "solution" : "" });
      const canvas = Chart.element("canvas", { width: w, height: h, className: "small" }, item);
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `Picture of answer ${i + 1}`);
      canvas.getContext("2d").drawImage(sheet, (i % columns) * w,
        (1 + Math.floor(i / columns)) * h, w, h, 0, 0, w, h);
      const words = Chart.element("div", {}, item);
      Chart.element("span", { textContent: `${i + 1}${right ? " ✓ right" : ""}` }, words);
      item.bars = both.map((run, n) => {
        const meter = Chart.element("div", { className: n ? "meter noisy" : "meter" }, words);
        return [run, Chart.element("i", {}, meter)];
      });
      item.answer = i;
      return item;
    }));
    const rest = data.n - kept.length;
    $("hidden-candidates").textContent = rest
      ? `${rest} more of ${data.n} candidates, never with evidence above 0.05` : "";
  }

  function drawEnergyControls() {
    const { data, maps } = shown;
    $("energy").disabled = !data.energy;
    $("energy").checked = view.energy && Boolean(maps);
    $("layer").disabled = !$("energy").checked;
    if (!data.energy) {
      $("energy-says").textContent = index.cases.some((entry) => entry.energy)
        ? "not measured for this case" : "not measured in this study";
    } else if (!$("energy").checked) $("energy-says").textContent = "";
    if (!maps) return;
    const layers = Object.keys(Object.values(maps.values)[0]);
    if (!layers.includes(view.layer)) view.layer = layers[0];
    options($("layer"), layers.map((layer) => [layer, layer]), view.layer);
  }

  function drawChart() {
    const { data, runs } = shown;
    const kinds = Object.entries(runs).filter(([, run]) => run);
    const last = frames().length - 1;
    const rows = [...new Set(Array.from({ length: GRID_FRAMES },
      (_, i) => Math.round(i * last / (GRID_FRAMES - 1))))];
    const start = (kind, run) => (kind === "noisy" ? run.start : 0);
    const curve = (name) => kinds.map(([kind, run]) =>
      ({ values: run[name], kind, start: start(kind, run) }));
    chart.frameNames = [frames()[0], frames().at(-1)];
    chart.start(looks(), rows, size());
    const marks = [];
    for (const [kind, run] of kinds) {
      if (run.commitment !== null) marks.push({ look: run.commitment, kind, text: "commits" });
    }
    const [at, number] = (runs.noisy?.with ?? "").split("-");
    if (at === "step") marks.push({ look: Number(number), kind: "noisy hit", text: "noise" });
    chart.row("", runs.noisy ? 46 : 17);
    const words = { clean: "clean run", noisy: "under noise" };
    for (const [kind] of kinds) {
      chart.grid(words[kind], `Clean estimates, ${words[kind]}: ${looks() - 1} steps and the result`
        + ` from left to right, frames ${rows.map((i) => frames()[i]).join(", ")} downwards`)(
        cornerOf(kind));
    }
    if (data.n) {
      chart.answers("answer", curve("answer"), data.solutions);
      chart.curves("candidates", curve("candidates"), 2);
      chart.curves("score", curve("score"), 1, 0);
    }
    chart.curves("1 − CKA", curve("dissimilarity"), 0.05, 2);
    chart.curves("noise level σ", [{ values: index.sigmas, kind: "soft" }], 1, 0);
    chart.labels(mine());
    chart.finish(marks);
  }

  let asked = false;
  function update() {
    if (!asked) requestAnimationFrame(() => { asked = false; paint(); });
    asked = true;
  }

  /* Everything that depends on step and frame; what costs more is in draw(). */
  function paint() {
    if (!shown) return;
    const { data, runs, sheet } = shown, [h, w] = size();
    const { step, frame } = view, number = frames()[frame];
    for (const kind of ["clean", "noisy"]) {
      const run = runs[kind];
      if (!run) continue;
      const canvas = $(kind), context = canvas.getContext("2d");
      cornerOf(kind)(step, frame, (image, x, y) => context.drawImage(image, x, y, w, h, 0, 0, w, h));
      const words = `${stepName(step)}, frame ${number}${readingOf(run, step, data)}`;
      $(`${kind}-says`).textContent = words;
      const title = kind === "clean" ? "clean run" : withName(run.with);
      canvas.setAttribute("aria-label", `Clean estimate, ${title}, ${words}`);
    }
    $("truth").getContext("2d").drawImage(sheet, frame * w, 0, w, h, 0, 0, w, h);
    $("truth").setAttribute("aria-label", data.truth ? `Ground truth, frame ${number}` : "First frame");
    for (const item of $("candidates").children) {
      for (const [run, bar] of item.bars) {
        bar.style.transform = `scaleX(${run.evidence[step][item.answer]})`;
      }
    }
    if ($("energy").checked) paintEnergy();
    $("step").value = step;
    $("step").setAttribute("aria-valuetext", stepName(step));
    $("frame").value = frame;
    $("frame").setAttribute("aria-valuetext", `frame ${number}`);
    chart.move(step, frame);
    writeHash();
  }

  function paintEnergy() {
    const { grid: [deep, rows, columns], values, seed } = shown.maps;
    if (seed !== view.seed) {
      $("energy-says").textContent = `measured for seed ${seed}`;
      return;
    }
    const near = Object.keys(values).map(Number).reduce((best, other) =>
      Math.abs(other - view.step) < Math.abs(best - view.step) ? other : best);
    const tokens = values[near][view.layer];
    const span = frames().at(-1) / Math.max(1, deep - 1);
    const first = Math.ceil(frames()[view.frame] / span - 1e-9) * rows * columns;
    const canvas = $("clean"), context = canvas.getContext("2d");
    const wide = canvas.width / columns, high = canvas.height / rows;
    for (let i = 0; i < rows * columns; i++) {
      const value = tokens[first + i] / 100;
      context.fillStyle = value > 0 ? "#d55e00" : "#0b5f93";
      context.globalAlpha = Math.min(1, Math.abs(value)) * 0.8;
      context.fillRect((i % columns) * wide, Math.floor(i / columns) * high, wide, high);
    }
    context.globalAlpha = 1;
    $("energy-says").textContent = `orange above, blue below the layer's median at step ${near}`
      + " (full colour: twice, half)";
  }

  // Playing

  function play(what) {
    playing = playing === what ? null : what;
    for (const name of ["video", "steps"]) {
      const on = playing === name;
      $(`play-${name}`).setAttribute("aria-pressed", on);
      $(`play-${name}`).textContent = on ? "Stop" : `Play ${name}`;
    }
    if (!playing) return;
    const [key, n, pause] = playing === "video"
      ? ["frame", frames().length, VIDEO_MS] : ["step", looks(), STEPS_MS];
    let last = null;
    const tick = (now) => {
      if (playing !== what) return;
      if (last === null || now - last >= pause) {
        view[key] = (view[key] + 1) % n;
        last = now;
        update();
      }
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  }

  function moveTo(step, frame) {
    view.step = Math.min(Math.max(step, 0), looks() - 1);
    view.frame = Math.min(Math.max(frame, 0), frames().length - 1);
    update();
  }

  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !shown) return;
    if (event.target.matches("select, textarea, input:not([type=range], [type=checkbox])")) return;
    const moves = {
      ArrowLeft: [view.step - 1, view.frame],
      ArrowRight: [view.step + 1, view.frame],
      ArrowUp: [view.step, view.frame - 1],
      ArrowDown: [view.step, view.frame + 1],
      Home: [0, view.frame],
      End: [looks() - 1, view.frame],
    };
    const onFrame = event.target.id === "frame"; // its own keys already do what they should
    if (moves[event.key] && !onFrame) moveTo(...moves[event.key]);
    else if (event.key === " " && !event.target.matches("button, a, input")) play("video");
    else return;
    event.preventDefault();
  }

  // Labels

  const mine = () => store.of(view.case, view.seed)
    .filter((row) => row.intervention === view.with && row.model === index.model);

  function drawLabels() {
    const rows = store.of(view.case);
    $("labels").replaceChildren(...rows.map((row) => {
      const line = document.createElement("tr");
      const noise = row.intervention === CLEAN ? "clean" : withName(row.intervention);
      const run = `seed ${row.seed}, ${noise}`;
      const steps = `${row.first_step}–${row.last_step}`;
      for (const text of [run, row.label || "–", row.success || "–", steps, row.annotator, row.note]) {
        Chart.element("td", { textContent: text }, line);
      }
      const button = Chart.element("button", { type: "button", textContent: "Remove" },
        Chart.element("td", {}, line));
      button.setAttribute("aria-label", `Remove ${row.label || "label"}, ${run}, steps ${steps}`);
      button.onclick = () => {
        store.remove(row);
        labelsChanged("Label removed.");
        $("label").focus();
      };
      return line;
    }));
    const kept = store.kept ? "" : " This browser does not keep them: export before you leave.";
    $("label-count").textContent = `Labels in this study: ${store.rows.length}.${kept}`;
  }

  function labelsChanged(text) {
    say(text);
    drawChart();
    drawLabels();
    update();
  }

  function addLabel(event) {
    event.preventDefault();
    const [first, last] = [$("first"), $("last")].map((field) => Number(field.value));
    if (first > last) return say("“From step” is after “to step”: turn them round.");
    if (!$("label").value && !$("success").value) return say("Choose a behaviour or a success.");
    const row = {
      study: index.study, model: index.model, case: view.case, seed: view.seed,
      intervention: view.with, label: $("label").value, success: $("success").value,
      first_step: first, last_step: last, annotator: $("annotator").value.trim(),
      note: $("note").value.trim(), time: new Date().toISOString(),
    };
    store.add([row]);
    try { localStorage.setItem("chain-of-steps annotator", row.annotator); } catch { /* not kept */ }
    labelsChanged("Label added.");
  }

  function exportLabels() {
    const url = URL.createObjectURL(new Blob([Labels.toCsv(store.rows)], { type: "text/csv" }));
    const name = $("annotator").value.trim().replace(/[^\w-]+/g, "-");
    const link = Chart.element("a", { href: url, download: `labels-${name || index.study}.csv` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
    say(`Labels exported: ${store.rows.length}.`);
  }

  async function importLabels(event) {
    const [file] = event.target.files;
    if (!file) return;
    try {
      const rows = Labels.fromCsv(await file.text());
      const fresh = store.add(rows);
      labelsChanged(`Labels added: ${fresh}, already here: ${rows.length - fresh}.`);
    } catch (error) {
      say(error.message);
    }
    event.target.value = "";
  }

  // Start

  function open(content) {
    index = content;
    byName = new Map(index.cases.map((entry) => [entry.case, entry]));
    store = new Labels.Store(`${index.study} ${index.model}`);
    const runs = index.cases.reduce((sum, entry) => sum + entry.runs.length, 0);
    document.title = `Step explorer: ${index.study}`;
    $("about").textContent = `Study ${index.study}, model ${index.model}: ${index.cases.length} cases, `
      + `${runs} runs of ${looks() - 1} denoising steps. Each picture is a clean estimate: what the `
      + "model takes the finished video to be at that step. The results are this model's own.";
    $("step").max = $("first").max = $("last").max = $("last").value = looks() - 1;
    $("first").value = 0;
    options($("label"), [["", "none"], ...Labels.BEHAVIOURS.map((name) => [name, name])], "");
    try { $("annotator").value = localStorage.getItem("chain-of-steps annotator") ?? ""; }
    catch { /* not kept */ }
    chart = new Chart($("chart"), (step, frame) => moveTo(step, frame ?? view.frame));
    listen();
    readHash();
  }

  function listen() {
    const firstOf = (list) => list.length ? choose(list[0]) : say("No case is like that.");
    $("filter").onchange = () => {
      const list = filtered();
      if (!list.length) $("filter").value = "all";
      const here = byName.get(view.case);
      if (list.includes(here)) lists(here);
      else firstOf(list);
    };
    $("task").onchange = () => firstOf(filtered().filter((entry) => entry.task === $("task").value));
    $("case").onchange = () => choose(byName.get($("case").value));
    $("seed").onchange = () => choose(byName.get(view.case), $("seed").value);
    $("with").onchange = () => choose(byName.get(view.case), view.seed, $("with").value);
    $("previous").onclick = () => go(-1);
    $("next").onclick = () => go(1);
    $("choose").onsubmit = (event) => event.preventDefault();
    $("step").oninput = () => moveTo(Number($("step").value), view.frame);
    $("frame").oninput = () => moveTo(view.step, Number($("frame").value));
    $("play-video").onclick = () => play("video");
    $("play-steps").onclick = () => play("steps");
    $("energy").onchange = () => {
      view.energy = $("energy").checked;
      load();
    };
    $("layer").onchange = () => {
      view.layer = $("layer").value;
      update();
    };
    $("first-here").onclick = () => { $("first").value = view.step; };
    $("last-here").onclick = () => { $("last").value = view.step; };
    $("label-form").onsubmit = addLabel;
    $("export").onclick = exportLabels;
    $("import").onchange = importLabels;
    document.addEventListener("keydown", onKey);
    window.addEventListener("hashchange", () => { if (location.hash !== hash()) readHash(); });
    let width = window.innerWidth;
    window.addEventListener("resize", () => {
      if (shown && window.innerWidth !== width) {
        width = window.innerWidth;
        drawChart();
        update();
      }
    });
  }

  const answer = (kind) => (content) => {
    const key = `${kind} ${content.case}`;
    waiting.get(key)?.(content);
    waiting.delete(key);
  };
  return { open, add: answer("add"), energy: answer("energy") };
})();
