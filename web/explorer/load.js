/* Loading what a view shows: the data of its case, and the films of its runs. */

import { Pictures } from "../shared/pictures.js";
import { CLEAN } from "./view.js";

const DECODED = 60e6; // pixels of films kept ready to draw

const file = (folder, name) => `${folder}/${encodeURIComponent(name)}`;

export class Loader {
  #cases = new Map(); // name -> data
  #pictures = new Pictures(DECODED);

  /* scripts: ScriptData that is answered under "add <case>" and "energy <case>". */
  constructor(scripts) {
    this.scripts = scripts;
  }

  async load(view) {
    const { entry, seed, with: noise, energy } = view;
    const data = await this.#case(entry);
    const find = (name) => data.runs.find((run) => run.seed === seed && run.with === name);
    const runs = { clean: find(CLEAN), noisy: noise === CLEAN ? null : find(noise) };
    const picture = (name) => this.#pictures.get(file(entry.folder, name));
    const [sheet, clean, noisy, maps] = await Promise.all([
      picture(data.sheet),
      picture(runs.clean.film),
      runs.noisy && picture(runs.noisy.film),
      energy ? this.#maps(entry, data) : null,
    ]);
    return new Loaded(entry, data, runs, sheet, { clean, noisy }, maps);
  }

  async #case({ case: name, folder }) {
    if (!this.#cases.has(name)) {
      const source = file(folder, `${name.replaceAll("/", "-")}.js`);
      this.#cases.set(name, await this.scripts.load(source, `add ${name}`));
    }
    return this.#cases.get(name);
  }

  async #maps(entry, data) {
    if (data.energy && !data.maps) {
      data.maps = await this.scripts.load(file(entry.folder, data.energy), `energy ${data.case}`);
    }
    return data.maps;
  }
}

/* What is on the page: a case of the index with its data, its sheet, and a run of it or two.

runs and films: "clean", and "noisy" or null. maps: the token energy where that is asked for.
*/
class Loaded {
  constructor(entry, data, runs, sheet, films, maps) {
    Object.assign(this, { entry, data, runs, sheet, films, maps });
  }

  get frames() { return this.entry.frames; }

  /* [h, w] of a picture. */
  get size() { return this.entry.size; }

  /* The runs that there are: [kind, run]. */
  get kinds() { return Object.entries(this.runs).filter(([, run]) => run); }

  /* The first look of a run's own; before the noise a run is the clean one. */
  startOf(kind) { return kind === "noisy" ? this.runs.noisy.start : 0; }

  /* The film that holds a look, and the corner of the picture of a frame in it. */
  pictureAt(kind, look, frame) {
    const [h, w] = this.size, start = this.startOf(kind);
    const own = look >= start;
    return { image: own ? this.films[kind] : this.films.clean, x: frame * w,
      y: (own ? look - start : look) * h };
  }
}
