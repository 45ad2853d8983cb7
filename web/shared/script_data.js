/* Data that lies in scripts: these load from disk, where fetch does not.

A data script calls a function of the page with its content; who owns that function hands the
content over by `answer`, under the key that was given to `load`.
*/

export class ScriptData {
  #waiting = new Map(); // key -> resolve

  /* remedy: what to do where a script is missing, after a colon. */
  constructor(remedy) {
    this.remedy = remedy;
  }

  load(source, key) {
    return new Promise((resolve, reject) => {
      this.#waiting.set(key, resolve);
      const tag = document.createElement("script");
      tag.src = source;
      tag.onload = () => tag.remove();
      tag.onerror = () => reject(new Error(`${source} cannot be read: ${this.remedy}.`));
      document.head.append(tag);
    });
  }

  answer(key, content) {
    this.#waiting.get(key)?.(content);
    this.#waiting.delete(key);
  }
}
