// One file: what it is, and what a job would say of its lines.
import { get } from "/assets/api.js";
import { h, put } from "/assets/dom.js";
import { bytes, number, time } from "/assets/format.js";
import { t, word } from "/assets/i18n.js";
import { button, copyable, download, facts, fails, loading, page, table } from "/assets/ui.js";
import { deleteFile } from "/assets/views/files.js";

function findings(title, list, total, open) {
  if (!list?.length) return null;
  const where = (one) => [one.path, one.code].filter(Boolean).map((text) => h("div", {}, copyable(text)));
  const name = `${title} (${number(total)})`;
  return h("details", { open }, h("summary", {}, name), table(title, [t("validation.line"), t("validation.code"), t("validation.message"), t("validation.fix")],
    h("tbody", {}, list.map((one) => h("tr", {}, h("td", { class: "n" }, one.line ? number(one.line) : ""), h("td", {}, where(one)), h("td", {}, one.message), h("td", {}, one.fix ?? ""))))),
  total > list.length && h("p", { class: "note" }, t("validation.more", { n: number(total - list.length) })));
}

function validation(found) {
  const tokens = found.tokens;
  const auto = Object.entries(found.hyperparameters ?? {});
  return [
    h("p", { class: `notice ${found.valid ? "good" : "bad"}`, role: "status", id: "verdict" },
      found.valid ? t("validation.good", { n: number(found.examples) }) : t("validation.bad", { n: number(found.faults_total) })),
    facts([t("validation.method"), found.method && word("method", found.method)],
      [t("validation.examples"), number(found.examples)],
      [t("validation.tokens"), tokens && t("validation.token_text", { total: number(tokens.total), mean: number(tokens.mean, 1), max: number(tokens.max) })],
      [t("validation.truncated", { max: number(found.max_length) }), found.truncated > 0 && number(found.truncated)],
      [t("validation.auto"), auto.length > 0 && h("ul", { class: "chips" }, auto.map(([name, value]) => h("li", {}, h("span", {}, name), " ", h("b", {}, String(value)))))]),
    findings(t("validation.faults"), found.faults, found.faults_total, true),
    findings(t("validation.warnings"), found.warnings, found.warnings_total, false)];
}

async function showValidation(root, id, signal) {
  put(root, loading());
  try {
    put(root, validation(await get(`/v1/files/${encodeURIComponent(id)}/validation`, { signal })));
  } catch (error) {
    if (error.name === "AbortError") return;
    put(root, error.status === 404 ? h("p", { class: "note" }, t("state.not_available")) : fails(error));
  }
}

export function showFile({ load, parts: [id], signal }) {
  return load(async () => {
    const file = await get(`/v1/files/${encodeURIComponent(id)}`, { signal });
    document.title = `${file.filename} · hone`;
    const checked = h("div", { class: "stack" });
    const trains = file.purpose === "fine-tune";
    if (trains) showValidation(checked, id, signal);
    return [
      page(file.filename,
        trains && h("a", { class: "button primary", href: `#/new?file=${encodeURIComponent(id)}` }, t("files.train")),
        button(t("action.download"), () => download(id, file.filename)),
        button(t("action.delete"), async () => { if (await deleteFile(file)) location.hash = "#/files"; }, { kind: "danger" })),
      facts([t("files.size"), bytes(file.bytes)], [t("files.purpose"), file.purpose], [t("job.created"), time(file.created_at)],
        [t("files.expires"), file.expires_at && time(file.expires_at)], [t("job.id"), copyable(file.id)]),
      trains && h("section", {}, h("h2", {}, t("validation.title")), checked)];
  });
}
