/* Passages between cells: what mazes and floods are made of.

links: for every cell, the set of cells that one gets to from it.
*/

import { SIDES } from "../board.js";

const PAINTED = [0, 2, 3, 1]; // the order in which walls are painted: n, s, w, e

/* A random maze without loops; half of them grow deep corridors, half many branches. */
export function spanningTree(random, board) {
  const deep = random.next() < 0.5, links = board.cells.map(() => new Set());
  const frontier = [random.choice(board.cells)], reached = new Set(frontier);
  while (frontier.length) {
    const i = deep ? frontier.length - 1 : random.below(frontier.length);
    const unseen = board.neighbours(frontier[i]).filter((cell) => !reached.has(cell));
    if (!unseen.length) {
      frontier.splice(i, 1);
      continue;
    }
    const cell = random.choice(unseen);
    join(links, frontier[i], cell);
    reached.add(cell);
    frontier.push(cell);
  }
  return links;
}

export function join(links, one, other) {
  links[one].add(other);
  links[other].add(one);
}

export function part(links, one, other) {
  links[one].delete(other);
  links[other].delete(one);
}

/* The same passages but for the one between two cells, which opens or closes. */
export function toggled(links, one, other) {
  const changed = links.map((set) => new Set(set));
  (links[one].has(other) ? part : join)(changed, one, other);
  return changed;
}

/* The number of moves to every cell that can be got to, a Map; closed: a passage not to take. */
export function distances(links, start, closed = null) {
  const found = new Map([[start, 0]]);
  const isClosed = (a, b) => closed && closed.includes(a) && closed.includes(b);
  for (const [cell, n] of found) {
    for (const other of sorted(links[cell])) {
      if (!found.has(other) && !isClosed(cell, other)) found.set(other, n + 1);
    }
  }
  return found;
}

export const sorted = (cells) => [...cells].sort((a, b) => a - b);

/* The layers of a cell's walls. */
export function wallsOf(links, cell, board) {
  return PAINTED.filter((side) => !links[cell].has(board.beside(cell, side)))
    .map((side) => `wall:${SIDES[side]}`);
}

/* Passages as text for links, a digit a cell: 1 for a way to the east, 2 for one to the south. */
export function packLinks(links, board) {
  const open = (cell, side) => links[cell].has(board.beside(cell, side));
  return board.cells.map((cell) => Number(open(cell, 1)) + 2 * Number(open(cell, 2))).join("");
}

/* The inverse; null for a text that says no such thing. */
export function unpackLinks(text, board) {
  if (!new RegExp(`^[0-3]{${board.size}}$`).test(text)) return null;
  const links = board.cells.map(() => new Set());
  for (const cell of board.cells) {
    for (const [bit, side] of [[1, 1], [2, 2]]) {
      const other = board.beside(cell, side);
      if (Number(text[cell]) & bit && other !== null) join(links, cell, other);
    }
  }
  return links;
}
