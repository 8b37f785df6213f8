/*
 * tus 1.0.0 as far as the page needs it: one request each, without memory and without patience.
 *
 * Each promise is rejected with `Refused` when the server said no, with `Broken` when nobody
 * answered, and with `Stopped` when the signal was given.
 */

const ANSWER_TIME = 30_000; // milliseconds until a small request counts as lost
const FINISHING = 4; // times the patience for what is sent, on its way, and not on disk yet
const OUTCOME_TIME = 600_000; // the server may read the whole file once more

export class Refused extends Error {
  constructor(request) {
    super(`the server answered ${request.status}`);
    this.status = request.status;
    this.detail = readJson(request.responseText)?.detail;
    this.retryAfter = Number(request.getResponseHeader("Retry-After")) || 0; // seconds
  }
}
export class Broken extends Error {}
export class Stopped extends Error {}

/* Begins an upload; resolves to where it is and how it stands. Cannot be stopped half-way. */
export async function create(endpoint, size, metadata) {
  const request = await ask("POST", endpoint, {
    headers: { "Upload-Length": size, "Upload-Metadata": encode(metadata) },
    time: ANSWER_TIME,
  });
  const location = request.getResponseHeader("Location");
  if (!location) throw new Refused(request);
  const address = new URL(location, request.responseURL).href;
  return { ...standing(request, { offset: 0 }), address };
}

/* Asks how an upload stands. */
export async function look(address, signal) {
  return standing(await ask("HEAD", address, { signal, time: ANSWER_TIME }));
}

/*
 * Sends bytes, all that are left. `onProgress` is called with how many of them are on their way;
 * when none went for `patience` milliseconds, the connection counts as lost.
 */
export async function append(address, offset, bytes, { signal, onProgress, patience }) {
  const headers = { "Upload-Offset": offset, "Content-Type": "application/offset+octet-stream" };
  return standing(await ask("PATCH", address, { headers, bytes, signal, onProgress, patience }));
}

/* Resolves to what the service tells of an upload that is whole. */
export async function outcome(address, signal) {
  const headers = { Accept: "application/json" };
  const request = await ask("GET", `${address}/info`, { headers, signal, time: OUTCOME_TIME });
  return readJson(request.responseText) ?? {};
}

/* Removes an upload, or whatever else is at an address of ours. */
export async function remove(address) {
  await ask("DELETE", address, { time: ANSWER_TIME });
}

function ask(method, address, { headers, bytes, signal, time = 0, onProgress, patience }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const stop = () => request.abort();
    const watch = patience && watchdog(stop, patience);
    if (signal?.aborted) return reject(new Stopped());
    signal?.addEventListener("abort", stop);
    request.onloadend = () => {
      watch?.end();
      signal?.removeEventListener("abort", stop);
      if (request.status >= 200 && request.status < 300) resolve(request);
      else if (signal?.aborted) reject(new Stopped());
      else reject(request.status ? new Refused(request) : new Broken());
    };
    request.upload.onprogress = ({ loaded }) => {
      watch?.again(patience);
      onProgress?.(loaded);
    };
    request.upload.onload = () => watch?.again(FINISHING * patience);
    request.open(method, address);
    request.timeout = time;
    const all = { "Tus-Resumable": "1.0.0", Accept: "application/json", ...headers };
    for (const [name, value] of Object.entries(all)) request.setRequestHeader(name, String(value));
    request.send(bytes);
  });
}

function watchdog(bark, patience) {
  let timer = setTimeout(bark, patience);
  const end = () => clearTimeout(timer);
  const again = (longer) => {
    end();
    timer = setTimeout(bark, longer);
  };
  return { again, end };
}

function standing(request, otherwise = {}) {
  const offset = request.getResponseHeader("Upload-Offset");
  const expires = Date.parse(request.getResponseHeader("Upload-Expires") ?? "");
  if (offset === null && otherwise.offset === undefined) throw new Refused(request);
  return {
    offset: offset === null ? otherwise.offset : Number(offset),
    expires: Number.isNaN(expires) ? null : expires,
  };
}

/* Values are base64 of their UTF-8 (tus, Creation); those that say nothing are left out. */
function encode(metadata) {
  return Object.entries(metadata)
    .filter(([, value]) => value)
    .map(([key, value]) => `${key} ${base64(String(value))}`)
    .join(",");
}

function base64(text) {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

function readJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
