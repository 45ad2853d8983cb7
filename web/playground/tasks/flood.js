/* Flood: colour every tile that water from the cyan disc can reach. As tasks/flood.py. */

import {
  distances, packLinks, part, sorted, spanningTree, toggled, unpackLinks, wallsOf,
} from "./walls.js";

const WATER = "disc:cyan:l", CUT = 0.1;

function needs(split, board) {
  const longest = board.frames - 1, usual = Math.floor(10 * longest / 16);
  return split === "in-domain" ? [1, usual] : [usual + 1, Math.floor(13 * longest / 16)];
}

/* Passages, and a start from which the farthest tile is `need` away; null where none was found. */
function drawLinks(random, board, need) {
  const links = spanningTree(random, board);
  for (const cell of board.cells) {
    for (const other of sorted(links[cell])) {
      if (cell < other && random.next() < CUT) part(links, cell, other);
    }
  }
  const start = random.choice(board.cells), found = distances(links, start);
  if (Math.max(...found.values()) < need) return null;
  for (const [cell, distance] of found) {
    if (distance !== need) continue;
    for (const other of [...links[cell]]) if (found.get(other) > need) part(links, cell, other);
  }
  return { links, start };
}

/* What each candidate colours, Maps of cell -> the frame from which on; the right one first. */
function* floods(links, start, board) {
  const right = distances(links, start), furthest = Math.max(...right.values());
  yield right;
  for (let most = 1; most < furthest; most++) {
    yield new Map([...right].filter(([, n]) => n <= most));
  }
  for (const cell of right.keys()) {
    for (const other of sorted(links[cell])) {
      if (right.get(other) > right.get(cell)) yield distances(links, start, [cell, other]);
    }
  }
  for (const [cell, n] of right) {
    for (const other of board.neighbours(cell)) {
      if (right.has(other)) continue;
      const beyond = [...distances(links, other)].map(([o, d]) => [o, n + 1 + d]);
      yield new Map([...right, ...beyond.filter(([, d]) => d < board.frames)]);
    }
  }
}

export const flood = {
  tools: { walls: "walls", start: "start" },

  shuffle(random, board, split) {
    const need = random.between(...needs(split, board));
    for (;;) {
      const found = drawLinks(random, board, need);
      if (found) return found;
    }
  },

  draw(layout, board, tool, cell, side) {
    if (tool === "start") return { ...layout, start: cell };
    const other = board.beside(cell, side);
    return other === null ? layout : { ...layout, links: toggled(layout.links, cell, other) };
  },

  problem: ({ links, start }) =>
    (links[start].size ? null : "The disc is walled in: open a wall beside it."),

  strange({ links, start }, board) {
    const reached = distances(links, start);
    if (Math.max(...reached.values()) >= board.frames) return "The water runs on after the video.";
    const passages = [...reached.keys()].reduce((sum, cell) => sum + links[cell].size, 0) / 2;
    return passages === reached.size - 1 ? null
      : "In the training there is one way between any two tiles; here there are more.";
  },

  /* Lists of [cell, frame]. */
  candidates({ links, start }, board) {
    const kept = new Map();
    for (const found of floods(links, start, board)) {
      const coloured = [...found].filter(([, n]) => n > 0);
      const key = sorted(coloured.map(([cell]) => cell)).join();
      if (coloured.length && !kept.has(key)) kept.set(key, coloured.sort((a, b) => a[1] - b[1]));
    }
    return [...kept.values()];
  },

  solutions: () => [0],

  backdrop({ links, start }, board) {
    return board.cells.map((cell) =>
      [...(cell === start ? [WATER] : []), ...wallsOf(links, cell, board)].join("+"));
  },

  movie(layout, board, answer) {
    const first = flood.backdrop(layout, board);
    return Array.from({ length: board.frames }, (_, frame) => {
      const scene = [...first];
      for (const [cell, n] of answer) {
        if (n <= frame) scene[cell] = scene[cell] ? `${WATER}+${scene[cell]}` : WATER;
      }
      return scene;
    });
  },

  empty: (layout, board) => flood.backdrop(layout, board),

  depths: (answer) => new Map(answer),

  pack: ({ links, start }, board) => `${packLinks(links, board)}.${start}`,

  unpack(text, board) {
    const [walls, place] = text.split("."), start = Number(place);
    const links = unpackLinks(walls, board);
    return links && board.cells.includes(start) ? { links, start } : null;
  },
};
