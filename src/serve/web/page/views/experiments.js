// A/B experiments: those there are, and a new one.
import { get, post } from "/assets/api.js";
import { h, keyed } from "/assets/dom.js";
import { number, time } from "/assets/format.js";
import { t } from "/assets/i18n.js";
import { poll } from "/assets/poll.js";
import { badge, empty, explain, field, load as loadInto, option, page } from "/assets/ui.js";

const row = (experiment) => h("li", { class: "row" },
  h("a", { class: "row-link", href: `#/experiments/${encodeURIComponent(experiment.id)}`, "data-focus": "open" },
    h("span", { class: "row-title" }, experiment.name), badge(experiment.status),
    h("span", { class: "row-note" }, experiment.variants.map((variant) => variant.name).join(" / "), " · ",
      t("ab.users", { n: number(experiment.variants.reduce((sum, variant) => sum + (variant.users ?? 0), 0)) }), " · ", time(experiment.created_at))));

/** The fields of one variant in the form. */
function variantFields(models, name, model, weight) {
  const controls = { name: h("input", { value: name, required: true, maxlength: 64 }), model: h("select", {}, models.map((one) => option(one.id, one.id, one.id === model))),
    weight: h("input", { type: "number", min: 0, max: 100, step: "any", value: weight, required: true }) };
  return { controls, element: h("fieldset", { class: "grid variant" }, h("legend", {}, name), field(t("ab.variant"), controls.name),
    field(t("job.base"), controls.model), field(t("ab.share"), controls.weight)) };
}

function form(models, signal) {
  const name = h("input", { required: true, maxlength: 64, pattern: "[A-Za-z0-9_.\\-]+", spellcheck: "false" });
  const minimum = h("input", { type: "number", min: 1, step: 1, placeholder: "100" });
  const alpha = h("input", { type: "number", min: 0.0001, max: 0.5, step: "any", placeholder: "0.05" });
  const guard = h("input", { type: "number", min: 0, max: 1000, step: "any", placeholder: "–" });
  const automatic = h("input", { type: "checkbox" }), store = h("input", { type: "checkbox" });
  const variants = [variantFields(models, "control", models[0]?.id, 50), variantFields(models, "treatment", models.at(-1)?.id, 50)];
  const fault = h("p", { class: "notice bad", role: "alert", hidden: true });
  const submit = h("button", { class: "button primary" }, t("ab.create"));
  async function send(event) {
    event.preventDefault();
    submit.disabled = true;
    const total = variants.reduce((sum, one) => sum + Number(one.controls.weight.value), 0) || 1;
    const metrics = [{ name: "positive", kind: "binary" }];
    if (guard.value !== "") metrics.push({ name: "latency_ms", kind: "mean", higher_is_better: false, max_worsening: Number(guard.value) / 100 });
    const asked = { name: name.value, metrics, auto_roll_back: automatic.checked, store: store.checked,
      variants: variants.map(({ controls }) => ({ name: controls.name.value, model: controls.model.value, weight: Number(controls.weight.value) / total })) };
    if (minimum.value) asked.minimum_per_variant = Number(minimum.value);
    if (alpha.value) asked.alpha = Number(alpha.value);
    try {
      const made = await post("/v1/experiments", asked, { signal });
      location.hash = `#/experiments/${encodeURIComponent(made.id)}`;
    } catch (error) {
      if (error.name === "AbortError") return;
      fault.textContent = explain(error);
      fault.hidden = false;
    }
    submit.disabled = false;
  }
  const check = (control, text) => h("label", { class: "check" }, control, h("span", {}, text));
  return h("form", { class: "form", on: { submit: send } }, field(t("ab.name"), name, t("ab.name_help")), variants.map((one) => one.element),
    h("div", { class: "grid" }, field(t("ab.minimum"), minimum), field(t("ab.alpha"), alpha), field(t("ab.guard"), guard, t("ab.guard_help"))),
    check(automatic, t("ab.automatic")), check(store, t("ab.store")), fault, h("div", { class: "actions end" }, submit));
}

export function showExperiments({ load, signal }) {
  const list = h("ul", { class: "rows", id: "experiments" }), nothing = h("div", {});
  async function refresh() {
    const { data } = await get("/v1/experiments?limit=100", { signal });
    keyed(list, data, (experiment) => experiment.id, row);
    nothing.replaceChildren(...(data.length === 0 ? [empty(t("ab.none"))] : []));
  }
  return load(async () => {
    try {
      await refresh();
    } catch (error) {
      if (error.status !== 404) throw error;
      return [page(t("nav.experiments")), empty(t("state.not_available"))];
    }
    poll(refresh, 3000, signal).catch(() => {});
    const place = h("div", {});
    const create = h("details", { class: "card", on: { toggle: (event) => event.target.open && !place.hasChildNodes() &&
      loadInto(place, async () => form((await get("/v1/models", { signal })).data, signal)) } }, h("summary", {}, t("ab.new")), place);
    return [page(t("nav.experiments")), h("p", { class: "lead" }, t("ab.text")), create, list, nothing];
  });
}
