// The API with the reader's key: plain calls, uploads that tell how far they are, answers in pieces.

const KEPT = "hone.key";
/** False where the service lets everybody in. */
export const asksKey = document.documentElement.dataset.key !== "none";

export class ApiError extends Error {
  constructor(status, error) {
    super(error?.message || `HTTP ${status}`);
    Object.assign(this, { status, code: error?.code ?? null, param: error?.param ?? null });
  }
}
/** No answer at all: the server or the way to it is gone. */
export class NetworkError extends Error {}

export const key = () => sessionStorage.getItem(KEPT) ?? "";
export function setKey(value) {
  if (value) sessionStorage.setItem(KEPT, value);
  else sessionStorage.removeItem(KEPT);
}

let reachable = true;
function reached(now) {
  if (now === reachable) return;
  reachable = now;
  dispatchEvent(new CustomEvent("hone:connection", { detail: now }));
  if (!now) setTimeout(knock, 2000);
}

/** A view that could not be loaded asks for nothing more: somebody must notice that the server is back. */
async function knock() {
  await ask("GET", "/health").catch(() => {});
  if (!reachable) setTimeout(knock, 2000);
}

export const isReachable = () => reachable;

function headers(extra) {
  return { ...(key() ? { authorization: `Bearer ${key()}` } : {}), ...extra };
}

async function fault(response) {
  let error = null;
  try {
    error = (await response.json()).error;
  } catch {
    // An answer of something in between: the status says it all.
  }
  if (response.status === 401) dispatchEvent(new Event("hone:unauthorized"));
  return new ApiError(response.status, error);
}

async function ask(method, path, { body, signal, again = 0 } = {}) {
  let response;
  try {
    response = await fetch(path, {
      method,
      signal,
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
      headers: headers({
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(again ? { "x-stainless-retry-count": again } : {}),
      }),
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    reached(false);
    throw new NetworkError(error.message);
  }
  reached(true);
  if (!response.ok) throw await fault(response);
  return response;
}

async function document_(method, path, options) {
  const response = await ask(method, path, options);
  try {
    return await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new NetworkError(error.message);
  }
}

export const get = (path, options) => document_("GET", path, options);
export const post = (path, body, options) => document_("POST", path, { ...options, body });
export const remove = (path, options) => document_("DELETE", path, options);
export const content = async (path, options) => (await ask("GET", path, options)).blob();

/** A whole list, page after page, as far as `most` entries. */
export async function all(path, { signal, limit = 100, most = 1000 } = {}) {
  const found = [];
  for (let after = ""; found.length < most; ) {
    const page = await get(`${path}${path.includes("?") ? "&" : "?"}limit=${limit}${after && `&after=${encodeURIComponent(after)}`}`, { signal });
    found.push(...page.data);
    if (!page.has_more || page.data.length === 0) break;
    after = page.data.at(-1).id;
  }
  return found;
}

/** What upload() needs of a browser and fetch() does not tell: how much has left. */
export function upload(file, purpose, { progress, signal }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", "/v1/files");
    for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    request.onload = async () => {
      reached(true);
      const response = new Response(request.responseText, { status: request.status });
      if (request.status === 200) resolve(await response.json());
      else reject(await fault(response));
    };
    request.onerror = () => {
      reached(false);
      reject(new NetworkError("upload"));
    };
    request.onabort = () => reject(new DOMException("", "AbortError"));
    signal?.addEventListener("abort", () => request.abort());
    const form = new FormData();
    form.append("purpose", purpose);
    form.append("file", file, file.name);
    request.send(form);
  });
}

/** Documents of a text/event-stream, as they come. The response's headers are the first thing given. */
export async function* stream(path, body, { signal }) {
  const response = await ask("POST", path, { body, signal });
  yield { headers: response.headers };
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) throw new NetworkError("cut off");
      rest += value;
      const blocks = rest.split(/\r?\n\r?\n/);
      rest = blocks.pop();
      for (const block of blocks) {
        const data = block.split(/\r?\n/).filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trimStart()).join("\n");
        if (data === "[DONE]") return;
        if (!data) continue;
        const piece = JSON.parse(data);
        if (piece.error) throw new ApiError(500, piece.error);
        yield piece;
      }
    }
  } catch (error) {
    if (error.name === "AbortError" || error instanceof ApiError || error instanceof SyntaxError) throw error;
    reached(false);
    throw new NetworkError(error.message);
  } finally {
    reader.cancel().catch(() => {});
  }
}
