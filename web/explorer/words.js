/* Names of steps, runs, answers and cases for people. */

import { CLEAN } from "./view.js";

export const stepName = (step, sigmas) =>
  (step === sigmas.length - 1 ? "result" : `step ${step}, σ ${sigmas[step].toFixed(3)}`);

export function noiseName(name) {
  if (name === CLEAN) return "none (clean run)";
  const [kind, number] = name.split("-");
  return kind === "step" ? `noise at step ${number}` : `noise at latent frame ${number}`;
}

/* What is read from a run at a step, after a colon; nothing for cases that are no puzzles. */
export function readingOf(run, step, solutions) {
  if (run.answer === null) return "";
  const answer = answerName(run.answer[step], solutions);
  return `: ${answer}, score ${run.score[step]}, ${run.candidates[step].toFixed(1)} candidates`;
}

const answerName = (answer, solutions) => (answer < 0 ? "no answer"
  : `answer ${answer + 1}, ${solutions.includes(answer) ? "right" : "wrong"}`);

export function caseName(entry) {
  const [split, , number] = entry.case.split("/");
  return `${number} ${split}`;
}

/* A run's seed, and how the run ends where that is read. */
export const seedName = (run) =>
  (run.right === null ? `${run.seed}` : `${run.seed}, ends ${run.right ? "right" : "wrong"}`);
