// Starts the page: asks for the key, shows the frame, and brings up the view that the address names.
// Files: api.js (the server), dom.js (elements), i18n.js and text.js (two languages), views/ (one a screen).
import { asksKey, get, isReachable, key, setKey } from "/assets/api.js";
import { h, icon, logo, put } from "/assets/dom.js";
import { language, setLanguage, t } from "/assets/i18n.js";
import { listenToKeys, showHelp } from "/assets/keys.js";
import { explain, field, load } from "/assets/ui.js";
import { VIEWS } from "/assets/views/views.js";

let leave = new AbortController();

function route() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [name, ...rest] = path.split("/").map(decodeURIComponent);
  const fits = VIEWS.find((view) => view.name === (name || "jobs") && rest.length === (view.parts ?? 0));
  return { view: fits ?? VIEWS[0], parts: rest, query: new URLSearchParams(query) };
}

function navigation(current) {
  const entries = VIEWS.filter((view) => view.letter);
  return h("nav", { class: "navigation", "aria-label": t("nav.label") },
    h("ul", {}, entries.map((view) => h("li", {},
      h("a", { href: `#/${view.name}`, "aria-current": view.name === current ? "page" : null, title: `g ${view.letter}` },
        icon(view.name), h("span", {}, t(`nav.${view.name}`)))))));
}

function languages() {
  const other = language() === "ko" ? "en" : "ko";
  return h("button", { class: "quiet", type: "button", lang: other, id: "language", on: { click: () => setLanguage(other) } }, t("language.other"));
}

function tools(signedIn) {
  return h("div", { class: "tools" }, languages(),
    signedIn && h("button", { class: "quiet", type: "button", title: "?", on: { click: showHelp } }, t("help.title")),
    signedIn && asksKey && h("button", { class: "quiet", type: "button", id: "sign-out", on: { click: signOut } }, t("login.out")));
}

const brand = () => h("a", { class: "brand", href: "#/jobs", "aria-label": t("nav.home") }, logo(), "hone");

function frame(...inside) {
  put(document.body,
    h("a", { class: "skip", href: "#main", on: { click: (event) => { event.preventDefault(); document.getElementById("main").focus(); } } }, t("nav.skip")),
    inside,
    h("div", { id: "toasts", role: "status", "aria-live": "polite" }));
}

function connectionNotice() {
  const notice = h("p", { class: "connection", role: "status", id: "connection" });
  notice.hidden = isReachable();
  notice.textContent = isReachable() ? "" : t("error.lost");
  return notice;
}

function show() {
  leave.abort();
  leave = new AbortController();
  const { view, parts, query } = route();
  const main = h("main", { id: "main", tabindex: -1 });
  frame(h("div", { class: "shell" }, h("aside", { class: "side" }, brand(), navigation(view.name), tools(true)),
    h("div", { class: "content" }, connectionNotice(), main)));
  const title = t(view.title ?? `nav.${view.name}`);
  document.title = `${title} · hone`;
  const signal = leave.signal;
  view.show({ root: main, parts, query, signal, load: (make) => load(main, make, title) });
}

function signOut() {
  setKey("");
  leave.abort();
  login();
}

function login(message = "") {
  leave.abort();
  const typed = h("input", { type: "password", autocomplete: "off", spellcheck: "false", required: true, placeholder: "sk-hone-…", name: "key" });
  const fault = h("p", { class: "notice bad", role: "alert", hidden: !message }, message);
  const enter = h("button", { class: "button primary" }, t("login.enter"));
  const submit = async (event) => {
    event.preventDefault();
    setKey(typed.value.trim());
    enter.disabled = true;
    try {
      await get("/v1/models");
      show();
    } catch (error) {
      setKey("");
      fault.textContent = error.status === 401 ? t("login.wrong") : explain(error);
      fault.hidden = false;
      enter.disabled = false;
      typed.focus();
    }
  };
  document.title = "hone";
  frame(h("main", { class: "login", id: "main", tabindex: -1 },
    h("form", { class: "card", on: { submit } }, h("h1", {}, brand()), h("p", {}, t("login.text")),
      field(t("login.key"), typed, t("login.kept")), fault, enter, languages())));
  typed.focus();
}

function begin() {
  if (asksKey && !key()) login();
  else show();
}

addEventListener("hashchange", () => {
  if (asksKey && !key()) return;
  show();
  document.querySelector("main h1")?.focus() ?? document.getElementById("main").focus();
});
addEventListener("hone:language", () => {
  begin();
  document.getElementById("language").focus();
});
addEventListener("hone:unauthorized", () => {
  if (!key()) return;
  setKey("");
  if (!document.querySelector(".login")) login(t("login.refused"));
});
addEventListener("hone:connection", () => {
  const notice = document.getElementById("connection");
  if (notice) notice.replaceWith(connectionNotice());
});
listenToKeys(VIEWS);
begin();
