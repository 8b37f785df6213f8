/*
 * What the browser keeps of unfinished uploads: the facts of each, and its file where that may be.
 *
 * Where the browser keeps nothing (some private windows), everything still works, but an upload
 * ends with its page.
 */

const LARGEST = 500e6; // bytes of one file; the browser copies it
const MOST = 2e9; // bytes of all of them
const LONGEST = 86_400_000; // milliseconds, for what was not begun

export class Kept {
  #database;
  #held = new Map(); // id -> bytes that this page knows to be kept

  /* `name` tells the uploads of this service from those of others at the same origin. */
  constructor(name) {
    this.#database = open(name).catch(() => null);
  }

  /* Resolves to [{ facts, file }], in the order in which they came; what is over is forgotten. */
  async all() {
    const records = (await this.#do(["facts"], "readonly", ([facts]) => facts.getAll())) ?? [];
    const alive = [];
    for (const facts of records.sort((one, other) => one.added - other.added)) {
      if ((facts.expires ?? facts.added + LONGEST) < Date.now()) await this.forget(facts.id);
      else alive.push({ facts, file: await this.#file(facts.id) });
    }
    return alive;
  }

  /* Resolves to { facts, file }, or to nothing when it is forgotten. */
  async one(id) {
    const facts = await this.#do(["facts"], "readonly", ([facts]) => facts.get(id));
    return facts && { facts, file: await this.#file(id) };
  }

  async note(facts) {
    return (await this.#do(["facts"], "readwrite", ([store]) => store.put(facts))) !== undefined;
  }

  /* Resolves to whether the file will still be there when the page is opened again. */
  async hold(id, file) {
    const others = [...this.#held.values()].reduce((sum, size) => sum + size, 0);
    if (file.size > LARGEST || others + file.size > MOST) return false;
    this.#held.set(id, file.size);
    const put = await this.#do(["files"], "readwrite", ([files]) => files.put(file, id));
    if (put === undefined) this.#held.delete(id);
    return put !== undefined;
  }

  async forget(id) {
    this.#held.delete(id);
    await this.#do(["facts", "files"], "readwrite", ([facts, files]) => {
      files.delete(id);
      return facts.delete(id);
    });
  }

  async #file(id) {
    const file = await this.#do(["files"], "readonly", ([files]) => files.get(id));
    if (file) this.#held.set(id, file.size);
    return file ?? null;
  }

  /* Resolves to the result of the request once it is on disk; to undefined when that failed. */
  async #do(names, mode, deed) {
    const database = await this.#database;
    if (!database) return undefined;
    return new Promise((resolve) => {
      try {
        const transaction = database.transaction(names, mode);
        const request = deed(names.map((name) => transaction.objectStore(name)));
        transaction.oncomplete = () => resolve(request.result);
        transaction.onabort = () => resolve(undefined);
      } catch {
        resolve(undefined); // closed, full, or the file cannot be cloned
      }
    });
  }
}

function open(name) {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("facts", { keyPath: "id" });
      request.result.createObjectStore("files");
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("another page holds it"));
  });
}
