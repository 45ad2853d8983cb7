/* Pictures that stay decoded while they are likely to be drawn again. */

const FEWEST = 4; // pictures that stay, however large

export class Pictures {
  #made = new Map(); // path -> promise of an ImageBitmap, least recently used first

  /* most: pixels kept ready to draw, 4 bytes each. */
  constructor(most) {
    this.most = most;
  }

  /* A promise of the picture at a path. */
  get(path) {
    const made = this.#made.get(path) ?? decoded(path);
    this.#made.delete(path);
    this.#made.set(path, made);
    made.catch(() => this.#made.delete(path));
    this.#trim();
    return made;
  }

  async #trim() {
    const sizes = await Promise.allSettled([...this.#made.values()]);
    const pixelsOf = (bitmap) => (bitmap ? bitmap.width * bitmap.height : 0); // 0: cannot be read
    let pixels = sizes.reduce((sum, { value }) => sum + pixelsOf(value), 0);
    for (const [path, made] of [...this.#made]) {
      if (pixels <= this.most || this.#made.size <= FEWEST) return;
      pixels -= pixelsOf(await made);
      this.#made.delete(path); // not closed: it may be on the page
    }
  }
}

async function decoded(path) {
  const image = new Image();
  image.src = path;
  try { await image.decode(); } catch { throw new Error(`${path} cannot be shown.`); }
  return createImageBitmap(image); // stays decoded: an <img> may be decoded again when drawn
}
