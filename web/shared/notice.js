/* One sentence for people, in an element of role "status", gone after a while. */

const SHOWN_MS = 6000;

export class Notice {
  #timer = null;

  constructor(root) {
    this.root = root;
  }

  say(text) {
    this.root.textContent = text;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => { this.root.textContent = ""; }, SHOWN_MS);
  }
}
