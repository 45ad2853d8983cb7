/* Open grid: a shortest way around the blocks, any of them. As tasks/grid.py. */

import { dotted } from "./maze.js";

const BLOCK = "block", GOAL = "goal", MOST_WAYS = 40;

function moves(split, board) {
  const longest = Math.min(board.rows + board.columns - 2, board.frames - 1);
  const usual = Math.floor(5 * longest / 8);
  return split === "in-domain" ? [3, usual] : [usual + 1, longest];
}

/* Every shortest way over free cells; none where there is no way, or far too many. */
function shortestWays({ blocks, start, goal }, board) {
  let found = [[start]];
  const seen = new Set([start, ...blocks]);
  while (found.length && found[0].at(-1) !== goal) {
    const longer = found.flatMap((way) => board.neighbours(way.at(-1))
      .filter((cell) => !seen.has(cell)).map((cell) => [...way, cell]));
    for (const way of longer) seen.add(way.at(-1));
    const done = longer.filter((way) => way.at(-1) === goal);
    found = done.length ? done : longer;
    if (found.length > 20 * MOST_WAYS) return [];
  }
  return found;
}

export const grid = {
  tools: { blocks: "blocks", start: "start", goal: "goal" },

  shuffle(random, board, split) {
    const [least, most] = moves(split, board);
    for (;;) {
      const mixed = random.shuffled(board.cells);
      const n = random.below(Math.floor(board.size / 5) + 1);
      const [start, goal] = mixed.slice(n), blocks = mixed.slice(0, n).sort((a, b) => a - b);
      const layout = { blocks, start, goal }, ways = shortestWays(layout, board);
      const length = (ways[0]?.length ?? 0) - 1;
      if (ways.length > 1 && ways.length <= MOST_WAYS && length >= least && length <= most) {
        return layout;
      }
    }
  },

  draw(layout, board, tool, cell) {
    const { blocks, start, goal } = layout;
    if (tool !== "blocks") {
      return { ...layout, [tool]: cell, blocks: blocks.filter((block) => block !== cell) };
    }
    if (cell === start || cell === goal) return layout;
    const others = blocks.filter((block) => block !== cell);
    const changed = others.length < blocks.length ? others : [...blocks, cell];
    return { ...layout, blocks: changed.sort((a, b) => a - b) };
  },

  problem(layout, board) {
    const { length } = shortestWays(layout, board);
    if (layout.start === layout.goal) return "Start and goal are one tile: move one of them.";
    if (!length) return "No way leads to the red frame, or far too many do.";
    return length > MOST_WAYS ? `${length} ways are shortest: put more blocks in.` : null;
  },

  strange: (layout, board) => (shortestWays(layout, board).length > 1 ? null
    : "In the training several ways are shortest; here one is."),

  candidates: (layout, board) => shortestWays(layout, board),

  solutions: (layout, candidates) => [...candidates.keys()],

  backdrop({ blocks, goal }, board) {
    return board.cells.map((cell) =>
      (blocks.includes(cell) ? BLOCK : cell === goal ? GOAL : ""));
  },

  movie(layout, board, way) {
    const first = grid.backdrop(layout, board);
    return Array.from({ length: board.frames }, (_, frame) =>
      dotted(first, way.slice(0, frame + 1)));
  },

  empty: (layout, board) => dotted(grid.backdrop(layout, board), [layout.start]),

  depths: (way) => new Map(way.map((cell, n) => [cell, n])),

  pack: ({ blocks, start, goal }, board) =>
    `${board.cells.map((cell) => Number(blocks.includes(cell))).join("")}.${start}.${goal}`,

  unpack(text, board) {
    const [marks, ...places] = text.split("."), [start, goal] = places.map(Number);
    if (!new RegExp(`^[01]{${board.size}}$`).test(marks)) return null;
    const free = [start, goal].every((cell) => marks[cell] === "0");
    const blocks = board.cells.filter((cell) => marks[cell] === "1");
    return free ? { blocks, start, goal } : null;
  },
};
