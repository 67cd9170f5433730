// Elements without markup: text that comes from anywhere can only ever become text.

const SVG = "http://www.w3.org/2000/svg";
const PROPERTIES = new Set(["value", "checked", "disabled", "selected", "hidden", "open", "indeterminate"]);

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") for (const [event, call] of Object.entries(value)) element.addEventListener(event, call);
    else if (PROPERTIES.has(name)) element[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** h("a", {href, class, on: {click}}, "text", child, …) */
export function h(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

export function put(parent, ...children) {
  parent.replaceChildren(...children.flat(Infinity).filter(Boolean));
  return parent;
}

/**
 * Makes the children of `parent` those of `items`, keeping each element whose item is as it was: focus, selection and
 * scroll positions survive a refresh.
 */
export function keyed(parent, items, keyOf, make) {
  const known = parent.keyedRows ?? new Map();
  const next = new Map();
  let before = null;
  for (const item of items) {
    const key = keyOf(item);
    const text = JSON.stringify(item);
    const old = known.get(key);
    const row = old && old.text === text ? old : { text, element: make(item) };
    if (old && old !== row) {
      const inside = old.element.contains(document.activeElement) ? document.activeElement.dataset.focus : undefined;
      old.element.replaceWith(row.element);
      if (inside) row.element.querySelector(`[data-focus="${inside}"]`)?.focus();
    }
    const place = before ? before.nextSibling : parent.firstChild;
    if (row.element !== place) parent.insertBefore(row.element, place);
    before = row.element;
    next.set(key, row);
  }
  for (const [key, row] of known) if (!next.has(key)) row.element.remove();
  parent.keyedRows = next;
}

const ICONS = {
  jobs: "M3 17l5-6 4 4 8-10",
  files: "M6 3h8l5 5v13H6zM14 3v5h5",
  models: "M12 3l8 4.5v9L12 21l-8-4.5v-9zM4 7.5l8 4.5 8-4.5M12 12v9",
  playground: "M4 5h16v11H9l-5 4z",
  experiments: "M9 3v6l-5 10a1.5 1.5 0 0 0 1.4 2h13.2a1.5 1.5 0 0 0 1.4-2L15 9V3M7 3h10M7 15h10",
  cost: "M12 3v18M16.5 7.5C16 6 14.500 5 12 5 9.500 5 7.500 6.200 7.500 8.500c0 5 9 2 9 7 0 2.300-2 3.500-4.500 3.500s-4.200-1-4.700-2.700",
  up: "M7 11v9H4v-9zM7 11l4-8c1.500 0 2.500 1 2.300 2.500L12.800 9H19c1.200 0 2 1 1.800 2.200l-1.300 7c-.2 1-1 1.800-2 1.800H7",
  down: "M17 13V4h3v9zM17 13l-4 8c-1.500 0-2.500-1-2.300-2.500l.5-3.500H5c-1.200 0-2-1-1.800-2.200l1.300-7C4.700 4.800 5.500 4 6.500 4H17",
};

export function icon(name) {
  return svg("svg", { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true" }, svg("path", { d: ICONS[name] }));
}

export function logo() {
  return svg("svg", { viewBox: "0 0 32 32", width: 26, height: 26, "aria-hidden": "true" }, svg("rect", { width: 32, height: 32, rx: 8, fill: "#2b5f75" }),
    svg("path", { d: "M7 9c4 0 4 14 9 14s5-9 9-9", fill: "none", stroke: "#fff", "stroke-width": 3, "stroke-linecap": "round" }));
}
