/* Names of steps and answers for people. */

export const stepName = (step, sigmas) =>
  (step === sigmas.length - 1 ? "result" : `step ${step}, σ ${sigmas[step].toFixed(3)}`);

/* What is read from a run at a step, after a colon; nothing for cases that are no puzzles. */
export function readingOf(run, step, solutions) {
  if (run.answer === null) return "";
  const answer = answerName(run.answer[step], solutions);
  const held = run.candidates[step];
  const candidates = held === null ? "nothing readable" : `${held.toFixed(1)} candidates`;
  return `: ${answer}, score ${run.score[step]}, ${candidates}`;
}

const answerName = (answer, solutions) => (answer < 0 ? "no answer"
  : `answer ${answer + 1}, ${solutions.includes(answer) ? "right" : "wrong"}`);
