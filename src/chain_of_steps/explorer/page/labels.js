/* Labels given by hand: kept in the browser, written and read as CSV (RFC 4180). */
"use strict";

const Labels = (() => {
  const BEHAVIOURS = ["Multi-Path", "Superposition", "Memory", "Self-correction",
    "Perception Before Action", "Unknown"];
  const COLUMNS = ["study", "model", "case", "seed", "intervention", "label", "success",
    "first_step", "last_step", "annotator", "note", "time"];
  const NUMBERS = ["seed", "first_step", "last_step"];

  function toCsv(rows) {
    const cell = (value) => /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
    const line = (values) => values.map((value) => cell(String(value))).join(",");
    return [line(COLUMNS), ...rows.map((row) => line(COLUMNS.map((name) => row[name])))]
      .join("\r\n") + "\r\n";
  }

  /* Lists of cells, one a line; quoted cells may hold commas, quotes and line breaks. */
  function parse(text) {
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
      if (quoted && c === '"' && text[i + 1] === '"') { cell += '"'; i++; }
      else if (c === '"' && (quoted || cell === "")) quoted = !quoted;
      else if (quoted) cell += c;
      else if (c === ",") { cells.push(cell); cell = ""; }
      else if (c === "\n") endLine();
      else if (c !== "\r") cell += c;
    }
    if (cell !== "" || cells.length) endLine();
    return lines;
  }

  /* Labels of a CSV text. Throws an Error with one sentence for people if it holds others. */
  function fromCsv(text) {
    const [header, ...lines] = parse(text);
    if (!header) throw new Error("The file is empty: choose one that was exported here.");
    const needed = COLUMNS.filter((name) => !["study", "note", "time"].includes(name));
    const missing = needed.filter((name) => !header.includes(name));
    if (missing.length) throw new Error(`The file has no column ${missing.join(", ")}.`);
    return lines.map((cells, i) => {
      const row = {};
      for (const name of COLUMNS) row[name] = cells[header.indexOf(name)] ?? "";
      const wrong = (name, wanted) =>
        new Error(`Line ${i + 2}: ${name} is “${row[name]}”, write ${wanted}.`);
      for (const name of NUMBERS) {
        if (!/^\d+$/.test(row[name])) throw wrong(name, "a whole number");
        row[name] = Number(row[name]);
      }
      if (row.label && !BEHAVIOURS.includes(row.label)) throw wrong("label", BEHAVIOURS.join(", "));
      if (!["", "yes", "no"].includes(row.success)) throw wrong("success", "yes, no or nothing");
      return row;
    });
  }

  const key = (row) => JSON.stringify(COLUMNS.map((name) => String(row[name])));

  /* The labels of one study, in localStorage; where that is refused, for this visit only. */
  class Store {
    constructor(name) {
      this.name = `chain-of-steps labels ${name}`;
      this.kept = true;
      try { this.rows = JSON.parse(localStorage.getItem(this.name)) ?? []; }
      catch { this.rows = []; }
      this.save();
    }
    save() {
      try { localStorage.setItem(this.name, JSON.stringify(this.rows)); }
      catch { this.kept = false; }
    }
    /* Adds what is not yet there; returns how many were new. */
    add(rows) {
      const known = new Set(this.rows.map(key));
      const fresh = rows.filter((row) => !known.has(key(row)) && known.add(key(row)));
      this.rows.push(...fresh);
      this.save();
      return fresh.length;
    }
    remove(row) {
      this.rows = this.rows.filter((other) => other !== row);
      this.save();
    }
    of(name, seed) {
      return this.rows.filter((row) => row.case === name && (seed == null || row.seed === seed));
    }
  }

  return { BEHAVIOURS, COLUMNS, Store, fromCsv, toCsv };
})();
