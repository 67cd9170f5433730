// What several views are made of: states of loading, questions before something happens, short notices.
import { ApiError, NetworkError, content } from "/assets/api.js";
import { h, put } from "/assets/dom.js";
import { t, word } from "/assets/i18n.js";

export function explain(error) {
  if (error instanceof NetworkError) return t("error.network");
  if (error instanceof ApiError && error.status === 403) return t("error.role", { message: error.message });
  if (error instanceof ApiError) return error.message;
  return t("error.page", { message: error?.message ?? String(error) });
}

export const fails = (error) => h("p", { class: "notice bad", role: "alert" }, explain(error));
export const empty = (text, ...more) => h("div", { class: "empty" }, h("p", {}, text), more);
export const loading = () => h("p", { class: "loading", role: "status" }, h("span", { class: "spinner", "aria-hidden": "true" }), t("state.loading"));

/** Shows that it loads, then what `make` gives, or (under `title`) why it could not and a way to try again. */
export async function load(root, make, title = "") {
  put(root, loading());
  try {
    put(root, await make());
  } catch (error) {
    if (error.name === "AbortError") return;
    const again = h("button", { class: "button", type: "button", on: { click: () => load(root, make, title) } }, t("action.retry"));
    put(root, title && page(title), h("div", { class: "empty" }, fails(error), again));
    // A way that is lost comes back by itself.
    if (error instanceof NetworkError) addEventListener("hone:connection", () => root.isConnected && load(root, make, title), { once: true });
  }
}

/** Says something that passes; a screen reader hears it. */
export function toast(text, kind = "good") {
  const shown = h("p", { class: `toast ${kind}` }, text);
  document.getElementById("toasts").append(shown);
  setTimeout(() => shown.remove(), 6000);
}

/** Asks before something that cannot be taken back; resolves to whether it shall be. */
export function confirm(title, text, action, dangerous = true) {
  return new Promise((resolve) => {
    const yes = h("button", { class: `button ${dangerous ? "danger" : "primary"}`, value: "yes" }, action);
    const dialog = h("dialog", { class: "dialog", "aria-labelledby": "confirm-title" },
      h("form", { method: "dialog" },
        h("h2", { id: "confirm-title" }, title),
        h("p", {}, text),
        h("div", { class: "actions end" }, h("button", { class: "button", value: "no" }, t("action.back")), yes)));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** A button that does one thing at a time and says what went wrong. */
export function button(label, call, { kind = "", name, disabled } = {}) {
  const element = h("button", { class: `button ${kind}`, type: "button", "data-focus": name, disabled }, label);
  element.addEventListener("click", async () => {
    element.disabled = true;
    element.setAttribute("aria-busy", "true");
    try {
      await call();
    } catch (error) {
      if (error.name !== "AbortError") toast(explain(error), "bad");
    }
    element.disabled = false;
    element.removeAttribute("aria-busy");
  });
  return element;
}

const TONES = { succeeded: "good", running: "busy", queued: "calm", validating_files: "calm", paused: "warm", failed: "bad", cancelled: "calm",
  promoted: "good", rolled_back: "warm", stopped: "calm" };
export const badge = (status) => h("span", { class: `badge ${TONES[status] ?? "calm"}`, "data-status": status }, word("status", status));

/** A definition list; entries without a value are left out. */
export function facts(...entries) {
  return h("dl", { class: "facts" }, entries.filter(([, value]) => value !== null && value !== undefined && value !== "" && value !== false)
    .map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

let fields = 0;
/** A labelled control; `help` is read with it. */
export function field(label, control, help) {
  const id = (control.id ||= `field-${++fields}`);
  if (help) control.setAttribute("aria-describedby", `${id}-help`);
  return h("div", { class: "field" }, h("label", { for: id }, label), control, help && h("p", { class: "help", id: `${id}-help` }, help));
}

export const option = (value, label = value, selected = false) => h("option", { value, selected }, label);

/** A table that can be scrolled sideways where it must, and by keyboard. */
export function table(caption, heads, body) {
  return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
    h("table", {}, h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))), body));
}

/** Saves a file of the server under its name. */
export async function download(id, name) {
  const address = URL.createObjectURL(await content(`/v1/files/${encodeURIComponent(id)}/content`));
  const link = h("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

export const page = (title, ...actions) => h("header", { class: "page-head" }, h("h1", { tabindex: -1 }, title), actions.length > 0 && h("div", { class: "actions" }, actions));
export const copyable = (text) => h("code", { class: "id" }, text);
