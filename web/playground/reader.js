/* Reads answers, and how far each tile is decided, from a video. As tasks/observe.py. */

import { BEAT } from "./board.js";
import { ACCEPT, Appearances, effectiveNumber, VISIBLE } from "./mixture.js";

const FIRST = 0.05, PRIOR = 1e-5, OFFSET = 0.15, SPOILT = 0.1, FULL = 1 - 1e-6, TIE = 1e-6;
const GAIN = [0.8, 1.25];
const FLOOR = [244, 244, 240].map((byte) => byte / 255);
export const NO_ANSWER = -1;

const clip = (value, least, most) => Math.min(Math.max(value, least), most);

/* A tile in some frames, and what it looks like in every movie.

keys: the tiles in these frames, of each candidate, then of the empty, then of the still picture.
*/
class Place {
  constructor(cell, keys, tiles) {
    const names = keys.map((key) => key.join("|"));
    const kinds = [...new Set(names)];
    const pictures = kinds.map((name) => joined(name.split("|").map((key) => tiles.picture(key))));
    const numbers = names.map((name) => kinds.indexOf(name));
    this.cell = cell;
    this.still = numbers.pop();
    this.empty = numbers.pop();
    this.ofCandidate = numbers;
    this.appearances = new Appearances(pictures);
    this.alike = alikePixels(pictures);
  }

  get pictures() { return this.appearances.pictures; }

  get decisive() { return this.pictures.length > 1; }
}

function joined(parts) {
  const whole = new Float64Array(parts.length * parts[0].length);
  parts.forEach((part, n) => whole.set(part, n * part.length));
  return whole;
}

/* Where pixels begin on which all pictures agree. */
function alikePixels(pictures) {
  const [first, ...others] = pictures, found = [];
  for (let i = 0; i < first.length; i += 3) {
    const same = (other) => other[i] === first[i] && other[i + 1] === first[i + 1]
      && other[i + 2] === first[i + 2];
    if (others.every(same)) found.push(i);
  }
  return found;
}

/* Reads the videos of one puzzle. */
export class Reader {
  #beats = null;

  /* task: of tasks/; layout: of a puzzle of it without a problem. */
  constructor(task, layout, board, tiles) {
    Object.assign(this, { task, layout, board, tiles });
    this.candidates = task.candidates(layout, board);
    this.solutions = task.solutions(layout, this.candidates);
    this.movies = this.candidates.map((one) => task.movie(layout, board, one));
    this.backdrop = task.backdrop(layout, board);
    const still = this.movies[0][0], empty = task.empty(layout, board), last = board.frames - 1;
    this.first = board.cells.map((cell) => this.#place(cell, [0], still));
    this.key = board.cells.map((cell) => this.#place(cell, [last], still, empty));
    this.tell = tells(this.key.filter((place) => place.decisive));
  }

  /* empty: a scene; without one the still picture. */
  #place(cell, frames, still, empty = null) {
    const stills = frames.map(() => still[cell]);
    const shown = this.movies.map((movie) => frames.map((frame) => movie[frame][cell]));
    const blank = empty ? frames.map(() => empty[cell]) : stills;
    return new Place(cell, [...shown, blank, stills], this.tiles);
  }

  /* Every tile of every beat: [f, place]. */
  get beats() {
    this.#beats ??= Array.from({ length: this.board.latentFrames }, (_, f) => {
      const frames = f ? [3, 2, 1, 0].map((back) => BEAT * f - back) : [0];
      const still = this.movies[0][0];
      return this.board.cells.map((cell) => [f, this.#place(cell, frames, still)]);
    }).flat();
    return this.#beats;
  }

  /* {evidence, leads, accepted, score, candidates}: as an Observation of one look. */
  read(video) {
    const { first, key, board } = this, last = board.frames - 1;
    const seen = [...first.map(({ cell }) => video.frame(0, cell)),
      ...key.map(({ cell }) => video.frame(last, cell))];
    const places = [...first, ...key];
    const { real, spoilt } = inTrueColours(places, seen, places.map((_, n) =>
      (n < first.length ? FIRST : 1)));
    const shown = seen.slice(first.length).map(real), nothing = nullOf(key, shown);
    const decisive = [...key.keys()].filter((n) => key[n].decisive);
    const weights = decisive.map((n) => (spoilt ? key[n].pictures.map(() => 0)
      : key[n].appearances.weights(shown[n])));
    const shares = decisive.map((n, i) => key[n].ofCandidate.map((look) => weights[i][look]));
    const lowest = this.candidates.map((_, c) =>
      shares.reduce((least, mine, i) => (this.tell[i][c] ? Math.min(least, mine[c]) : least), 1));
    const evidence = lowest.map((value) => clip((value - nothing) / (1 - nothing), 0, 1));
    const weakest = this.candidates.map((_, c) => Math.min(...shares.map((mine) => mine[c])));
    const best = weakest.indexOf(Math.max(...weakest));
    return {
      evidence,
      leads: leader(evidence, this.candidates.map((_, c) =>
        shares.reduce((sum, mine) => sum + mine[c], 0) / shares.length)),
      accepted: weakest[best] > ACCEPT ? best : NO_ANSWER,
      score: Math.max(0, ...this.solutions.map((c) =>
        overlap(decisive.map((n) => key[n]), weights, shares, c))),
      candidates: effectiveNumber(evidence),
    };
  }

  /* Every decisive tile of every beat: [{f, cell, depth, weight, leads, accepted}].

  candidate: whose appearance is called right; the first solution, where there is one alone.
  */
  readTiles(video, candidate = this.solutions[0]) {
    const depths = this.task.depths(this.candidates[candidate], this.layout, this.board);
    const seen = this.beats.map(([f, { cell }]) => video.beat(f, cell));
    const places = this.beats.map(([, place]) => place);
    const { real, spoilt } = inTrueColours(places, seen, places.map(() => 1));
    return this.beats.map(([f, place], n) => ({ f, place, n }))
      .filter(({ place }) => place.decisive).map(({ f, place, n }) => {
        const weights = spoilt ? place.pictures.map(() => 0)
          : place.appearances.weights(real(seen[n]));
        const mine = place.ofCandidate[candidate], weight = weights[mine];
        const others = Math.max(...weights.filter((_, look) => look !== mine));
        return { f, cell: place.cell, depth: depths.get(place.cell) ?? NO_ANSWER, weight,
          leads: weight > others, accepted: weight > ACCEPT };
      });
  }
}

/* For each place, whether a candidate's weight there counts as its evidence. */
function tells(places) {
  const n = places[0]?.ofCandidate.length ?? 0, every = [...Array(n).keys()];
  const drawn = places.map((place) => place.ofCandidate.map((look) => look !== place.empty));
  const found = drawn.map((row) => [...row]);
  for (const c of every) {
    const mine = [...places.keys()].filter((i) => drawn[i][c]);
    const goesOn = every.filter((other) => mine.every((i) =>
      places[i].ofCandidate[other] === places[i].ofCandidate[c]));
    places.forEach((_, i) => { if (goesOn.some((other) => drawn[i][other])) found[i][c] = true; });
    if (!found.some((row) => row[c])) for (const row of found) row[c] = true;
  }
  return found;
}

/* The tiles that change as in a candidate among those that change in it or in the look. */
function overlap(places, weights, shares, c) {
  let shared = 0, united = 0;
  places.forEach((place, i) => {
    const changes = place.ofCandidate[c] !== place.still;
    const moved = weights[i][place.still] <= ACCEPT;
    shared += changes && shares[i][c] > ACCEPT;
    united += changes || moved;
  });
  return united ? shared / united : 0;
}

/* The candidate of the largest evidence; of equal ones that which agrees best with all tiles. */
function leader(evidence, agreement) {
  const most = Math.max(...evidence);
  const score = evidence.map((value, c) => (value >= most - TIE ? agreement[c] : -Infinity));
  const [first, second = -Infinity] = [...score].sort((a, b) => b - a);
  return most >= VISIBLE && first - second > TIE ? score.indexOf(first) : NO_ANSWER;
}

/* What undoes gain and offset of each channel in what was seen, and whether that is spoilt. */
function inTrueColours(places, seen, weights) {
  const change = [0, 1, 2].map((channel) => channelChange(places, seen, weights, channel));
  const undone = (colour, channel) => {
    const { gain, offset } = change[channel], real = (colour - offset) / gain;
    return colour < FULL ? real : clip(real, FLOOR[channel], 1);
  };
  let left = 0, weight = 0;
  places.forEach(({ alike, pictures: [picture] }, n) => {
    for (const i of alike) {
      for (let channel = 0; channel < 3; channel++) {
        const error = undone(seen[n][i + channel], channel) - picture[i + channel];
        left += weights[n] * error * error / 3;
      }
      weight += weights[n];
    }
  });
  if (!weight) return { real: (values) => values, spoilt: false };
  const real = (values) => {
    const found = new Float64Array(values.length);
    for (let i = 0; i < values.length; i += 3) {
      for (let channel = 0; channel < 3; channel++) {
        found[i + channel] = undone(values[i + channel], channel);
      }
    }
    return found;
  };
  return { real, spoilt: Math.sqrt(left / weight) > SPOILT };
}

/* Least squares for the change o - e = (gain - 1) e + offset of a channel. */
function channelChange(places, seen, weights, channel) {
  let total = 0, ee = 0, se = 0, de = 0, sd = 0;
  places.forEach(({ alike, pictures: [picture] }, n) => {
    for (const at of alike) {
      const i = at + channel, o = seen[n][i], e = picture[i];
      if (o >= FULL) continue;
      total += weights[n];
      ee += weights[n] * e * e;
      se += weights[n] * e;
      de += weights[n] * (o - e) * e;
      sd += weights[n] * (o - e);
    }
  });
  total = Math.max(total, 1);
  ee = ee / total + PRIOR;
  [se, de, sd] = [se / total, de / total, sd / total];
  const determinant = ee * (1 + PRIOR) - se * se;
  const gain = clip(1 + (de * (1 + PRIOR) - sd * se) / determinant, ...GAIN);
  return { gain, offset: clip((sd - (gain - 1) * se) / (1 + PRIOR), -OFFSET, OFFSET) };
}

/* How much of a change tiles show on which nothing may change. */
function nullOf(places, seen) {
  const changes = new Map();
  for (const place of places) {
    for (const look of new Set(place.ofCandidate)) {
      if (look === place.empty) continue;
      const blank = place.pictures[place.empty];
      const change = place.pictures[look].map((value, i) => value - blank[i]);
      changes.set(change.join(), change);
    }
  }
  const still = [...places.keys()].filter((n) => !places[n].decisive);
  if (!changes.size || !still.length) return 0;
  const sizes = [...changes.values()].map((change) => {
    const norm = change.reduce((sum, value) => sum + value * value, 0);
    const shares = still.map((n) => change.reduce((sum, value, i) =>
      sum + value * (seen[n][i] - places[n].pictures[0][i]), 0) / norm);
    return Math.sqrt(shares.reduce((sum, share) => sum + share * share, 0) / shares.length);
  });
  return clip(Math.max(...sizes), 0, 0.5);
}
