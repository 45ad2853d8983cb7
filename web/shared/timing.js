/* Doing things once for many calls, and again and again. */

/* Calls act before the next frame is painted, once for however many requests there were. */
export function oncePerFrame(act) {
  let asked = false;
  return () => {
    if (!asked) requestAnimationFrame(() => { asked = false; act(); });
    asked = true;
  };
}

/* Calls act when no further call came for `pause` ms. */
export function afterPause(act, pause) {
  let timer = null;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(act, pause);
  };
}

/* Calls a function about every `pause` ms, in step with the screen, until it is stopped. */
export class Player {
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
}
