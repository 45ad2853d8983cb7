/* Maze: leave a chain of green dots from the start to the red frame. As tasks/maze.py.

A maze that is drawn by hand may have loops, and then several right ways.
*/

import { distances, packLinks, spanningTree, toggled, unpackLinks, wallsOf } from "./walls.js";

const DOT = "disc:green:m", GOAL = "goal";
const MOST = 60; // ways that are listed

function moves(split, board) {
  const longest = board.frames - 1, usual = Math.floor(10 * longest / 16);
  return split === "in-domain" ? [4, usual] : [usual + 1, longest];
}

/* Every way from `start` that meets no cell twice and ends at the goal or in a dead end. */
function ways({ links, start, goal }, most) {
  const found = [], todo = [[start]];
  while (todo.length && found.length < 20 * MOST) {
    const way = todo.pop(), last = way.at(-1);
    if (last === goal || (links[last].size === 1 && way.length > 1)) found.push(way);
    if (last === goal || way.length === most) continue;
    for (const next of links[last]) if (!way.includes(next)) todo.push([...way, next]);
  }
  return found;
}

export const maze = {
  tools: { walls: "walls", start: "start", goal: "goal" },

  shuffle(random, board, split) {
    const [least, most] = moves(split, board);
    for (;;) {
      const links = spanningTree(random, board), start = random.choice(board.cells);
      const goals = [...distances(links, start)].filter(([, n]) => n >= least && n <= most);
      if (!goals.length) continue;
      const length = random.choice([...new Set(goals.map(([, n]) => n))].sort((a, b) => a - b));
      const [goal] = random.choice(goals.filter(([, n]) => n === length));
      const layout = { links, start, goal };
      if (maze.candidates(layout, board).length > 1) return layout;
    }
  },

  /* A copy that a tool has changed at a cell; side: of the cell, for walls. */
  draw(layout, board, tool, cell, side) {
    if (tool !== "walls") return { ...layout, [tool]: cell };
    const other = board.beside(cell, side);
    return other === null ? layout : { ...layout, links: toggled(layout.links, cell, other) };
  },

  /* What is wrong with a puzzle, for people, or null. */
  problem({ links, start, goal }, board) {
    if (start === goal) return "Start and goal are one tile: move one of them.";
    const far = distances(links, start).get(goal);
    if (far === undefined) return "No way leads to the red frame: open a wall.";
    if (far >= board.frames) return `The way takes ${far} moves, more than a video has frames.`;
    return null;
  },

  /* What no puzzle of the training was like, or null. */
  strange({ links }, board) {
    const passages = links.reduce((sum, set) => sum + set.size, 0) / 2;
    return passages === board.size - 1 && distances(links, 0).size === board.size ? null
      : "The mazes of the training have one way between any two tiles; this one does not.";
  },

  /* Right ways first, the shortest first; then dead ends in the order of their cells. */
  candidates(layout, board) {
    const found = ways(layout, board.frames);
    const right = found.filter((way) => way.at(-1) === layout.goal)
      .sort((a, b) => a.length - b.length);
    const wrong = found.filter((way) => way.at(-1) !== layout.goal)
      .sort((a, b) => a.at(-1) - b.at(-1));
    return [...right, ...wrong].slice(0, MOST);
  },

  solutions: ({ goal }, candidates) =>
    [...candidates.keys()].filter((n) => candidates[n].at(-1) === goal),

  backdrop({ links, goal }, board) {
    return board.cells.map((cell) =>
      [...wallsOf(links, cell, board), ...(cell === goal ? [GOAL] : [])].join("+"));
  },

  /* A scene for each frame. */
  movie(layout, board, way) {
    const first = maze.backdrop(layout, board);
    return Array.from({ length: board.frames }, (_, frame) =>
      dotted(first, way.slice(0, frame + 1)));
  },

  empty: (layout, board) => dotted(maze.backdrop(layout, board), [layout.start]),

  /* cell -> number of inferences that it takes, of the cells that an answer draws. */
  depths: (way) => new Map(way.map((cell, n) => [cell, n])),

  pack: ({ links, start, goal }, board) => `${packLinks(links, board)}.${start}.${goal}`,

  unpack(text, board) {
    const [walls, ...places] = text.split("."), links = unpackLinks(walls, board);
    const [start, goal] = places.map(Number);
    const isCell = (cell) => Number.isInteger(cell) && cell >= 0 && cell < board.size;
    return links && isCell(start) && isCell(goal) ? { links, start, goal } : null;
  },
};

export function dotted(scene, way) {
  const drawn = [...scene];
  for (const cell of way) drawn[cell] = scene[cell] ? `${scene[cell]}+${DOT}` : DOT;
  return drawn;
}
