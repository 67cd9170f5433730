// One job: what it is, its curves and its events while they come in, what may be done with it.
import { get, post } from "/assets/api.js";
import { chart } from "/assets/chart.js";
import { h, put } from "/assets/dom.js";
import { duration, figure, number, percent, time } from "/assets/format.js";
import { t } from "/assets/i18n.js";
import { poll } from "/assets/poll.js";
import { badge, button, confirm, copyable, download, facts, page, table } from "/assets/ui.js";
import { eventLog, followEvents } from "/assets/views/events.js";
import { isFinal, jobTitle } from "/assets/views/jobs.js";

const fileLink = (id) => id && h("a", { href: `#/files/${encodeURIComponent(id)}` }, copyable(id));
const tryLink = (model) => h("a", { class: "button small", href: `#/playground?b=${encodeURIComponent(model)}` }, t("models.try"));

function hyperparameters(job) {
  const values = job.method[job.method.type]?.hyperparameters ?? job.hyperparameters;
  return h("ul", { class: "chips" }, Object.entries(values).map(([name, value]) => h("li", {}, h("span", {}, name), " ", h("b", {}, String(value)))));
}

function about(job) {
  const metadata = Object.entries(job.metadata ?? {});
  return facts(
    [t("job.model"), job.fine_tuned_model && [copyable(job.fine_tuned_model), " ", tryLink(job.fine_tuned_model)]],
    [t("job.base"), copyable(job.model)],
    [t("job.method"), t(`method.${job.method.type}`)],
    [t("job.hyperparameters"), hyperparameters(job)],
    [t("job.training_file"), fileLink(job.training_file)],
    [t("job.validation_file"), fileLink(job.validation_file)],
    [t("job.results"), job.result_files.length > 0 && job.result_files.map((id) =>
      button(t("job.download_results"), () => download(id, `${job.id}.csv`), { kind: "small" }))],
    [t("job.tokens"), job.trained_tokens !== null && number(job.trained_tokens)],
    [t("job.created"), time(job.created_at)],
    [t("job.finished"), job.finished_at && [time(job.finished_at), ` (${duration(job.finished_at - job.created_at)})`]],
    [t("job.expected"), !isFinal(job) && job.estimated_finish && time(job.estimated_finish)],
    [t("job.seed"), String(job.seed)],
    [t("job.id"), copyable(job.id)],
    [t("job.metadata"), metadata.length > 0 && h("ul", { class: "chips" }, metadata.map(([name, value]) => h("li", {}, h("span", {}, name), " ", h("b", {}, String(value)))))]);
}

function checkpoints(list) {
  if (list.length === 0) return null;
  return h("section", {}, h("h2", {}, t("job.checkpoints")),
    table(t("job.checkpoints"), [t("job.step"), t("job.train_loss"), t("job.valid_loss"), t("job.model"), ""],
      h("tbody", {}, list.map((one) => h("tr", {},
        h("td", { class: "n" }, number(one.step_number)), h("td", { class: "n" }, figure(one.metrics.train_loss)), h("td", { class: "n" }, figure(one.metrics.full_valid_loss)),
        h("td", {}, copyable(one.fine_tuned_model_checkpoint)), h("td", {}, tryLink(one.fine_tuned_model_checkpoint)))))));
}

function curves() {
  const two = () => [{ name: t("job.train"), tone: "a" }, { name: t("job.valid"), tone: "b", dots: true }];
  const loss = chart(t("job.loss"), two());
  const accuracy = chart(t("job.accuracy"), two(), { format: (value) => percent(value) });
  const rate = chart(t("job.learning_rate"), [{ name: t("job.learning_rate"), tone: "a" }]);
  rate.element.hidden = true;
  const points = { train_loss: [], full_valid_loss: [], train_mean_token_accuracy: [], full_valid_mean_token_accuracy: [], learning_rate: [] };
  let last = 0;
  return {
    element: h("div", { class: "charts" }, loss.element, accuracy.element, rate.element),
    /** Metrics in ascending order of steps, all later than those before. */
    add(metrics) {
      for (const { data } of metrics) {
        last = data.total_steps ?? last;
        for (const [name, line] of Object.entries(points)) if (Number.isFinite(data[name])) line.push([data.step, data[name]]);
      }
      loss.update([points.train_loss, points.full_valid_loss], { last });
      accuracy.update([points.train_mean_token_accuracy, points.full_valid_mean_token_accuracy], { last });
      rate.element.hidden = points.learning_rate.length === 0;
      rate.update([points.learning_rate], { last });
    },
  };
}

export function showJob({ load, parts: [id], signal }) {
  const path = `/v1/fine_tuning/jobs/${encodeURIComponent(id)}`;
  let job = null;
  const head = h("div", {}), fault = h("div", {}), progress = h("div", { class: "job-progress" }), details = h("div", {}), models = h("div", {});
  const plots = curves();
  const log = eventLog();

  async function act(what, ask) {
    if (ask && !(await confirm(t(`job.${what}_title`), t(`job.${what}_text`), t(`job.${what}`), what === "cancel"))) return;
    set(await post(`${path}/${what}`, undefined, { signal }));
  }
  const actions = () => [
    ["running", "queued"].includes(job.status) && button(t("job.pause"), () => act("pause", true), { name: "pause" }),
    job.status === "paused" && button(t("job.resume"), () => act("resume", false), { name: "resume", kind: "primary" }),
    !isFinal(job) && button(t("job.cancel"), () => act("cancel", true), { name: "cancel", kind: "danger" }),
    isFinal(job) && h("a", { class: "button", href: `#/new?like=${encodeURIComponent(job.id)}` }, t("job.again"))].filter(Boolean);

  function set(now) {
    const changed = JSON.stringify(now) !== JSON.stringify(job);
    const moved = now.status !== job?.status;
    job = now;
    if (!changed) return;
    if (moved) {
      const focused = head.contains(document.activeElement);
      put(head, page([jobTitle(job), " ", badge(job.status)], ...actions()));
      if (focused) head.querySelector("h1").focus();
      document.title = `${jobTitle(job)} · hone`;
    }
    put(fault, job.error?.message && h("div", { class: "notice bad", role: "alert" }, h("b", {}, t("job.failed")), " ", job.error.message,
      job.error.code && h("div", { class: "note" }, copyable(job.error.code))));
    put(details, about(job));
  }

  function tellProgress(events) {
    const data = events.findLast((event) => event.type === "metrics")?.data;
    if (!data?.total_steps) return;
    put(progress, h("progress", { max: data.total_steps, value: data.step, "aria-label": t("job.progress") }),
      h("span", {}, t("job.step_of", { step: number(data.step), total: number(data.total_steps) })));
  }

  function add(events) {
    if (events.length === 0) return;
    plots.add(events.filter((event) => event.type === "metrics"));
    log.add(events);
    tellProgress(events);
  }

  async function showCheckpoints() {
    const { data } = await get(`${path}/checkpoints?limit=100`, { signal });
    put(models, checkpoints(data));
  }

  return load(async () => {
    set(await get(path, { signal }));
    const follow = followEvents(path, signal);
    const first = await follow();
    add(first.events);
    await showCheckpoints();
    if (!isFinal(job)) {
      poll(async () => {
        // The job first: what ends it has its events already.
        set(await get(path, { signal }));
        const { events } = await follow();
        add(events);
        if (events.some((event) => event.message.startsWith("Checkpoint created"))) await showCheckpoints();
        return !isFinal(job);
      }, 1000, signal).catch(() => {});
    }
    return [head, fault, progress, plots.element, h("p", { class: "note under" }, t("chart.mean")), first.cut && h("p", { class: "note" }, t("job.cut")),
      h("section", {}, h("h2", {}, t("job.about")), details), models, log.element];
  });
}
