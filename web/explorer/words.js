/* Names of runs and cases for people. */

import { CLEAN } from "./view.js";

export function noiseName(name) {
  if (name === CLEAN) return "none (clean run)";
  const [kind, number] = name.split("-");
  return kind === "step" ? `noise at step ${number}` : `noise at latent frame ${number}`;
}

export function caseName(entry) {
  const [split, , number] = entry.case.split("/");
  return `${number} ${split}`;
}

/* A run's seed, and how the run ends where that is read. */
export const seedName = (run) =>
  (run.right === null ? `${run.seed}` : `${run.seed}, ends ${run.right ? "right" : "wrong"}`);
