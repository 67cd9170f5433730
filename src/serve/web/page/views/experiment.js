// One experiment: what it says so far, how sure that is, and who is answered by whom from now on.
import { get, post, remove } from "/assets/api.js";
import { h, put } from "/assets/dom.js";
import { figure, number, percent, time } from "/assets/format.js";
import { intervals, range } from "/assets/intervals.js";
import { language, t, word } from "/assets/i18n.js";
import { poll } from "/assets/poll.js";
import { badge, button, confirm, copyable, explain, facts, fails, field, option, page, table, toast } from "/assets/ui.js";

const TONE = { winner: "good", roll_back: "bad", invalid: "bad" };
const signed = (text, value) => (value > 0 ? `+${text}` : text);
const metricOf = (statistics, name) => statistics.metrics?.find((metric) => metric.name === name) ?? {};

function verdict(statistics) {
  return h("div", { class: `notice ${TONE[statistics.verdict] ?? "calm"}`, role: "status", id: "verdict" },
    h("b", {}, word("verdict", statistics.verdict), statistics.winner ? `: ${statistics.winner}` : ""), " ", statistics.reason);
}

/** Each variant's own figure of a metric, then each treatment's difference from the control. */
function metricSection(statistics, name) {
  const binary = metricOf(statistics, name).kind === "binary";
  const format = binary ? (value) => percent(value) : figure;
  const lift = (value) => signed(percent(value), value);
  const estimates = Object.entries(statistics.variants).map(([variant, one], i) => ({ variant, i, found: one.metrics?.[name] })).filter((one) => one.found);
  const effects = Object.entries(statistics.treatments ?? {}).map(([treatment, one]) => ({ treatment, effect: one.effects?.[name], guard: one.guard_rails?.[name] })).filter((one) => one.effect);
  if (estimates.length === 0) return null;
  const byLift = effects.length > 0 && effects.every((one) => one.effect.lift);
  const shown = (one) => (byLift ? one.effect.lift : { value: one.effect.difference, interval: one.effect.interval, interval_anytime: one.effect.interval_anytime });
  const change = byLift ? lift : (value) => signed(figure(value), value);
  return h("section", { class: "card metric" }, h("h3", {}, word("metric", name), " ", effects.filter((one) => one.guard).map((one) =>
    h("span", { class: `badge ${one.guard.state === "breached" ? "bad" : one.guard.state === "safe" ? "good" : "calm"}` }, t("ab.guard_state", { name: one.treatment, state: t(`guard.${one.guard.state}`) })))),
    intervals(word("metric", name), estimates.map((one) => ({ name: `${one.variant}: ${format(one.found.mean)}`, tone: one.i === 0 ? "a" : "b",
      value: one.found.mean, interval: one.found.interval, anytime: one.found.interval_anytime })), { format }),
    effects.length > 0 && [h("h4", {}, t(byLift ? "ab.lift" : "ab.difference")),
      intervals(t("ab.difference"), effects.map((one) => ({ name: `${one.treatment}: ${change(shown(one).value)}`, tone: "b", value: shown(one).value, interval: shown(one).interval,
        anytime: shown(one).interval_anytime, limit: byLift ? one.guard?.limit : null })), { format: change, zero: true })],
    h("details", {}, h("summary", {}, t("ab.figures")), table(word("metric", name), [t("ab.variant"), "n", t("ab.mean"), t("ab.fixed"), t("ab.anytime"), "p", t("ab.p_anytime")],
      h("tbody", {}, estimates.map((one) => {
        const effect = effects.find((other) => other.treatment === one.variant)?.effect;
        return h("tr", {}, h("th", { scope: "row" }, one.variant), h("td", { class: "n" }, number(one.found.count)), h("td", { class: "n" }, format(one.found.mean)),
          h("td", { class: "n" }, range(one.found.interval, format)), h("td", { class: "n" }, range(one.found.interval_anytime, format)),
          h("td", { class: "n" }, figure(effect?.p_value)), h("td", { class: "n" }, figure(effect?.p_value_anytime)));
      })))));
}

const legend = () => h("ul", { class: "legend" }, h("li", { class: "key-fixed" }, t("ab.fixed_long")), h("li", { class: "key-anytime" }, t("ab.anytime_long")));

function results(statistics) {
  const names = [...new Set(Object.values(statistics.variants).flatMap((one) => Object.keys(one.metrics ?? {})))];
  return [verdict(statistics), statistics.split?.mismatch && h("p", { class: "notice bad", role: "alert" }, t("ab.mismatch", { p: figure(statistics.split.p_value_anytime) })),
    legend(), h("div", { class: "metrics" }, names.map((name) => metricSection(statistics, name)))];
}

function shares(experiment, change) {
  const controls = experiment.variants.map((variant) => ({ variant, control: h("input", { type: "number", min: 0, max: 100, step: "any", value: Number((variant.weight * 100).toFixed(3)), required: true }) }));
  const fault = h("p", { class: "notice bad", role: "alert", hidden: true });
  async function send(event) {
    event.preventDefault();
    const total = controls.reduce((sum, one) => sum + Number(one.control.value), 0);
    try {
      if (Math.abs(total - 100) > 0.01) throw new Error(t("ab.sum", { n: number(total, 2) }));
      await change({ weights: Object.fromEntries(controls.map((one) => [one.variant.name, Number(one.control.value) / 100])) });
      toast(t("ab.reweighted"));
    } catch (error) {
      fault.textContent = error.status ? explain(error) : error.message;
      fault.hidden = false;
    }
  }
  return h("form", { class: "form inline", on: { submit: send } }, h("p", { class: "help" }, t("ab.weights_help")),
    h("div", { class: "grid" }, controls.map((one) => field(`${one.variant.name} (%)`, one.control))), fault,
    h("div", { class: "actions" }, h("button", { class: "button" }, t("ab.reweight"))));
}

function dataset(experiment) {
  const format = h("select", {}, ["sft", "dpo", "kto"].map((name) => option(name, t(`ab.${name}`))));
  const told = h("p", { role: "status" });
  const make = button(t("ab.make_file"), async () => {
    const made = await post("/v1/feedback/datasets", { format: format.value, experiment: experiment.name });
    put(told, t("ab.made", { n: number(made.rows) }), " ", made.file && h("a", { href: `#/files/${encodeURIComponent(made.file.id)}` }, made.file.filename));
  });
  return h("div", { class: "form inline" }, field(t("ab.dataset"), format, t("ab.dataset_help")), h("div", { class: "actions" }, make), told);
}

export function showExperiment({ load, parts: [id], signal }) {
  const path = `/v1/experiments/${encodeURIComponent(id)}`;
  const head = h("div", {}), outcome = h("div", { class: "stack" }), variants = h("div", {}), details = h("div", {}), history = h("div", {}), more = h("div", { class: "halves" });
  let shown = "";

  const act = (what, body, text) => async () => {
    if (!(await confirm(t(`ab.${what}`), text, t(`ab.${what}`), what !== "resume"))) return;
    await post(`${path}/${what}`, body, { signal });
    await refresh();
  };
  async function drop(experiment) {
    if (!(await confirm(t("ab.delete"), t("ab.delete_text", { name: experiment.name }), t("action.delete")))) return;
    await remove(path, { signal });
    location.hash = "#/experiments";
  }
  function set(experiment) {
    if (JSON.stringify(experiment) === shown) return;
    const before = shown && JSON.parse(shown);
    shown = JSON.stringify(experiment);
    const running = experiment.status === "running";
    if (!before || before.status !== experiment.status) {
      put(head, page([experiment.name, " ", badge(experiment.status)],
        running && button(t("ab.roll_back"), act("roll_back", {}, t("ab.roll_back_text", { name: experiment.variants[0].name })), { name: "roll_back" }),
        running && button(t("ab.stop"), act("stop", {}, t("ab.stop_text"))),
        !running && button(t("ab.resume"), act("resume", {}, t("ab.resume_text")), { kind: "primary" }),
        button(t("action.delete"), () => drop(experiment), { kind: "danger" })));
    }
    put(variants, table(t("ab.variants"), [t("ab.variant"), t("job.base"), t("ab.share"), t("ab.user_count"), t("ab.requests"), ""],
      h("tbody", {}, experiment.variants.map((variant, i) => h("tr", {}, h("th", { scope: "row" }, variant.name, i === 0 && h("span", { class: "note" }, ` ${t("ab.control")}`)),
        h("td", {}, copyable(variant.model)), h("td", { class: "n" }, percent(variant.weight)), h("td", { class: "n" }, number(variant.users)), h("td", { class: "n" }, number(variant.requests)),
        h("td", {}, experiment.promoted === variant.name ? badge("promoted") : button(t("ab.promote"), act("promote", { variant: variant.name }, t("ab.promote_text", { name: variant.name })), { kind: "small" })))))));
    put(details, facts([t("ab.model_name"), copyable(experiment.name)], [t("ab.minimum"), number(experiment.minimum_per_variant)], [t("ab.alpha"), figure(experiment.alpha)],
      [t("ab.automatic"), t(experiment.auto_roll_back ? "word.yes" : "word.no")], [t("ab.store"), t(experiment.store ? "word.yes" : "word.no")], [t("job.created"), time(experiment.created_at)], [t("job.id"), copyable(experiment.id)]));
    put(history, experiment.history?.length > 0 && h("section", {}, h("h2", {}, t("ab.history")), h("ol", { class: "log" }, experiment.history.map((entry) =>
      h("li", { class: "event" }, time(entry.at), h("b", {}, word("history", entry.what)), h("span", {}, [entry.by, entry.reason].filter(Boolean).join(" · ")))))));
    // A form that somebody types into stays as it is.
    if (!before || JSON.stringify(before.variants.map((v) => v.weight)) !== JSON.stringify(experiment.variants.map((v) => v.weight)))
      put(more, h("section", { class: "card" }, h("h2", {}, t("ab.weights")), shares(experiment, async (body) => set(await post(path, body, { signal })))),
        h("section", { class: "card" }, h("h2", {}, t("ab.feedback")), dataset(experiment)));
  }
  let known = "";
  async function refresh() {
    const experiment = await get(path, { signal });
    set(experiment);
    try {
      const statistics = await get(`${path}/statistics?language=${language()}`, { signal });
      if (JSON.stringify(statistics) === known) return;
      known = JSON.stringify(statistics);
      put(outcome, results(statistics));
    } catch (error) {
      if (!error.status) throw error;
      put(outcome, fails(error));
    }
  }
  return load(async () => {
    await refresh();
    poll(refresh, 3000, signal).catch(() => {});
    return [head, outcome, h("section", {}, h("h2", {}, t("ab.variants")), variants), more,
      h("section", {}, h("h2", {}, t("job.about")), details), history];
  });
}
