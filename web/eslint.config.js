/* Rules for the sources of the pages: the recommended ones, and a few on form. */

import js from "@eslint/js";
import globals from "globals";

export default [
  js.configs.recommended,
  {
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "eqeqeq": "error",
      "max-len": ["error", { code: 100 }],
      "max-lines-per-function": ["error", 50],
      "no-shadow": "error",
      "no-var": "error",
      "prefer-const": "error",
    },
  },
  { files: ["*.js"], languageOptions: { globals: globals.node } },
  { ignores: ["*.js"], languageOptions: { globals: globals.browser } },
  {
    // What pages share knows none of them.
    files: ["shared/**"],
    rules: { "no-restricted-imports": ["error", { patterns: ["../*"] }] },
  },
];
