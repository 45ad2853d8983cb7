/* The tasks that the page can draw, by their names in a study.

Each says, for layouts of its puzzles: shuffle, draw, problem (why it cannot be asked), strange (how
it differs from those of the training), candidates, solutions, backdrop, movie, empty, depths, and
pack and unpack for links. tools: what one can draw -> words.
*/

import { chain, chainLit } from "./chain.js";
import { flood } from "./flood.js";
import { grid } from "./grid.js";
import { latin } from "./latin.js";
import { maze } from "./maze.js";

export const TASKS = { maze, flood, latin, chain, chain_lit: chainLit, grid };
