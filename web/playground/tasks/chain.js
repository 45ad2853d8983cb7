/* Chain: follow the arrows from the green dot and mark tile after tile. As tasks/chain.py.

arrows: the direction on each tile, null on a sink. chain_lit shows the way in the first picture.
*/

const START = "disc:green:l", MARK = "ring", SINK = "goal", LIGHT = "square:yellow:l";

function hops(split, board) {
  const longest = Math.min(board.frames - 1, Math.floor(2 * board.size / 3));
  const usual = Math.floor(13 * longest / 16);
  return split === "in-domain" ? [1, usual] : [usual + 1, longest];
}

/* A random way over the board that meets no cell twice. */
function walk(random, board, moves) {
  for (;;) {
    const way = [random.choice(board.cells)];
    while (way.length <= moves) {
      const free = board.neighbours(way.at(-1)).filter((cell) => !way.includes(cell));
      if (!free.length) break;
      way.push(random.choice(free));
    }
    if (way.length > moves) return way;
  }
}

const directionTo = (board, cell, other) =>
  [0, 1, 2, 3].find((side) => board.beside(cell, side) === other);

/* Arrows along a way, any on the other tiles, and further sinks, each with an arrow into it.

Null where no further sink finds a place.
*/
function drawArrows(random, board, way) {
  const towards = board.cells.map((cell) => random.choice(board.neighbours(cell)));
  way.forEach((cell, n) => { towards[cell] = way[n + 1] ?? null; });
  const taken = new Set(way);
  let wanted = random.between(1, Math.max(1, Math.floor(board.size / 12)));
  for (const sink of random.shuffled(board.cells.filter((cell) => !taken.has(cell)))) {
    const into = board.neighbours(sink).filter((cell) => !taken.has(cell));
    if (!wanted || !into.length || taken.has(sink)) continue;
    const feeder = random.choice(into);
    towards[sink] = null;
    towards[feeder] = sink;
    taken.add(sink).add(feeder);
    wanted -= 1;
  }
  if (taken.size === way.length) return null;
  return towards.map((other, cell) => (other === null ? null : directionTo(board, cell, other)));
}

/* The cells from `cell` on along the arrows, to a sink or before one that was met. */
function follow(arrows, board, cell, met) {
  const way = [];
  while (cell !== null && !met.includes(cell) && !way.includes(cell)) {
    way.push(cell);
    cell = arrows[cell] === null ? null : board.beside(cell, arrows[cell]);
  }
  return way;
}

/* What each way marks, the start left out; of those that mark the same tiles, the first. */
function distinct(found, start, board) {
  const kept = new Map();
  for (const way of found) {
    const marked = way.filter((cell) => cell !== start).slice(0, board.frames - 1);
    const key = [...marked].sort((a, b) => a - b).join();
    if (marked.length && !kept.has(key)) kept.set(key, marked);
  }
  return [...kept.values()];
}

const isCell = (cell, board) => Number.isInteger(cell) && cell >= 0 && cell < board.size;

export const chain = {
  tools: { arrows: "arrows", start: "start" },

  shuffle(random, board, split) {
    for (;;) {
      const way = walk(random, board, random.between(...hops(split, board)));
      const arrows = drawArrows(random, board, way);
      if (arrows) return { arrows, start: way[0] };
    }
  },

  /* An arrow turns on to the next direction that stays on the board, then to a sink. */
  draw({ arrows, start }, board, tool, cell) {
    if (tool === "start") return { arrows, start: cell };
    const order = [0, 1, 2, 3].filter((side) => board.beside(cell, side) !== null);
    const next = arrows[cell] === null ? order[0] : order[order.indexOf(arrows[cell]) + 1] ?? null;
    return { start, arrows: arrows.with(cell, next) };
  },

  problem({ arrows, start }) {
    return arrows[start] === null ? "The start has no arrow: turn it to one." : null;
  },

  strange({ arrows, start }, board) {
    const way = follow(arrows, board, start, []);
    if (way.length > board.frames) return "The way is longer than the video.";
    return arrows[way.at(-1)] === null ? null
      : "The arrows lead in a circle, which no chain of the training does.";
  },

  candidates({ arrows, start }, board) {
    const right = follow(arrows, board, start, []), found = [right];
    right.slice(0, -1).forEach((cell, hop) => {
      const before = right.slice(0, hop + 1);
      found.push(before); // it stops
      for (const other of board.neighbours(cell)) {
        if (other !== right[hop + 1]) { // it turns wrong
          found.push([...before, ...follow(arrows, board, other, before)]);
        }
      }
    });
    found.push(...board.cells.map((cell) => follow(arrows, board, cell, [])));
    return distinct(found, start, board);
  },

  solutions: () => [0],

  backdrop({ arrows, start }) {
    return arrows.map((turn, cell) =>
      `${cell === start ? `${START}+` : ""}${turn === null ? SINK : `arrow:${turn}`}`);
  },

  movie: (layout, board, way) => marking(chain.backdrop(layout), board, way),

  empty: (layout) => chain.backdrop(layout),

  depths: (way) => new Map(way.map((cell, n) => [cell, n + 1])),

  pack: ({ arrows, start }) => `${arrows.map((turn) => turn ?? "x").join("")}.${start}`,

  unpack(text, board) {
    const [turns, place] = text.split("."), start = Number(place);
    if (!new RegExp(`^[0-3x]{${board.size}}$`).test(turns) || !isCell(start, board)) return null;
    const arrows = [...turns].map((turn) => (turn === "x" ? null : Number(turn)));
    const stays = arrows.every((turn, cell) => turn === null || board.beside(cell, turn) !== null);
    return stays ? { arrows, start } : null;
  },
};

export const chainLit = {
  ...chain,

  backdrop(layout, board) {
    const scene = chain.backdrop(layout), [right] = chain.candidates(layout, board);
    return scene.map((tile, cell) => (right?.includes(cell) ? `${LIGHT}+${tile}` : tile));
  },

  movie: (layout, board, way) => marking(chainLit.backdrop(layout, board), board, way),

  empty: (layout, board) => chainLit.backdrop(layout, board),
};

/* A movie that marks one more tile each frame, in the order of the hops. */
function marking(first, board, way) {
  const marked = (n) => first.map((tile, cell) =>
    (way.slice(0, n).includes(cell) ? `${tile}+${MARK}` : tile));
  return Array.from({ length: board.frames }, (_, frame) => marked(frame));
}
