/* What a tile is a mixture of. As tasks/reader.py, in double precision. */

export const ACCEPT = 0.6; // weight above which a tile is read as one appearance
export const UNREADABLE = 0.6; // what is left, relative to the spread, that spoils a tile
export const VISIBLE = 0.05; // evidence below this is no candidate still held open

const dot = (a, b) => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
};

/* Several ways in which one tile may look. */
export class Appearances {
  /* pictures: arrays of equal length. */
  constructor(pictures) {
    this.pictures = pictures;
    this.gram = pictures.map((one) => pictures.map((other) => dot(one, other)));
    const { gram } = this, n = pictures.length;
    const means = gram.map((row) => row.reduce((a, b) => a + b) / n);
    const all = means.reduce((a, b) => a + b) / n;
    this.largest = largestEigenvalue(
      gram.map((row, i) => row.map((value, j) => value - means[i] - means[j] + all)));
    this.spread = Math.max(...gram.flatMap((row, i) => row.map((value, j) =>
      Math.sqrt(Math.max(0, gram[i][i] + gram[j][j] - 2 * value)))));
  }

  /* Least-squares weights of what was seen, from 0 and of sum 1; zeros where none explains it. */
  weights(seen) {
    const { pictures, gram, largest } = this;
    const target = pictures.map((picture) => dot(picture, seen));
    let w = pictures.map(() => 1 / pictures.length), ahead = w, t = 1;
    for (let i = 0; i < (pictures.length === 2 ? 2 : 60); i++) {
      const from = ahead, before = w;
      w = ontoSimplex(from.map((value, j) => value - (dot(from, gram[j]) - target[j]) / largest));
      const further = (1 + Math.sqrt(1 + 4 * t * t)) / 2, push = (t - 1) / further;
      ahead = w.map((value, j) => value + push * (value - before[j]));
      t = further;
    }
    const fit = w.reduce((sum, value, j) => sum + value * (dot(w, gram[j]) - 2 * target[j]), 0);
    const left = Math.sqrt(Math.max(0, dot(seen, seen) + fit));
    return left < UNREADABLE * this.spread ? w : w.map(() => 0);
  }
}

/* The nearest weights from 0 and of sum 1. */
function ontoSimplex(w) {
  const ordered = [...w].sort((a, b) => b - a);
  let sum = 0, excess = 0;
  ordered.forEach((value, n) => {
    sum += value;
    if (value > (sum - 1) / (n + 1)) excess = (sum - 1) / (n + 1);
  });
  return w.map((value) => Math.max(value - excess, 0));
}

/* Of a small symmetric matrix without negative eigenvalues, by powers of it. */
function largestEigenvalue(matrix) {
  let vector = matrix.map((_, i) => 1 + i / 7), value = 0;
  for (let i = 0; i < 400; i++) {
    const image = matrix.map((row) => dot(row, vector));
    value = Math.sqrt(dot(image, image));
    if (!value) return 1;
    vector = image.map((x) => x / value);
  }
  return value;
}

/* exp of the entropy of visible weights; null where none is visible. */
export function effectiveNumber(weights) {
  const seen = weights.filter((weight) => weight >= VISIBLE);
  const total = seen.reduce((a, b) => a + b, 0);
  if (!seen.length) return null;
  return Math.exp(-seen.reduce((sum, w) => sum + w / total * Math.log(w / total), 0));
}
