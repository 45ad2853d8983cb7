/* Labels given to runs by hand: kept in the browser, written and read as CSV. */

import { parseCsv, toCsv } from "./csv.js";
import { keep, recall } from "./keep.js";

export const BEHAVIOURS = ["Multi-Path", "Superposition", "Memory", "Self-correction",
  "Perception Before Action", "Unknown"];
const COLUMNS = ["study", "model", "case", "seed", "intervention", "label", "success",
  "first_step", "last_step", "annotator", "note", "time"];
const OPTIONAL = ["study", "note", "time"];
const NUMBERS = ["seed", "first_step", "last_step"];

export const labelsToCsv = (rows) => toCsv(COLUMNS, rows);

/* Labels of a CSV text. Throws an Error with one sentence for people if it holds others. */
export function labelsFromCsv(text) {
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

/* The row with numbers in place of their texts. */
function checked(row, line) {
  const wrong = (name, wanted) =>
    new Error(`Line ${line}: ${name} is “${row[name]}”, write ${wanted}.`);
  for (const name of NUMBERS) {
    if (!/^\d+$/.test(row[name])) throw wrong(name, "a whole number");
    row[name] = Number(row[name]);
  }
  if (row.label && !BEHAVIOURS.includes(row.label)) throw wrong("label", BEHAVIOURS.join(", "));
  if (!["", "yes", "no"].includes(row.success)) throw wrong("success", "yes, no or nothing");
  return row;
}

const keyOf = (row) => JSON.stringify(COLUMNS.map((name) => String(row[name])));

/* The labels of one study; where the browser keeps none (`kept`), for this visit only. */
export class LabelStore {
  constructor(name) {
    this.name = `chain-of-steps labels ${name}`;
    try { this.rows = JSON.parse(recall(this.name)) ?? []; }
    catch { this.rows = []; }
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
}
