/* Random numbers that are the same for the same seed. */

export class Random {
  #state;

  constructor(seed) {
    this.#state = seed >>> 0;
  }

  /* From 0 to below 1 (mulberry32). */
  next() {
    this.#state = (this.#state + 0x6D2B79F5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  below(n) { return Math.floor(this.next() * n); }

  between(least, most) { return least + this.below(most - least + 1); }

  choice(list) { return list[this.below(list.length)]; }

  /* All of a list in random order. */
  shuffled(list) {
    const mixed = [...list];
    for (let i = mixed.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [mixed[i], mixed[j]] = [mixed[j], mixed[i]];
    }
    return mixed;
  }
}

/* n numbers from N(0, 1) (Box and Muller), Float32Array. `part` sets draws of one seed apart. */
export function gaussian(n, seed, part = 0) {
  const random = new Random(Math.imul(seed + 1, 0x9E3779B1) ^ Math.imul(part, 0x85EBCA6B));
  const drawn = new Float32Array(n);
  for (let i = 0; i < n; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(1 - random.next()));
    const angle = 2 * Math.PI * random.next();
    drawn[i] = radius * Math.cos(angle);
    if (i + 1 < n) drawn[i + 1] = radius * Math.sin(angle);
  }
  return drawn;
}
