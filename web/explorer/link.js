/* The address of a view: the part behind # that leads to it again. */

/* The link to a view, such as #case=in-domain/maze/00000&seed=0&with=clean&step=3&frame=16. */
export function linkTo(view) {
  const facts = { case: view.entry.case, seed: view.seed, with: view.with, step: view.step,
    frame: view.frames[view.frame] };
  if (view.energy) facts.energy = view.layer;
  const text = Object.entries(facts).map(([key, value]) =>
    `${key}=${encodeURIComponent(value).replaceAll("%2F", "/")}`);
  return `#${text.join("&")}`;
}

/* Takes the view to what a link says; what that leaves out or gets wrong is chosen instead.

Returns a sentence about a case that is not there, or null.
*/
export function follow(link, view) {
  const asked = new URLSearchParams(link.slice(1));
  const number = (name) => {
    const value = Number.parseInt(asked.get(name), 10);
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

/* The column that shows the pixel frame next to `frame`. */
function nearest(frames, frame) {
  const asked = Math.min(Math.max(frame, 0), frames.at(-1));
  return frames.reduce((best, other, i) =>
    (Math.abs(other - asked) < Math.abs(frames[best] - asked) ? i : best), 0);
}
