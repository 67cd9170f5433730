// Keyboard shortcuts, and the list of them under "?".
import { h } from "/assets/dom.js";
import { t } from "/assets/i18n.js";

const isTyping = (element) => element.closest?.("input, textarea, select, [contenteditable]") !== null;
let prefix = 0; // when "g" was pressed

let letters = [];

export function showHelp() {
  if (document.querySelector("dialog[open]")) return;
  const rows = [...letters.map(([letter, name]) => [`g ${letter}`, t(`nav.${name}`)]), ["n", t("new.title")], ["/", t("help.search")],
    ["Ctrl Enter", t("help.send")], ["Esc", t("help.escape")], ["← →", t("help.chart")], ["?", t("help.title")]];
  const dialog = h("dialog", { class: "dialog", "aria-labelledby": "help-title" },
    h("form", { method: "dialog" },
      h("h2", { id: "help-title" }, t("help.title")),
      h("dl", { class: "shortcuts" }, rows.map(([keys, what]) => h("div", {}, h("dt", {}, keys.split(" ").map((one) => h("kbd", {}, one))), h("dd", {}, what)))),
      h("div", { class: "actions end" }, h("button", { class: "button primary" }, t("action.close")))));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || isTyping(event.target)) return;
  if (document.querySelector("dialog[open]") || document.querySelector(".login")) return;
  if (event.key === "?") return showHelp();
  if (event.key === "n") return void (location.hash = "#/new");
  if (event.key === "/") {
    const search = document.querySelector("[data-search]");
    if (search) event.preventDefault();
    return search?.focus();
  }
  if (event.key === "g") return void (prefix = event.timeStamp);
  const view = letters.find(([letter]) => letter === event.key);
  if (view && event.timeStamp - prefix < 1500) location.hash = `#/${view[1]}`;
  prefix = 0;
}

export function listenToKeys(views) {
  letters = views.filter((view) => view.letter).map((view) => [view.letter, view.name]);
  addEventListener("keydown", pressed);
}
