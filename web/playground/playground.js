/* Where the page starts: its data scripts call the functions of `playground`. */

import { Assets } from "./assets.js";
import { Page } from "./page.js";

const assets = new Assets();

globalThis.playground = {
  /* A model, a codec or ONNX Runtime. */
  add: (name, content) => assets.add(name, content),

  /* study.js: the models, the tasks and the pictures of the tiles. */
  open: (facts) => Page.open(facts, assets),
};
