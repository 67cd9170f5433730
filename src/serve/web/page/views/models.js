// The models that may be asked: the base, and what has been made of it.
import { get, remove } from "/assets/api.js";
import { h, keyed } from "/assets/dom.js";
import { time } from "/assets/format.js";
import { t } from "/assets/i18n.js";
import { poll } from "/assets/poll.js";
import { button, confirm, page, toast } from "/assets/ui.js";

export function showModels({ load, signal }) {
  let models = [], words = "", shown = 100;
  const list = h("ul", { class: "rows", id: "models" });
  const more = button(t("action.older"), () => { shown += 300; draw(); });

  async function drop(model) {
    if (!(await confirm(t("models.delete_title"), t("models.delete_text", { name: model.id }), t("action.delete")))) return;
    await remove(`/v1/models/${encodeURIComponent(model.id)}`);
    toast(t("models.deleted"));
    await refresh();
  }
  const row = (model) => {
    const tuned = model.id.startsWith("ft:") || model.id.includes(":ft-");
    return h("li", { class: "row" },
      h("div", { class: "row-link still" }, h("span", { class: "row-title id" }, model.id),
        h("span", { class: "badge calm" }, t(model.id.includes(":ckpt-step-") ? "models.checkpoint" : tuned ? "models.tuned" : model.owned_by === "hone" ? "models.base" : "models.experiment")),
        h("span", { class: "row-note" }, model.owned_by, " · ", time(model.created))),
      h("div", { class: "actions" }, h("a", { class: "button small", href: `#/playground?b=${encodeURIComponent(model.id)}` }, t("models.try")),
        tuned && button(t("action.delete"), () => drop(model), { kind: "small", name: "delete" })));
  };
  function draw() {
    // The base first, then the newest.
    const fits = [...models.slice(0, 1), ...models.slice(1).reverse()].filter((model) => !words || model.id.toLowerCase().includes(words));
    keyed(list, fits.slice(0, shown), (model) => model.id, row);
    more.hidden = fits.length <= shown;
  }
  async function refresh() {
    models = (await get("/v1/models", { signal })).data;
    draw();
  }
  return load(async () => {
    await refresh();
    poll(refresh, 5000, signal).catch(() => {});
    const search = h("input", { type: "search", "data-search": true, placeholder: t("models.search"), "aria-label": t("models.search"),
      on: { input: (event) => { words = event.target.value.trim().toLowerCase(); draw(); } } });
    return [page(t("nav.models")), search, list, more];
  });
}
