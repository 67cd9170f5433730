// The language of the page: the browser's, unless the reader chose one.
import { TEXT } from "/assets/text.js";

const KEPT = "hone.language";
const LANGUAGES = ["en", "ko"];

function kept() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null; // a browser that keeps nothing for this page
  }
}

function first() {
  const chosen = kept();
  if (LANGUAGES.includes(chosen)) return chosen;
  return navigator.language?.toLowerCase().startsWith("ko") ? "ko" : "en";
}

let current = first();
document.documentElement.lang = current;

export const language = () => current;

export function setLanguage(name) {
  current = name;
  document.documentElement.lang = name;
  try {
    localStorage.setItem(KEPT, name);
  } catch {
    // Then it lasts as long as the page.
  }
  dispatchEvent(new Event("hone:language"));
}

/** t("nav.jobs"), t("files.uploaded", {name}) */
export function t(key, values = {}) {
  const entry = TEXT[key];
  if (!entry) throw new Error(`no text "${key}"`);
  return entry[LANGUAGES.indexOf(current)].replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/** The text of a word that the API gave, or the word itself where this page does not know it. */
export function word(prefix, name) {
  return TEXT[`${prefix}.${name}`] ? t(`${prefix}.${name}`) : String(name ?? "");
}
