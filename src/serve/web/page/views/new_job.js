// A form for a job. What the server refuses stands beside the field that it names.
import { NetworkError, all, get, post } from "/assets/api.js";
import { h } from "/assets/dom.js";
import { bytes } from "/assets/format.js";
import { t } from "/assets/i18n.js";
import { empty, explain, field, option, page } from "/assets/ui.js";

const number = (name, settings) => h("input", { type: "number", inputmode: "decimal", name, placeholder: "auto", ...settings });
const choice = (name, options) => h("select", { name }, options);

/** The job whose settings the form begins with. */
async function like(query, signal) {
  if (!query.get("like")) return null;
  return get(`/v1/fine_tuning/jobs/${encodeURIComponent(query.get("like"))}`, { signal }).catch(() => null);
}

export function showNewJob({ load, query, signal }) {
  return load(async () => {
    const [files, models, model] = await Promise.all([all("/v1/files?purpose=fine-tune", { signal, limit: 1000 }), get("/v1/models", { signal }), like(query, signal)]);
    if (files.length === 0) return [page(t("new.title")), empty(t("new.no_files"), h("a", { class: "button primary", href: "#/files" }, t("nav.files")))];
    return [page(t("new.title")), form(files, models.data, model, query, signal)];
  });
}

function form(files, models, before, query, signal) {
  const fileOptions = (chosen) => files.map((file) => option(file.id, `${file.filename} (${bytes(file.bytes)})`, file.id === chosen));
  const given = before ? before.method[before.method.type]?.hyperparameters ?? {} : {};
  const start = (name) => (typeof given[name] === "number" ? given[name] : "");
  const controls = {
    training_file: choice("training_file", fileOptions(query.get("file") ?? before?.training_file)),
    validation_file: choice("validation_file", [option("", t("new.no_validation")), ...fileOptions(before?.validation_file)]),
    model: choice("model", models.map((one) => option(one.id, one.id, one.id === before?.model))),
    suffix: h("input", { name: "suffix", maxlength: 64, pattern: "[A-Za-z0-9_\\-]*", value: before?.suffix ?? "", spellcheck: "false" }),
    n_epochs: number("n_epochs", { min: 1, max: 50, step: 1, value: start("n_epochs") }),
    batch_size: number("batch_size", { min: 1, max: 256, step: 1, value: start("batch_size") }),
    learning_rate_multiplier: number("learning_rate_multiplier", { min: 0, max: 10000, step: "any", value: start("learning_rate_multiplier") }),
    beta: number("beta", { min: 0, max: 2, step: "any", value: start("beta") }),
    seed: number("seed", { min: 0, max: 2147483647, step: 1, placeholder: "" }),
  };
  const methods = ["supervised", "dpo"].map((name) => h("label", { class: "choice" },
    h("input", { type: "radio", name: "method", value: name, checked: (before?.method.type ?? "supervised") === name, on: { change: adapt } }),
    h("span", {}, h("b", {}, t(`method.${name}`)), h("small", {}, t(`new.${name}`)))));
  const method = () => element.querySelector("input[name=method]:checked").value;
  const beta = field("beta", controls.beta, t("new.beta"));
  const fault = h("p", { class: "notice bad", role: "alert", hidden: true });
  const submit = h("button", { class: "button primary" }, t("new.create"));
  const element = h("form", { class: "card form", on: { submit: send } },
    field(t("job.training_file"), controls.training_file), field(t("job.validation_file"), controls.validation_file, t("new.validation_help")),
    field(t("job.base"), controls.model, t("new.model_help")),
    h("fieldset", { class: "choices" }, h("legend", {}, t("job.method")), methods),
    field(t("new.suffix"), controls.suffix, t("new.suffix_help")),
    h("fieldset", { class: "grid" }, h("legend", {}, t("job.hyperparameters")),
      field(t("new.n_epochs"), controls.n_epochs), field(t("new.batch_size"), controls.batch_size),
      field(t("new.learning_rate_multiplier"), controls.learning_rate_multiplier), beta, field(t("job.seed"), controls.seed)),
    fault, h("div", { class: "actions end" }, h("a", { class: "button", href: "#/jobs" }, t("action.back")), submit));
  adapt();

  function adapt() {
    if (element) beta.hidden = method() !== "dpo";
  }
  function body() {
    const type = method();
    const names = ["n_epochs", "batch_size", "learning_rate_multiplier", ...(type === "dpo" ? ["beta"] : [])];
    const values = Object.fromEntries(names.filter((name) => controls[name].value !== "").map((name) => [name, Number(controls[name].value)]));
    const asked = { model: controls.model.value, training_file: controls.training_file.value, method: { type, [type]: { hyperparameters: values } } };
    for (const name of ["validation_file", "suffix"]) if (controls[name].value) asked[name] = controls[name].value;
    if (controls.seed.value !== "") asked.seed = Number(controls.seed.value);
    return asked;
  }

  function tell(error) {
    for (const control of Object.values(controls)) control.removeAttribute("aria-invalid");
    fault.textContent = explain(error);
    fault.hidden = false;
    const control = controls[error.param?.split(".").at(-1)];
    control?.setAttribute("aria-invalid", "true");
    control?.focus();
  }

  let lost = ""; // what was sent without an answer: sent again, it must not become a second job
  async function send(event) {
    event.preventDefault();
    submit.disabled = true;
    const asked = body();
    try {
      const job = await post("/v1/fine_tuning/jobs", asked, { signal, again: lost === JSON.stringify(asked) ? 1 : 0 });
      location.hash = `#/jobs/${encodeURIComponent(job.id)}`;
    } catch (error) {
      if (error.name === "AbortError") return;
      lost = error instanceof NetworkError ? JSON.stringify(asked) : "";
      tell(error);
    }
    submit.disabled = false;
  }
  return element;
}
