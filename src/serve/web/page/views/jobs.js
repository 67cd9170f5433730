// All jobs, the newest first, as they are now.
import { get } from "/assets/api.js";
import { h, keyed } from "/assets/dom.js";
import { number, time } from "/assets/format.js";
import { t } from "/assets/i18n.js";
import { poll } from "/assets/poll.js";
import { badge, button, empty, page } from "/assets/ui.js";

const PAGE = 50;
export const isFinal = (job) => ["succeeded", "failed", "cancelled"].includes(job.status);
export const jobTitle = (job) => job.suffix || job.id;

function row(job) {
  const { step, total } = job.progress ?? {};
  return h("li", { class: "row" },
    h("a", { class: "row-link", href: `#/jobs/${encodeURIComponent(job.id)}`, "data-focus": "open" },
      h("span", { class: "row-title" }, jobTitle(job)),
      badge(job.status),
      h("span", { class: "row-note" }, job.model, " · ", t(`method.${job.method.type}`), " · ", time(job.created_at))),
    total && h("div", { class: "row-progress" },
      h("progress", { max: total, value: step, "aria-label": t("job.progress") }),
      h("span", {}, `${number(step)} / ${number(total)}`)));
}

/** A running job does not say how far it is; its newest event does. */
async function withProgress(job, signal) {
  if (job.status !== "running") return job;
  const { data } = await get(`/v1/fine_tuning/jobs/${encodeURIComponent(job.id)}/events?limit=5`, { signal });
  const metrics = data.find((event) => event.type === "metrics");
  return metrics ? { ...job, progress: { step: metrics.data.step, total: metrics.data.total_steps } } : job;
}

export function showJobs({ load, signal }) {
  const known = new Map(); // by id, the newest first
  let more = false;
  let words = "";
  const list = h("ul", { class: "rows", id: "jobs" });
  const older = button(t("action.older"), async () => {
    await fetchPage([...known.keys()].at(-1));
    draw();
  });
  const nothing = h("div", {});

  async function fetchPage(after = "") {
    const found = await get(`/v1/fine_tuning/jobs?limit=${PAGE}${after && `&after=${encodeURIComponent(after)}`}`, { signal });
    const jobs = await Promise.all(found.data.map((job) => withProgress(job, signal)));
    if (after || known.size <= PAGE) more = found.has_more;
    const before = after ? [...known] : [];
    const rest = after ? [] : [...known].filter(([id]) => !jobs.some((job) => job.id === id));
    known.clear();
    for (const [id, job] of [...before, ...jobs.map((job) => [job.id, job]), ...rest]) known.set(id, job);
  }

  function draw() {
    const fits = (job) => !words || `${job.id} ${job.suffix ?? ""} ${job.model} ${job.status} ${job.fine_tuned_model ?? ""}`.toLowerCase().includes(words);
    const shown = [...known.values()].filter(fits);
    keyed(list, shown, (job) => job.id, row);
    older.hidden = !more;
    nothing.replaceChildren(...(known.size === 0 ? [empty(t("jobs.none"), h("a", { class: "button primary", href: "#/new" }, t("new.title")))]
      : shown.length === 0 ? [empty(t("jobs.no_match"))] : []));
  }

  return load(async () => {
    await fetchPage();
    draw();
    poll(async () => {
      await fetchPage();
      draw();
    }, 2000, signal).catch(() => {});
    const search = h("input", { type: "search", "data-search": true, placeholder: t("jobs.search"), "aria-label": t("jobs.search"),
      on: { input: (event) => { words = event.target.value.trim().toLowerCase(); draw(); } } });
    return [page(t("nav.jobs"), h("a", { class: "button primary", href: "#/new" }, t("new.title"))), search, list, nothing, older];
  });
}
