// What training and using a model costs by the price table, and when a machine of one's own is cheaper.
import { all, get, post } from "/assets/api.js";
import { h } from "/assets/dom.js";
import { figure, money, number } from "/assets/format.js";
import { t } from "/assets/i18n.js";
import { empty, explain, fails, field, load as loadInto, option, page, table, toast } from "/assets/ui.js";

const OLD_DAYS = 182; // then a line asks to compare the prices

function answer(cost) {
  const currency = cost.prices.currency;
  const of = (list, model) => (list ?? []).find((one) => one.model === model) ?? {};
  const rows = cost.models.map(({ model }) => ({ model, training: of(cost.training, model), use: of(cost.inference, model), even: of(cost.break_even, model) }));
  const heads = [t("cost.model"), t("cost.training"), t("cost.minutes"), t("cost.daily"), t("cost.monthly"), t("cost.yearly")];
  const cells = ({ model, training, use }) => h("tr", {}, h("th", { scope: "row" }, model), h("td", { class: "n" }, money(training.training_cost_usd, currency)),
    h("td", { class: "n" }, number(training.estimated_time_minutes)), ...["daily", "monthly", "yearly"].map((name) => h("td", { class: "n" }, money(use[`${name}_cost_usd`], currency))));
  return h("section", { class: "card" }, table(t("nav.cost"), heads, h("tbody", { id: "sums" }, rows.map(cells))),
    cost.break_even && own(cost, rows, currency),
    h("p", { class: "note" }, t("cost.prices", { date: cost.prices.date, source: cost.prices.source })),
    cost.prices.age_days > OLD_DAYS && h("p", { class: "notice" }, t("cost.old", { n: number(cost.prices.age_days) })));
}

function own(cost, rows, currency) {
  const said = (even) => (even.hardware_is_cheaper ? t("cost.own_cheaper") : t("cost.own_dearer"));
  return [h("h3", {}, t("cost.own")), table(t("cost.own"), [t("cost.model"), t("cost.own_month"), t("cost.provider_month"), t("cost.break_even"), t("cost.pay_back"), ""],
    h("tbody", {}, rows.map(({ model, even }) => h("tr", {}, h("th", { scope: "row" }, model), h("td", { class: "n" }, money(even.hardware_monthly, currency)),
      h("td", { class: "n" }, money(even.api_monthly, currency)), h("td", { class: "n" }, number(even.requests_per_day)), h("td", { class: "n" }, figure(even.months_to_pay_back)), h("td", {}, said(even))))))];
}

/** The fields of the form by their names in the API. */
function form(files, signal, send) {
  const amount = (name, value = "", more = {}) => h("input", { type: "number", inputmode: "decimal", name, value, min: 0, step: 1, ...more });
  const controls = {
    examples: amount("examples", 500), tokens_per_example: amount("tokens_per_example", 500), n_epochs: amount("n_epochs", 3, { min: 1 }),
    requests_per_day: amount("requests_per_day", 10000), input_tokens: amount("input_tokens", 200), output_tokens: amount("output_tokens", 300),
  };
  const machine = Object.fromEntries(["price_per_hour", "watts", "price_per_kwh", "purchase"].map((name) => [name, amount(name, "", { step: "any" })]));
  const speed = amount("answer_tokens_per_second", "", { step: "any" });
  const file = h("select", { on: { change: count } }, option("", t("cost.no_file")), files.map((one) => option(one.id, one.filename)));

  async function count() {
    if (!file.value) return;
    try {
      const found = await get(`/v1/files/${encodeURIComponent(file.value)}/validation?limit=1`, { signal });
      controls.examples.value = found.examples;
      controls.tokens_per_example.value = Math.round(found.tokens.mean);
    } catch (error) {
      if (error.name !== "AbortError") toast(error.status === 404 ? t("state.not_available") : explain(error), "bad");
    }
  }
  const filled = (group) => Object.fromEntries(Object.entries(group).filter(([, control]) => control.value !== "").map(([name, control]) => [name, Number(control.value)]));
  const question = () => ({ ...filled({ ...controls, answer_tokens_per_second: speed }), ...(Object.keys(filled(machine)).length ? { hardware: filled(machine) } : {}) });
  const fields = (group) => Object.entries(group).map(([name, control]) => field(t(`cost.${name}`), control));
  return h("form", { class: "card form", on: { submit: (event) => { event.preventDefault(); send(question()); } } },
    files.length > 0 && field(t("cost.file"), file, t("cost.file_help")),
    h("div", { class: "grid" }, fields(controls)),
    h("details", {}, h("summary", {}, t("cost.own")), h("div", { class: "grid spaced" }, fields({ ...machine, answer_tokens_per_second: speed }))),
    h("div", { class: "actions end" }, h("button", { class: "button primary" }, t("cost.reckon"))));
}

export function showCost({ load, signal }) {
  return load(async () => {
    // A key that may only ask models sees no files: then the numbers are typed.
    const files = await all("/v1/files?purpose=fine-tune", { signal, limit: 1000 }).catch((error) => {
      if (error.status !== 403) throw error;
      return [];
    });
    const result = h("div", { "aria-live": "polite", id: "cost" });
    const send = (question) => loadInto(result, async () => {
      try {
        return answer(await post("/v1/costs", question, { signal }));
      } catch (error) {
        if (!error.status) throw error;
        return error.status === 404 ? empty(t("state.not_available")) : fails(error);
      }
    });
    return [page(t("nav.cost")), h("p", { class: "lead" }, t("cost.text")), form(files, signal, send), result];
  });
}
