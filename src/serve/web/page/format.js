// Numbers, sizes, times as people write them.
import { h } from "/assets/dom.js";
import { language, t } from "/assets/i18n.js";

export const DASH = "–";

export function number(value, digits = 0) {
  if (value === null || value === undefined || !Number.isFinite(Number(value))) return DASH;
  return Number(value).toLocaleString(language(), { maximumFractionDigits: digits });
}

/** Enough digits to see a change, whatever the size. */
export function figure(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return DASH;
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 1e-3 || size >= 1e6) return value.toExponential(2);
  return value.toLocaleString(language(), { maximumSignificantDigits: 4 });
}

export function percent(value, digits = 1) {
  if (value === null || value === undefined || !Number.isFinite(value)) return DASH;
  return `${(value * 100).toLocaleString(language(), { minimumFractionDigits: digits, maximumFractionDigits: digits })}%`;
}

export function bytes(size) {
  const units = ["B", "KiB", "MiB", "GiB"];
  let unit = 0;
  let value = size;
  for (; value >= 1024 && unit + 1 < units.length; unit++) value /= 1024;
  return `${number(value, unit === 0 ? 0 : 1)} ${units[unit]}`;
}

export function duration(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return t("time.seconds", { s });
  if (s < 3600) return t("time.minutes", { m: Math.floor(s / 60), s: s % 60 });
  return t("time.hours", { h: Math.floor(s / 3600), m: Math.floor((s % 3600) / 60) });
}

/** <time> with the moment in the reader's zone; the whole of it in the title. */
export function time(unix) {
  if (!unix) return DASH;
  const date = new Date(unix * 1000);
  const today = new Date().toDateString() === date.toDateString();
  const options = today ? { hour: "2-digit", minute: "2-digit", second: "2-digit" } : { dateStyle: "medium", timeStyle: "short" };
  return h("time", { datetime: date.toISOString(), title: date.toLocaleString(language()) }, date.toLocaleString(language(), options));
}

export function money(value, currency = "USD") {
  if (value === null || value === undefined || !Number.isFinite(Number(value))) return DASH;
  try {
    return Number(value).toLocaleString(language(), { style: "currency", currency, maximumFractionDigits: 4, minimumFractionDigits: 2 });
  } catch {
    return `${number(value, 4)} ${currency}`; // a currency that is no ISO code
  }
}
