/* The data scripts of the page, each loaded when it is first asked for.

Where the page is one file they are in it, and have called `add` before anybody asks.
*/

import { ScriptData } from "../shared/script_data.js";

export class Assets {
  #here = new Map(); // name -> promise of its content
  #scripts = new ScriptData("make the playground again");

  add(name, content) {
    this.#here.set(name, this.#here.get(name) ?? Promise.resolve(content));
    this.#scripts.answer(name, content);
  }

  load(name) {
    if (!this.#here.has(name)) {
      const loading = this.#scripts.load(`${name.split("/").map(encodeURIComponent).join("/")}.js`,
        name);
      this.#here.set(name, loading);
      loading.catch(() => this.#here.delete(name));
    }
    return this.#here.get(name);
  }
}
