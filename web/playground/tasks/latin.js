/* Latin square: fill the empty places so that no line has an object twice. As tasks/latin.py.

square: the object in each place of 5 x 5; holes: the places that are empty; corner: the cell where
the square begins.
*/

const SIDE = 5, NUMBERS = [0, 1, 2, 3, 4], PLACES = [...Array(SIDE * SIDE).keys()];
const OBJECTS = ["disc:green:m", "square:red:m", "triangle:blue:m", "diamond:yellow:m",
  "cross:purple:m"];
const ROUNDS = { "in-domain": [1, 4], "out-of-domain": [5, 8] };

function randomSquare(random) {
  const rows = [];
  for (let tries = 0; rows.length < SIDE; tries++) {
    const row = random.shuffled(NUMBERS);
    if (rows.every((other) => other.every((n, i) => n !== row[i]))) rows.push(row);
    if (tries > 400) {
      rows.length = 0;
      tries = 0;
    }
  }
  return rows.flat();
}

/* The round in which elimination fills each hole, a Map; null where it gets stuck. */
function rounds(square, holes) {
  const known = square.map((n, place) => (holes.includes(place) ? null : n)), when = new Map();
  for (let round = 1; when.size < holes.length; round++) {
    const fresh = [];
    for (const place of holes.filter((hole) => !when.has(hole))) {
      const row = Math.floor(place / SIDE), column = place % SIDE;
      const left = NUMBERS.filter((n) => NUMBERS.every((i) =>
        known[row * SIDE + i] !== n && known[i * SIDE + column] !== n));
      if (left.length === 1) fresh.push([place, left[0]]);
    }
    if (!fresh.length) return null;
    for (const [place, n] of fresh) {
      known[place] = n;
      when.set(place, round);
    }
  }
  return when;
}

const needOf = (square, holes) => {
  const when = rounds(square, holes);
  return when && Math.max(...when.values());
};

/* Holes that take `need` rounds to fill; null where fewer do. */
function holesOf(random, square, need) {
  const holes = [];
  let found = 0;
  for (const place of random.shuffled(PLACES)) {
    const rounded = needOf(square, [...holes, place]);
    if (rounded === null || rounded > need) continue;
    holes.push(place);
    found = rounded;
    if (found === need && holes.length > 2 && random.next() < 0.25) break;
  }
  return found === need ? holes.sort((a, b) => a - b) : null;
}

export const latin = {
  tools: { holes: "empty places" },

  shuffle(random, board, split) {
    const need = random.between(...ROUNDS[split]);
    for (;;) {
      const square = randomSquare(random), holes = holesOf(random, square, need);
      const corner = board.cell(random.below(board.rows - SIDE + 1),
        random.below(board.columns - SIDE + 1));
      if (holes) return { square, holes, corner };
    }
  },

  /* Empties a place, or fills it again. */
  draw(layout, board, tool, cell) {
    const place = placeOf(layout, board, cell), { holes } = layout;
    if (place === null) return layout;
    const others = holes.filter((hole) => hole !== place);
    const changed = others.length < holes.length ? others : [...holes, place];
    return { ...layout, holes: changed.sort((a, b) => a - b) };
  },

  problem({ square, holes }) {
    if (!holes.length) return "No place is empty: empty one.";
    return rounds(square, holes) ? null
      : "Elimination does not fill this: more than one object may fit. Fill a place again.";
  },

  strange: ({ square, holes }) => (needOf(square, holes) <= ROUNDS["out-of-domain"][1] ? null
    : "This takes more rounds than any square of the study."),

  /* What is in each hole, null where it stays empty: the completion, and one place changed. */
  candidates({ square, holes }) {
    const right = holes.map((hole) => square[hole]);
    return [right, ...right.flatMap((n, i) =>
      [...NUMBERS, null].filter((other) => other !== n).map((other) => right.with(i, other)))];
  },

  solutions: () => [0],

  backdrop({ square, holes, corner }, board) {
    const scene = board.cells.map(() => "");
    square.forEach((n, place) => { scene[cellOf(corner, board, place)] = OBJECTS[n]; });
    for (const hole of holes) scene[cellOf(corner, board, hole)] = "slot";
    return scene;
  },

  /* The answer shows after the first beat. */
  movie(layout, board, answer) {
    const first = latin.backdrop(layout, board), filled = [...first];
    answer.forEach((n, i) => {
      if (n !== null) filled[cellOf(layout.corner, board, layout.holes[i])] = OBJECTS[n];
    });
    return Array.from({ length: board.frames }, (_, frame) => (frame < 5 ? first : filled));
  },

  empty: (layout, board) => latin.backdrop(layout, board),

  /* The round in which elimination fills each hole. */
  depths: (answer, { square, holes, corner }, board) => new Map(
    [...rounds(square, holes)].sort(([a], [b]) => a - b)
      .map(([hole, round]) => [cellOf(corner, board, hole), round])),

  pack: ({ square, holes, corner }) =>
    `${square.join("")}.${PLACES.map((place) => Number(holes.includes(place))).join("")}.${corner}`,

  unpack(text, board) {
    if (!/^[0-4]{25}\.[01]{25}\.\d+$/.test(text)) return null;
    const [numbers, marks, place] = text.split("."), corner = Number(place);
    const [row, column] = board.place(corner), square = [...numbers].map(Number);
    const lines = NUMBERS.flatMap((i) => [square.slice(i * SIDE, (i + 1) * SIDE),
      square.filter((_, at) => at % SIDE === i)]);
    const fits = row + SIDE <= board.rows && column + SIDE <= board.columns;
    if (!fits || lines.some((line) => new Set(line).size < SIDE)) return null;
    return { square, holes: PLACES.filter((at) => marks[at] === "1"), corner };
  },
};

function cellOf(corner, board, place) {
  return corner + Math.floor(place / SIDE) * board.columns + place % SIDE;
}

function placeOf({ corner }, board, cell) {
  const [row, column] = board.place(cell), [top, left] = board.place(corner);
  const i = row - top, j = column - left;
  return i >= 0 && i < SIDE && j >= 0 && j < SIDE ? i * SIDE + j : null;
}
