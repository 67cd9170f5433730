// The events of a job: only what is new is asked for, and however many there are, few stand in the page.
import { get } from "/assets/api.js";
import { h, keyed } from "/assets/dom.js";
import { number, time } from "/assets/format.js";
import { t } from "/assets/i18n.js";

const PAGE = 1000, MOST_PAGES = 50, SHOWN = 100;

/** A function that gives the events since its last call, the oldest first; `cut` where the very oldest were left out. */
export function followEvents(path, signal) {
  let newest = "";
  async function begin() {
    const found = [];
    for (let after = "", pages = 0; ; pages++) {
      const page = await get(`${path}/events?limit=${PAGE}${after && `&after=${after}`}`, { signal });
      found.push(...page.data);
      if (!page.has_more || page.data.length === 0) return { events: found.reverse(), cut: false };
      if (pages + 1 === MOST_PAGES) return { events: found.reverse(), cut: true };
      after = page.data.at(-1).id;
    }
  }
  return async function next() {
    let answer;
    if (!newest) {
      answer = await begin();
    } else {
      const events = [];
      for (let after = newest; ; after = events.at(-1).id) {
        const page = await get(`${path}/events?order=asc&limit=${PAGE}&after=${after}`, { signal });
        events.push(...page.data);
        if (!page.has_more || page.data.length === 0) break;
      }
      answer = { events, cut: false };
    }
    newest = answer.events.at(-1)?.id ?? newest;
    return answer;
  };
}

const KINDS = {
  messages: (event) => event.type !== "metrics",
  problems: (event) => event.level !== "info",
  all: () => true,
};

export function eventLog() {
  const events = []; // the oldest first
  let kind = "messages", shown = SHOWN;
  const list = h("ol", { class: "log", role: "log", "aria-live": "polite", "aria-label": t("job.events"), tabindex: 0 });
  const nothing = h("p", { class: "note" }, t("events.none"));
  const count = h("span", { class: "note" });
  const more = h("button", { class: "button small", type: "button", on: { click: () => { shown += 5 * SHOWN; draw(); } } }, t("action.older"));
  const choose = h("select", { "aria-label": t("events.show"), on: { change: (event) => { kind = event.target.value; shown = SHOWN; draw(); } } },
    Object.keys(KINDS).map((name) => h("option", { value: name }, t(`events.${name}`))));

  const line = (event) => h("li", { class: `event ${event.level}` }, time(event.created_at),
    event.level !== "info" && h("span", { class: "level" }, event.level), h("span", {}, event.message));

  function draw() {
    const fitting = events.filter(KINDS[kind]);
    keyed(list, fitting.slice(-shown).reverse(), (event) => event.id, line);
    nothing.hidden = fitting.length > 0;
    more.hidden = fitting.length <= shown;
    count.textContent = t("events.count", { shown: number(Math.min(shown, fitting.length)), all: number(fitting.length) });
  }
  draw();

  return {
    element: h("section", {}, h("div", { class: "section-head" }, h("h2", {}, t("job.events")), choose, count), list, nothing, more),
    add(fresh) {
      events.push(...fresh);
      draw();
    },
  };
}
