// Files: take them in, look at what is wrong with them, let them go.
import { get, remove, upload } from "/assets/api.js";
import { h, keyed } from "/assets/dom.js";
import { bytes, percent, time } from "/assets/format.js";
import { t } from "/assets/i18n.js";
import { poll } from "/assets/poll.js";
import { button, confirm, download, empty, explain, option, page, toast } from "/assets/ui.js";

const PURPOSES = ["fine-tune", "user_data", "batch", "assistants", "vision"];

/** One file on its way, with how far it is and a way to stop it. */
function sending(file, purpose, signal, arrived) {
  const stop = new AbortController();
  signal.addEventListener("abort", () => stop.abort());
  const bar = h("progress", { max: 1, value: 0, "aria-label": t("files.sending", { name: file.name }) });
  const told = h("span", { role: "status" }, percent(0, 0));
  const line = h("li", { class: "sending" }, h("span", { class: "row-title" }, file.name), bar, told,
    h("button", { class: "button small", type: "button", on: { click: () => stop.abort() } }, t("action.stop")));
  const progress = (share) => {
    bar.value = share;
    told.textContent = percent(share, 0);
  };
  upload(file, purpose, { progress, signal: stop.signal }).then((made) => {
    line.remove();
    toast(t("files.uploaded", { name: made.filename }));
    arrived(made);
  }).catch((error) => {
    if (error.name === "AbortError") return line.remove();
    line.classList.add("bad");
    line.replaceChildren(h("span", { class: "row-title" }, file.name), h("span", { role: "alert" }, explain(error)),
      h("button", { class: "button small", type: "button", on: { click: () => line.remove() } }, t("action.close")));
  });
  return line;
}

function dropZone(signal, arrived) {
  const queue = h("ul", { class: "rows plain", id: "sending" });
  const purpose = h("select", { "aria-label": t("files.purpose") }, PURPOSES.map((name) => option(name)));
  const picker = h("input", { type: "file", multiple: true, id: "picker", class: "visually-hidden" });
  const take = (files) => queue.append(...[...files].map((file) => sending(file, purpose.value, signal, arrived)));
  picker.addEventListener("change", () => {
    take(picker.files);
    picker.value = "";
  });
  const zone = h("div", { class: "drop" },
    h("p", {}, picker, h("label", { class: "button primary", for: "picker" }, t("files.choose")), " ", h("span", { class: "drop-or" }, t("files.drop"))),
    h("p", { class: "help" }, t("files.purpose"), ": ", purpose, " ", t("files.kind")));
  for (const event of ["dragover", "dragleave", "drop"]) {
    zone.addEventListener(event, (dragged) => {
      dragged.preventDefault();
      zone.classList.toggle("over", event === "dragover");
      if (event === "drop") take(dragged.dataTransfer.files);
    });
  }
  // A file that is let go beside the zone must not take the page's place.
  for (const event of ["dragover", "drop"]) addEventListener(event, (dragged) => dragged.preventDefault(), { signal });
  return [zone, queue];
}

export async function deleteFile(file) {
  if (!(await confirm(t("files.delete_title"), t("files.delete_text", { name: file.filename }), t("action.delete")))) return false;
  await remove(`/v1/files/${encodeURIComponent(file.id)}`);
  toast(t("files.deleted", { name: file.filename }));
  return true;
}

export function showFiles({ load, signal }) {
  let files = [], words = "", shown = 100;
  const list = h("ul", { class: "rows", id: "files" });
  const nothing = h("div", {});
  const more = button(t("action.older"), () => { shown += 300; draw(); });

  const row = (file) => h("li", { class: "row" },
    h("a", { class: "row-link", href: `#/files/${encodeURIComponent(file.id)}`, "data-focus": "open" },
      h("span", { class: "row-title" }, file.filename), h("span", { class: "badge calm" }, file.purpose),
      h("span", { class: "row-note" }, bytes(file.bytes), " · ", time(file.created_at))),
    h("div", { class: "actions" },
      button(t("action.download"), () => download(file.id, file.filename), { kind: "small", name: "download" }),
      button(t("action.delete"), async () => { if (await deleteFile(file)) await refresh(); }, { kind: "small", name: "delete" })));

  function draw() {
    const fits = files.filter((file) => !words || `${file.filename} ${file.id} ${file.purpose}`.toLowerCase().includes(words));
    keyed(list, fits.slice(0, shown), (file) => file.id, row);
    more.hidden = fits.length <= shown;
    nothing.replaceChildren(...(files.length === 0 ? [empty(t("files.none"))] : fits.length === 0 ? [empty(t("files.no_match"))] : []));
  }
  async function refresh() {
    files = (await get("/v1/files?limit=10000", { signal })).data;
    draw();
  }
  return load(async () => {
    await refresh();
    poll(refresh, 5000, signal).catch(() => {});
    const search = h("input", { type: "search", "data-search": true, placeholder: t("files.search"), "aria-label": t("files.search"),
      on: { input: (event) => { words = event.target.value.trim().toLowerCase(); draw(); } } });
    return [page(t("nav.files")), dropZone(signal, () => refresh().catch(() => {})), search, list, nothing, more];
  });
}
