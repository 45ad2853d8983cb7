/* Tables as CSV (RFC 4180). */

/* columns: names; rows: objects with these keys. */
export function toCsv(columns, rows) {
  const cell = (value) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  const line = (values) => values.map((value) => cell(String(value))).join(",");
  const lines = [line(columns), ...rows.map((row) => line(columns.map((name) => row[name])))];
  return `${lines.join("\r\n")}\r\n`;
}

/* Lists of cells, one a line; quoted cells may hold commas, quotes and line breaks. */
export function parseCsv(text) {
  const lines = [];
  let cells = [], cell = "", quoted = false;
  const endLine = () => {
    cells.push(cell);
    if (cells.length > 1 || cells[0] !== "") lines.push(cells);
    cells = [];
    cell = "";
  };
  text = text.replace(/^\uFEFF/, "");
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (quoted && c === '"' && text[i + 1] === '"') { cell += '"'; i++; }
    else if (c === '"' && (quoted || cell === "")) quoted = !quoted;
    else if (quoted) cell += c;
    else if (c === ",") { cells.push(cell); cell = ""; }
    else if (c === "\n") endLine();
    else if (c !== "\r") cell += c;
  }
  if (cell !== "" || cells.length) endLine();
  return lines;
}
