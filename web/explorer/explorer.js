/* Where the page starts: its data scripts call the functions of `explorer`. */

import { ScriptData } from "../shared/script_data.js";
import { Page } from "./page.js";

const scripts = new ScriptData("make the explorer again");

globalThis.explorer = {
  /* runs.js: the study and its cases. */
  open: (index) => { new Page(index, scripts); },

  /* A case with the readings of its runs. */
  add: (content) => scripts.answer(`add ${content.case}`, content),

  /* The token energy of a case. */
  energy: (content) => scripts.answer(`energy ${content.case}`, content),
};
