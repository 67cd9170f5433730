// Asking again and again: at rest while nobody looks, slower while nobody answers.
import { NetworkError } from "/assets/api.js";

const SLOWEST = 8000;

/** Resolves after `ms`, or rejects when `signal` ends the view. */
export function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(new DOMException("", "AbortError"));
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal.addEventListener("abort", stop, { once: true });
  });
}

function visible(signal) {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve, reject) => {
    document.addEventListener("visibilitychange", resolve, { once: true });
    signal.addEventListener("abort", () => reject(new DOMException("", "AbortError")), { once: true });
  });
}

/**
 * Calls `step` every `ms` until it returns false or `signal` ends it. A network that is lost is tried for ever; any other
 * error is the caller's.
 */
export async function poll(step, ms, signal) {
  let wait = ms;
  for (;;) {
    await pause(wait, signal);
    await visible(signal);
    try {
      if ((await step()) === false) return;
      wait = ms;
    } catch (error) {
      const passes = error instanceof NetworkError || error.status === 429 || error.status >= 500;
      if (!passes) throw error;
      wait = Math.min(SLOWEST, wait * 2);
    }
  }
}
