// Estimates with their intervals, drawn on one scale: the thick bar holds for one look at a time fixed before, the thin
// line however often one looks.
import { h, svg } from "/assets/dom.js";
import { t } from "/assets/i18n.js";
import { ticks } from "/assets/chart.js";

const ROW = 34, LABEL = 16, BOTTOM = 22, WIDTH = 440;
const known = (value) => value !== null && value !== undefined && Number.isFinite(value);

/**
 * `rows`: [{name, tone, value, interval: [low, high], anytime: [low, high], limit}]; a bound of null is none. `zero` draws
 * the line of no difference.
 */
export function intervals(title, rows, { format, zero = false }) {
  const values = rows.flatMap((row) => [row.value, ...(row.interval ?? []), ...(row.anytime ?? []), row.limit]).filter(known);
  if (values.length === 0) return h("p", { class: "note" }, t("ab.no_data"));
  if (zero) values.push(0);
  let low = Math.min(...values), high = Math.max(...values);
  const room = (high - low || Math.abs(high) || 1) * 0.05;
  [low, high] = [low - room, high + room];
  const x = (value) => 8 + ((value - low) / (high - low)) * (WIDTH - 16);
  const height = rows.length * (ROW + LABEL) + BOTTOM;
  const bottom = height - BOTTOM;
  const span = ([from, to], name, y, thick) => svg("line", { class: name, x1: x(known(from) ? from : low), x2: x(known(to) ? to : high), y1: y, y2: y, "stroke-width": thick });
  const said = (row) => `${row.name}: ${format(row.value)}, ${t("ab.fixed")} ${range(row.interval, format)}, ${t("ab.anytime")} ${range(row.anytime, format)}`;
  const drawn = rows.map((row, i) => {
    const top = i * (ROW + LABEL), y = top + LABEL + ROW / 2 - 4;
    return svg("g", { class: `tone-${row.tone ?? "a"}` },
      svg("text", { class: "bar-name", x: 8, y: top + LABEL - 2 }, row.name),
      row.anytime && span(row.anytime, "anytime", y, 2), row.interval && span(row.interval, "fixed", y, 10),
      known(row.limit) && svg("line", { class: "limit", x1: x(row.limit), x2: x(row.limit), y1: y - 12, y2: y + 12 }),
      known(row.value) && svg("circle", { class: "estimate", cx: x(row.value), cy: y, r: 4.5 }));
  });
  return h("div", { class: "scroll" }, svg("svg", { class: "intervals", viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": `${title}. ${rows.map(said).join("; ")}` },
    ticks(low, high, 5).map((value) => [svg("line", { class: "grid", x1: x(value), x2: x(value), y1: 4, y2: bottom }),
      svg("text", { class: "tick", x: x(value), y: height - 6, "text-anchor": x(value) < 30 ? "start" : x(value) > WIDTH - 30 ? "end" : "middle" }, format(value))]),
    zero && svg("line", { class: "zero", x1: x(0), x2: x(0), y1: 4, y2: bottom }), drawn));
}

export const range = (bounds, format) => (bounds ? `${known(bounds[0]) ? format(bounds[0]) : "−∞"} … ${known(bounds[1]) ? format(bounds[1]) : "∞"}` : "–");
