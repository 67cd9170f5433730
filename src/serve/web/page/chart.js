// Curves over steps as SVG: thinned to the pixels there are, a running mean over the pale values, read by pointer or by
// the arrow keys.
import { h, put, svg } from "/assets/dom.js";
import { figure, number } from "/assets/format.js";
import { t } from "/assets/i18n.js";

const HEIGHT = 220, LEFT = 50, RIGHT = 10, TOP = 10, BOTTOM = 26;
const NOISY = 40; // points, from which on a mean is drawn over the values

/** Round values within [low, high], about `count` of them. */
export function ticks(low, high, count) {
  const raw = (high - low) / count;
  if (!(raw > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((f) => f * power).find((s) => s >= raw);
  const found = [];
  for (let i = Math.ceil(low / step); i * step <= high + step * 1e-9; i++) found.push(i * step || 0); // never -0
  return found;
}

/** Of more points than twice the pixels, the lowest and the highest of each pixel: no peak is lost. */
export function thin(points, pixels) {
  if (points.length <= 2 * pixels) return points;
  const size = points.length / pixels;
  const kept = [];
  for (let i = 0; i < pixels; i++) {
    const part = points.slice(Math.floor(i * size), Math.floor((i + 1) * size));
    let low = 0, high = 0;
    part.forEach(([, y], at) => {
      if (y < part[low][1]) low = at;
      if (y > part[high][1]) high = at;
    });
    for (const at of [...new Set([Math.min(low, high), Math.max(low, high)])]) kept.push(part[at]);
  }
  return kept;
}

/** Exponential mean without the pull of its start; about as many points count as a fortieth of the curve. */
export function smooth(points) {
  const keep = 1 - 1 / Math.max(4, points.length / 40);
  let sum = 0, weight = 0;
  return points.map(([x, y]) => {
    sum = keep * sum + (1 - keep) * y;
    weight = keep * weight + (1 - keep);
    return [x, sum / weight];
  });
}

function nearest(points, x) {
  let low = 0, high = points.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle][0] < x) low = middle + 1;
    else high = middle;
  }
  return low > 0 && x - points[low - 1][0] < points[low][0] - x ? low - 1 : low;
}

/**
 * `series`: [{name, tone: "a" | "b", dots}]. update([points of each], {last}) draws [[step, value], …] up to the step `last`.
 */
export function chart(title, series, { format = figure } = {}) {
  const canvas = svg("svg", { class: "plot", tabindex: 0, role: "img", height: HEIGHT });
  const values = series.map(() => h("b", {}, "–"));
  const readout = h("output", { class: "readout", "aria-live": "polite" });
  const element = h("figure", { class: "chart" },
    h("figcaption", {}, h("h3", {}, title),
      h("ul", { class: "legend" }, series.map((one, i) => h("li", { class: `tone-${one.tone}` }, one.name, " ", values[i])))),
    canvas, readout);
  let data = series.map(() => []), last = 0, cursor = null, frame = 0;

  function scale() {
    const all = data.flat();
    let low = Math.min(...all.map((p) => p[1])), high = Math.max(...all.map((p) => p[1]));
    const room = (high - low || Math.abs(high) || 1) * 0.06;
    const first = Math.min(...all.map((p) => p[0]));
    [low, high] = [low >= 0 ? Math.max(0, low - room) : low - room, high + room];
    const width = Math.max(240, canvas.clientWidth || 600);
    const end = Math.max(last, first + 1, ...all.map((p) => p[0]));
    return { width, low, high, first, end,
      x: (step) => LEFT + ((step - first) / (end - first)) * (width - LEFT - RIGHT),
      y: (value) => TOP + (1 - (value - low) / (high - low)) * (HEIGHT - TOP - BOTTOM) };
  }

  function grid(s) {
    const rows = ticks(s.low, s.high, 5).map((value) => [
      svg("line", { class: "grid", x1: LEFT, x2: s.width - RIGHT, y1: s.y(value), y2: s.y(value) }),
      svg("text", { class: "tick", x: LEFT - 8, y: s.y(value) + 4, "text-anchor": "end" }, format(value))]);
    const columns = ticks(s.first, s.end, Math.max(2, Math.floor(s.width / 75))).filter(Number.isInteger).map((step) =>
      svg("text", { class: "tick", x: s.x(step), y: HEIGHT - 6, "text-anchor": s.x(step) > s.width - 30 ? "end" : "middle" }, number(step)));
    return [rows, columns];
  }

  function curve(points, one, s) {
    if (points.length === 0) return [];
    const path = (some) => thin(some, s.width - LEFT - RIGHT).map(([x, y], i) => `${i ? "L" : "M"}${s.x(x).toFixed(1)} ${s.y(y).toFixed(1)}`).join("");
    const noisy = !one.dots && points.length > NOISY;
    const dots = one.dots || points.length === 1 ? points.slice(-200).map(([x, y]) => svg("circle", { class: `dot tone-${one.tone}`, cx: s.x(x), cy: s.y(y), r: 3 })) : [];
    return [svg("path", { class: `curve tone-${one.tone}${noisy ? " raw" : ""}`, d: path(points) }),
      noisy && svg("path", { class: `curve tone-${one.tone}`, d: path(smooth(points)) }), dots];
  }

  function mark(s) {
    if (cursor === null) return [];
    return [svg("line", { class: "cursor", x1: s.x(cursor), x2: s.x(cursor), y1: TOP, y2: HEIGHT - BOTTOM }),
      data.map((points, i) => points.length ? points[nearest(points, cursor)] : null).map((point, i) =>
        point && point[0] === cursor ? svg("circle", { class: `dot big tone-${series[i].tone}`, cx: s.x(point[0]), cy: s.y(point[1]), r: 4.5 }) : null)];
  }

  function tell() {
    if (cursor === null) return put(readout);
    const parts = data.map((points, i) => {
      const point = points.length ? points[nearest(points, cursor)] : null;
      return point && point[0] === cursor ? `${series[i].name} ${format(point[1])}` : null;
    });
    put(readout, [t("chart.step", { step: number(cursor) }), ...parts.filter(Boolean)].join(" · "));
  }

  function draw() {
    frame = 0;
    if (!data.some((points) => points.length)) {
      canvas.setAttribute("aria-label", `${title}: ${t("chart.none")}`);
      return put(canvas, svg("text", { class: "tick", x: "50%", y: "50%", "text-anchor": "middle" }, t("chart.none")));
    }
    const s = scale();
    put(canvas, grid(s), data.map((points, i) => curve(points, series[i], s)), mark(s));
    values.forEach((value, i) => (value.textContent = data[i].length ? format(data[i].at(-1)[1]) : "–"));
    canvas.setAttribute("aria-label", `${title}. ${series.map((one, i) => `${one.name}: ${values[i].textContent}`).join(", ")}. ${t("chart.keys")}`);
    tell();
  }
  const soon = () => (frame ||= requestAnimationFrame(draw));

  function move(to) {
    const points = data.reduce((longest, one) => (one.length > longest.length ? one : longest), []);
    if (points.length === 0) return;
    cursor = to === null ? null : points[Math.max(0, Math.min(points.length - 1, to(points)))][0];
    soon();
  }
  canvas.addEventListener("pointermove", (event) => {
    const s = scale();
    const x = s.first + ((event.clientX - canvas.getBoundingClientRect().left - LEFT) / (s.width - LEFT - RIGHT)) * (s.end - s.first);
    move((points) => nearest(points, x));
  });
  canvas.addEventListener("pointerleave", () => move(null));
  canvas.addEventListener("blur", () => move(null));
  canvas.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20 }[event.key];
    const ends = { Home: () => 0, End: (points) => points.length - 1 }[event.key];
    if (!steps && !ends) return;
    event.preventDefault();
    move(ends ?? ((points) => (cursor === null ? points.length - 1 : nearest(points, cursor) + steps)));
  });
  new ResizeObserver(soon).observe(canvas);

  return {
    element,
    update(points, settings = {}) {
      data = points;
      last = settings.last ?? 0;
      soon();
    },
  };
}
