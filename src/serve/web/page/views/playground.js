// Two models answer the same words side by side, and the reader says which was good.
import { get } from "/assets/api.js";
import { h } from "/assets/dom.js";
import { t } from "/assets/i18n.js";
import { field, option, page } from "/assets/ui.js";
import { side } from "/assets/views/answer.js";

const KEPT = "hone.playground";

function kept() {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT)) ?? {};
  } catch {
    return {};
  }
}

function settings(before) {
  const number = (name, value, more) => h("input", { type: "number", inputmode: "decimal", name, value: before[name] ?? value, ...more });
  const controls = {
    system: h("textarea", { rows: 2, value: before.system ?? "" }),
    temperature: number("temperature", 1, { min: 0, max: 2, step: "any" }),
    top_p: number("top_p", 1, { min: 0, max: 1, step: "any" }),
    max_tokens: number("max_tokens", 256, { min: 1, step: 1 }),
    seed: number("seed", "", { min: 0, step: 1 }),
    user: h("input", { value: before.user ?? "", spellcheck: "false" }),
    store: h("input", { type: "checkbox", checked: before.store ?? false }),
  };
  const element = h("details", { class: "card settings" }, h("summary", {}, t("play.settings")),
    field(t("play.system"), controls.system),
    h("div", { class: "grid" }, field(t("play.temperature"), controls.temperature), field("top_p", controls.top_p), field(t("play.max_tokens"), controls.max_tokens),
      field(t("job.seed"), controls.seed), field(t("play.user"), controls.user, t("play.user_help"))),
    h("label", { class: "check" }, controls.store, h("span", {}, t("play.store"))));
  const values = () => Object.fromEntries(Object.entries(controls).map(([name, control]) => [name, control.type === "checkbox" ? control.checked : control.value]));
  return { element, values };
}

/** The fields of a request; what is blank is left to the server. */
function requestOf(values) {
  const request = {};
  for (const name of ["temperature", "top_p", "max_tokens", "seed"]) if (values[name] !== "") request[name] = Number(values[name]);
  if (values.user) request.user = values.user;
  if (values.store) request.store = true;
  return request;
}

export function showPlayground({ load, query, signal }) {
  return load(async () => {
    const models = (await get("/v1/models", { signal })).data;
    const before = kept();
    const known = (name) => models.some((model) => model.id === name);
    const first = known(query.get("a")) ? query.get("a") : known(before.a) ? before.a : models[0].id;
    const second = known(query.get("b")) ? query.get("b") : known(before.b) ? before.b : (models.findLast((model) => model.id.startsWith("ft:")) ?? models.at(-1)).id;
    const select = (name, chosen) => h("select", { name }, models.map((model) => option(model.id, model.id, model.id === chosen)));
    const chosen = settings(before);
    const sides = [side("A", select("model-a", first)), side("B", select("model-b", second))];
    const typed = h("textarea", { rows: 3, name: "message", "data-search": true, placeholder: t("play.placeholder"), value: before.message ?? "" });
    const send = h("button", { class: "button primary" }, t("play.send"));
    const stop = h("button", { class: "button", type: "button", hidden: true, on: { click: () => running?.abort() } }, t("action.stop"));
    let running = null;

    function keep() {
      const state = { ...chosen.values(), a: sides[0].model(), b: sides[1].model(), message: typed.value };
      sessionStorage.setItem(KEPT, JSON.stringify(state));
    }
    async function ask(event) {
      event?.preventDefault();
      if (running || !typed.value.trim()) return;
      keep();
      running = new AbortController();
      const ended = AbortSignal.any([running.signal, signal]);
      [send.hidden, stop.hidden] = [true, false];
      const values = chosen.values();
      const words = typed.value;
      typed.value = "";
      await Promise.all(sides.map((one) => one.ask(words, values.system, requestOf(values), ended)));
      running = null;
      [send.hidden, stop.hidden] = [false, true];
    }
    typed.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing) ask();
    });
    addEventListener("keydown", (event) => event.key === "Escape" && running?.abort(), { signal });
    const clear = h("button", { class: "button", type: "button", on: { click: () => { running?.abort(); sides.forEach((one) => one.clear()); typed.focus(); } } }, t("play.clear"));
    return [page(t("nav.playground"), clear),
      h("div", { class: "sides" }, sides.map((one) => one.element)),
      h("form", { class: "card composer", on: { submit: ask } }, field(t("play.message"), typed, t("play.keys")), h("div", { class: "actions end" }, stop, send)),
      chosen.element];
  });
}
