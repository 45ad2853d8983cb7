/* Bundles the pages into what the package ships: a classic script and a style sheet each.

Pages are opened from disk, where browsers load no modules. Bundles are left readable.
node build.js [FOLDER]: FOLDER takes the place of the package, src/chain_of_steps.
*/

import { build } from "esbuild";

// folder here -> folder in the package
const PAGES = { explorer: "explorer/page", playground: "playground/page" };
const root = process.argv[2] ?? "../src/chain_of_steps";

for (const [page, folder] of Object.entries(PAGES)) {
  const note = `/* Made by \`make page\` from web/${page}: change it there. */`;
  await build({
    entryPoints: [`${page}/${page}.js`, `${page}/${page}.css`],
    outdir: `${root}/${folder}`,
    bundle: true,
    format: "iife",
    target: "es2022",
    charset: "utf8",
    banner: { js: `${note}\n"use strict";`, css: note },
    logLevel: "warning",
  });
}
