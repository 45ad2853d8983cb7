/* The tasks that the page can draw, by their names in a study. */

import { chain, chainLit } from "./chain.js";
import { maze } from "./maze.js";

export const TASKS = { maze, chain, chain_lit: chainLit };
