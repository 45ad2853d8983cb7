/* What keys do, wherever the focus is, beside those of the element that has it. */

/* Where a key leads from a place: [step, frame], or undefined. */
function moveOf(key, { step, frame, looks }) {
  return {
    ArrowLeft: [step - 1, frame],
    ArrowRight: [step + 1, frame],
    ArrowUp: [step, frame - 1],
    ArrowDown: [step, frame + 1],
    Home: [0, frame],
    End: [looks - 1, frame],
  }[key];
}

/* moveTo(step, frame), playVideo(): what a key may ask for. */
export function onKey(event, view, moveTo, playVideo) {
  const { key, target } = event;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (target.matches("select, textarea, input:not([type=range], [type=checkbox])")) return;
  const move = moveOf(key, view);
  const onFrame = target.id === "frame"; // its own keys already do what they should
  if (move && !onFrame) moveTo(...move);
  else if (key === " " && !target.matches("button, a, input")) playVideo();
  else return;
  event.preventDefault();
}
