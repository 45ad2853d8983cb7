/* The address of a view: the part behind # that leads to its puzzle and its runs again. */

/* Such as #task=chain&puzzle=…&model=depth-2&steps=16&seed=0&step=16&frame=20. */
export function linkTo(view) {
  const facts = { task: view.name, puzzle: view.task.pack(view.layout, view.board),
    model: view.model, steps: view.steps, seed: view.seed };
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

/* Takes the view to what a link says; what that leaves out or gets wrong stays as it is.

Returns a sentence about what cannot be shown, or null.
*/
export function follow(link, view) {
  const asked = new URLSearchParams(link.slice(1)), wrong = [];
  const number = (name) => (asked.has(name) ? Number(asked.get(name)) : undefined);
  const chosen = (name, known) => {
    const value = asked.get(name) ?? undefined;
    if (value !== undefined && !known.includes(value)) wrong.push(`${name} ${value}`);
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
  view.set({ model: chosen("model", view.models), second: chosen("second", view.models) ?? "",
    steps: number("steps"), seed: number("seed"), passes: Number(passes ?? 0),
    level: Number(level ?? view.loop.sigma), change: asked.get("change") ?? "none" });
  view.set({ at: number("at"), answer: (number("answer") ?? NaN) - 1, tiles: number("tiles") });
  view.showFront(asked.has("front"));
  view.moveTo(number("step") || (asked.has("step") ? 0 : view.looks - 1),
    number("frame") ?? view.board.frames - 1);
  return wrong.length ? `There is no ${wrong.join(" and no ")} on this page.` : null;
}
