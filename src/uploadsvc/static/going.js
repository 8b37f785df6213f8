/*
 * One upload on its way, until it is there: after each break it asks how far it came and goes on.
 *
 * It does not give up while waiting may help. What is refused for good ends it.
 */

import * as tus from "./tus.js";

const FIRST_PAUSE = 1000; // milliseconds, doubled with each try that brings nothing
const LONGEST_PAUSE = 30_000;
const PATIENCE = 30_000; // without a byte going; doubled likewise, for lines that are only slow
const LONGEST_PATIENCE = 300_000;

// Waiting helps: somebody else is at it, too many at once, no room, a server that comes back.
const PASSING = new Set([408, 409, 423, 425, 429, 460, 500, 502, 503, 504, 507]);
export const NOT_THERE = new Set([404, 410]);

/* The file cannot be read any more: it was changed, moved or removed. */
export class Unreadable extends Error {}

export class Going {
  #stopping = new AbortController();
  #isAnew = false;
  #tries = 0;

  address = null;
  offset = 0;
  expires = null; // milliseconds since 1970

  /*
   * Told are `onProgress(offset)`, `onLost(error)` when it has to wait, and
   * `onPlace({ address, offset, expires })` when the server said so.
   */
  constructor(endpoint, file, metadata, { onProgress, onLost, onPlace }) {
    Object.assign(this, { endpoint, file, metadata, onProgress, onLost, onPlace });
  }

  stop() {
    this.#stopping.abort();
  }

  /*
   * Goes on with the upload at `address`, begins one where there is none. Resolves to the
   * service's answer; rejects with `Stopped`, `Refused` or `Unreadable`. To be called once.
   */
  async run({ address, offset, expires }) {
    Object.assign(this, { address, offset, expires });
    const { signal } = this.#stopping;
    for (;;) {
      const before = this.offset;
      try {
        return await this.#send(signal);
      } catch (error) {
        if (signal.aborted) throw new tus.Stopped();
        if (this.offset > before) this.#tries = 0;
        await this.#judge(error);
      }
    }
  }

  async #send(signal) {
    if (!this.address) this.#at(await tus.create(this.endpoint, this.file.size, this.metadata));
    else this.#at(await tus.look(this.address, signal));
    if (signal.aborted) throw new tus.Stopped();
    if (this.offset < this.file.size) {
      const from = this.offset;
      this.#at(await tus.append(this.address, from, this.file.slice(from), {
        signal,
        onProgress: (sent) => this.onProgress(from + sent),
        patience: grown(PATIENCE, this.#tries, LONGEST_PATIENCE),
      }));
    }
    const answer = await tus.outcome(this.address, signal);
    // Without a link it is not stored yet, like for want of room.
    if (!answer.link) throw new tus.Broken();
    return answer;
  }

  #at({ address = this.address, offset, expires }) {
    Object.assign(this, { address, offset, expires: expires ?? this.expires });
    this.onPlace({ address, offset, expires: this.expires });
    this.onProgress(offset);
  }

  /* Waits where that helps, forgets what is not there any more, and else throws. */
  async #judge(error) {
    if (error instanceof tus.Refused && !PASSING.has(error.status)) {
      const mayBeginAnew = this.address && !this.#isAnew && this.offset < this.file.size;
      if (!NOT_THERE.has(error.status) || !mayBeginAnew) throw error;
      this.#isAnew = true;
      Object.assign(this, { address: null, offset: 0, expires: null });
      return;
    }
    if (!(error instanceof tus.Refused || error instanceof tus.Broken)) throw error;
    if (!(await isReadable(this.file, this.offset))) throw new Unreadable();
    // Browsers send a request again by themselves, from its old offset, when its connection breaks.
    if (error.status === 409 && this.#tries++ === 0) return;
    const { signal } = this.#stopping;
    if (!signal.aborted) this.onLost(error);
    await pause(this.#pause(error), signal, {
      isForLine: !error.retryAfter,
      onOffline: () => this.onLost(error), // it was the network, as the browser knows by now
    });
    this.#tries += 1;
  }

  #pause({ retryAfter = 0 }) {
    const usual = grown(FIRST_PAUSE, this.#tries, LONGEST_PAUSE) * (0.75 + Math.random() / 4);
    // Not all at the same moment, who were told the same.
    return retryAfter ? (retryAfter + 3 * Math.random()) * 1000 : usual;
  }
}

function grown(first, tries, most) {
  return Math.min(first * 2 ** Math.min(tries, 20), most);
}

/* A file that was changed on disk breaks a request in the same way as a lost connection does. */
async function isReadable(file, offset) {
  try {
    await file.slice(offset, offset + 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

/* Resolves after so many milliseconds, when the line is back, or when it is stopped. */
function pause(milliseconds, signal, { isForLine, onOffline }) {
  return new Promise((resolve) => {
    const over = new AbortController();
    const end = () => {
      clearTimeout(timer);
      over.abort();
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    const till = { signal: over.signal };
    if (isForLine) window.addEventListener("online", end, till);
    window.addEventListener("offline", onOffline, till);
    signal.addEventListener("abort", end, till);
    if (signal.aborted) end();
  });
}
