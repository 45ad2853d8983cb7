/* Finding and making elements of a page. */

export const byId = (id) => document.getElementById(id);

export function element(name, properties = {}, parent = null) {
  const made = Object.assign(document.createElement(name), properties);
  parent?.append(made);
  return made;
}

export function svgElement(name, attributes, parent) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  parent.append(made);
  return made;
}

/* list: [value, text] of each option. */
export function fillSelect(select, list, value) {
  select.replaceChildren(...list.map(([key, text]) => new Option(text, key)));
  select.value = value;
}

/* The value of a colour of look.css, such as "--above": a canvas takes no variables. */
export const colour = (name) =>
  getComputedStyle(document.documentElement).getPropertyValue(name).trim();
