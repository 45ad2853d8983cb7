/* The two buttons that play: the video of a step, or the steps of a frame. */

import { byId } from "./dom.js";
import { Player } from "./timing.js";

const PLAYED = {
  video: { along: "frame", pause: 100 }, // ms
  steps: { along: "step", pause: 120 },
};

export class Playing {
  #player = new Player();
  #playing = null; // a key of PLAYED

  /* view: {advance("step" or "frame")}; changed(): called when it has moved. */
  constructor(view, changed) {
    Object.assign(this, { view, changed });
    for (const what of Object.keys(PLAYED)) byId(`play-${what}`).onclick = () => this.toggle(what);
  }

  /* Plays in place of the other, or stops. */
  toggle(what) {
    this.#playing = this.#playing === what ? null : what;
    for (const name of Object.keys(PLAYED)) {
      const on = this.#playing === name;
      byId(`play-${name}`).setAttribute("aria-pressed", on);
      byId(`play-${name}`).textContent = on ? "Stop" : `Play ${name}`;
    }
    if (this.#playing) this.#start(PLAYED[what]);
    else this.#player.stop();
  }

  #start({ along, pause }) {
    this.#player.play(() => {
      this.view.advance(along);
      this.changed();
    }, pause);
  }
}
