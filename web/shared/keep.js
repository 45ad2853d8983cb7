/* Texts that this browser keeps between visits. It may refuse, as for pages in private windows. */

/* The text kept under a name, or null. */
export function recall(name) {
  try { return localStorage.getItem(name); } catch { return null; }
}

/* Says whether the browser keeps it. */
export function keep(name, text) {
  try {
    localStorage.setItem(name, text);
    return true;
  } catch { return false; }
}
