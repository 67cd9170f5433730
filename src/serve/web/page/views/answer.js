// One side of the playground: a conversation with one model, its answers as they come, and what the reader thinks of them.
import { post, stream } from "/assets/api.js";
import { h, icon } from "/assets/dom.js";
import { number } from "/assets/format.js";
import { t } from "/assets/i18n.js";
import { explain, fails, field, toast } from "/assets/ui.js";

/** Thumbs and a better answer, for the answer of the completion `id`. */
function opinions(id) {
  const thumb = (name) => h("button", { class: "thumb", type: "button", "aria-pressed": "false", "aria-label": t(`play.${name}`), title: t(`play.${name}`),
    on: { click: () => send({ thumb: name }, name) } }, icon(name));
  const thumbs = { up: thumb("up"), down: thumb("down") };
  const better = h("textarea", { rows: 2 });
  const correction = h("details", { class: "correction" }, h("summary", {}, t("play.correct")), field(t("play.better"), better),
    h("button", { class: "button small", type: "button", on: { click: () => better.value.trim() && send({ correction: better.value }) } }, t("play.send_correction")));
  let given = {};

  async function send(more, name) {
    try {
      // A second one takes the place of the first, so it says all that was said.
      await post("/v1/feedback", { completion_id: id, choice_index: 0, ...given, ...more });
      given = { ...given, ...more };
      if (name) for (const [one, element] of Object.entries(thumbs)) element.setAttribute("aria-pressed", String(one === name));
      if (more.correction) correction.open = false;
      toast(t("play.thanks"));
    } catch (error) {
      toast(error.status === 404 ? t("play.no_feedback") : explain(error), "bad");
    }
  }
  return h("div", { class: "opinions" }, thumbs.up, thumbs.down, correction);
}

export function side(name, model) {
  let turns = [];
  const log = h("div", { class: "turns", role: "log", "aria-live": "polite", "aria-label": t("play.answers", { name }), tabindex: 0 });
  const nothing = h("p", { class: "note" }, t("play.none"));
  log.append(nothing);
  const element = h("section", { class: `side-panel tone-${name.toLowerCase()}` },
    h("div", { class: "side-head" }, h("span", { class: "side-name", "aria-hidden": "true" }, name), model), log);
  model.setAttribute("aria-label", t("play.model", { name }));

  function meter(started) {
    const told = h("p", { class: "note meter" }, t("play.waiting"));
    let first = 0, pieces = 0;
    return { told,
      piece() {
        first ||= performance.now();
        pieces++;
      },
      end(usage, finish, model_) {
        const tokens = usage?.completion_tokens ?? pieces;
        const seconds = (performance.now() - (first || started)) / 1000;
        told.textContent = [t("play.tokens", { n: number(tokens) }), first && t("play.first", { s: number((first - started) / 1000, 2) }),
          seconds > 0.05 && tokens > 1 && t("play.speed", { n: number((tokens - 1) / seconds, 1) }), finish === "length" && t("play.cut"), model_]
          .filter(Boolean).join(" · ");
      } };
  }

  /** Streams one answer; never throws. */
  async function ask(words, system, settings, signal) {
    nothing.remove();
    const answer = h("div", { class: "turn assistant" }), text = document.createTextNode("");
    const measure = meter(performance.now());
    answer.append(h("p", { class: "said" }, text), measure.told);
    log.append(h("div", { class: "turn user" }, h("p", { class: "said" }, words)), answer);
    log.setAttribute("aria-busy", "true");
    const messages = [...(system.trim() ? [{ role: "system", content: system }] : []), ...turns, { role: "user", content: words }];
    let id = "", usage = null, finish = null, variant = null, frame = 0, whole = "";
    const draw = () => {
      frame = 0;
      const follows = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
      text.data = whole;
      if (follows) log.scrollTop = log.scrollHeight;
    };
    try {
      for await (const piece of stream("/v1/chat/completions", { model: model.value, messages, stream: true, stream_options: { include_usage: true }, ...settings }, { signal })) {
        if (piece.headers) {
          variant = piece.headers.get("x-hone-variant");
          continue;
        }
        id = piece.id;
        usage = piece.usage ?? usage;
        const choice = piece.choices[0];
        finish = choice?.finish_reason ?? finish;
        if (!choice?.delta.content) continue;
        measure.piece();
        whole += choice.delta.content;
        frame ||= requestAnimationFrame(draw);
      }
      turns.push({ role: "user", content: words }, { role: "assistant", content: whole });
    } catch (error) {
      answer.append(error.name === "AbortError" ? h("p", { class: "note" }, t("play.stopped")) : fails(error));
    }
    cancelAnimationFrame(frame);
    draw();
    if (!whole && finish) answer.querySelector(".said").append(h("i", { class: "note" }, t("play.empty")));
    measure.end(usage, finish, variant && t("play.variant", { name: variant }));
    if (id && finish) answer.append(opinions(id));
    log.removeAttribute("aria-busy");
    log.scrollTop = log.scrollHeight;
  }

  return { element, ask, model: () => model.value,
    clear() {
      turns = [];
      log.replaceChildren(nothing);
    } };
}
