/*
 * Takes files from a person, sends a few at a time, and shows what became of each.
 *
 * Text from outside (names, links, sentences of errors) is only ever text: it goes through
 * textContent and checked addresses, never through markup. Nothing is kept in the browser.
 */

import { problemInWords, sizeInWords, whenGone } from "./words.js";

const AT_ONCE = 3; // uploads that run side by side; the others wait their turn
const PREVIEW_SIDE = 256; // pixels; shown at about a third of that, sharp on any screen
const PREVIEW_RETRIES = [2000, 6000]; // milliseconds; a busy service makes it a little later

const { send, preview, maxUpload } = document.body.dataset;
const byId = (id) => document.getElementById(id);
const [zone, chooser, list, news] = ["zone", "files", "list", "news"].map(byId);

const items = new Map(); // list element -> Item, in the order they came
const queue = [];
let sending = 0;

/* Ways in: the chooser, dropping anywhere, pasting anywhere. */

chooser.addEventListener("change", () => {
  add([...chooser.files]);
  chooser.value = ""; // so that the same file can be chosen again
});

const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");

for (const kind of ["dragenter", "dragover"]) {
  document.addEventListener(kind, (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    zone.classList.add("over");
  });
}
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) zone.classList.remove("over"); // left the window
});
document.addEventListener("drop", (event) => {
  zone.classList.remove("over");
  if (!carriesFiles(event)) return;
  event.preventDefault();
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.());
  const folders = entries.filter((entry) => entry?.isDirectory);
  add([...event.dataTransfer.files], folders.map((folder) => folder.name));
});
document.addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files ?? [])];
  if (files.length) add(files);
});

window.addEventListener("beforeunload", (event) => {
  if (sending) event.preventDefault(); // the browser asks whether to leave
});

function add(files, folders = []) {
  const fresh = files.map((file) => new Item(file));
  if (fresh.length > 1) news.textContent = `${fresh.length} files added`;
  list.prepend(...fresh.map((item) => item.node));
  for (const item of fresh) {
    items.set(item.node, item);
    const refusal = whyNot(item.file, folders);
    if (refusal) item.fail(refusal, { state: "refused" });
    else item.wait();
  }
  tell();
}

function whyNot(file, folders) {
  if (folders.includes(file.name)) return "Folders cannot be sent. Open it and choose its files.";
  const largest = Number(maxUpload);
  return file.size > largest && `This file is too large. The limit is ${sizeInWords(largest)}.`;
}

/* One file on its way. Its state is in `data-state`; the style sheet shows what belongs to it. */

class Item {
  constructor(file) {
    this.file = file;
    this.node = byId("item").content.firstElementChild.cloneNode(true);
    this.part("progress").setAttribute("aria-label", `Upload of ${file.name}`);
    this.part(".size").textContent = sizeInWords(file.size);
    this.called(file.name);
    this.part(".cancel").addEventListener("click", () => this.cancel());
    this.part(".again").addEventListener("click", () => this.wait());
    this.part(".remove").addEventListener("click", () => this.remove());
    this.part(".copy").addEventListener("click", () => showCopied(this.part(".says"), this.link));
  }

  part(selector) {
    return this.node.querySelector(selector);
  }

  get state() {
    return this.node.dataset.state;
  }

  called(name) {
    this.name = name;
    this.part("bdi").textContent = name;
    this.part(".badge").textContent = /\.([a-z0-9]{1,4})$/i.exec(name)?.[1].toUpperCase() ?? "FILE";
    for (const button of this.node.querySelectorAll("button .unseen")) button.textContent = ` ${name}`;
  }

  become(state, words = "") {
    const held = this.node.contains(document.activeElement);
    this.node.dataset.state = state;
    this.part(".state").textContent = words && ` · ${words}`;
    if (held && !document.activeElement.getClientRects().length) {
      // The focused button went away: the keyboard goes on where it was.
      firstButton(this.node)?.focus();
    }
    tell();
  }

  wait() {
    this.part("progress").value = 0;
    queue.push(this);
    this.become("waiting", "waiting");
    sendNext();
  }

  start() {
    const form = new FormData();
    form.append("file1", this.file);
    const request = (this.request = new XMLHttpRequest());
    request.upload.onprogress = ({ loaded, total }) => this.progress(loaded / total);
    request.onload = () => this.answered(request);
    request.onerror = () => this.fail(
      navigator.onLine ? "The connection broke off, or the file could not be read." : "There is no network connection.",
    );
    request.onloadend = () => this.ended();
    request.open("POST", send);
    request.setRequestHeader("Accept", "application/json");
    sending += 1;
    this.become("sending", "0 %");
    request.send(form);
  }

  ended() {
    sending -= 1;
    sendNext();
  }

  progress(share) {
    if (this.state !== "sending") return;
    this.part("progress").value = share;
    this.part(".state").textContent = share < 1 ? ` · ${Math.floor(share * 100)} %` : " · finishing";
  }

  answered(request) {
    const answer = readJson(request.responseText);
    if (request.status === 201 && /^https?:\/\//.test(answer?.link)) this.done(answer);
    else this.fail(problemInWords(request, answer));
  }

  done({ link, name, size, type, expires }) {
    this.link = link;
    this.expires = new Date(expires);
    this.called(name); // as it is stored, which may be a little different
    this.part(".size").textContent = sizeInWords(size);
    for (const anchor of this.node.querySelectorAll("a")) anchor.href = link;
    this.part(".link").textContent = link.replace(/^https?:\/\//, "");
    this.showExpiry();
    if (type?.startsWith("image/")) this.showPreview(PREVIEW_RETRIES);
    this.become("done");
    news.textContent = `${this.name} is uploaded`;
  }

  showPreview([pause, ...later]) {
    const image = new Image();
    const query = new URLSearchParams({ x: PREVIEW_SIDE, y: PREVIEW_SIDE, addr: this.link });
    image.alt = "";
    image.onload = () => this.part(".thumb").append(image);
    image.onerror = () => pause && setTimeout(() => this.showPreview(later), pause);
    image.src = `${preview}?${query}`;
  }

  showExpiry() {
    if (Number.isNaN(this.expires.valueOf())) return;
    const time = this.part(".expiry time");
    time.dateTime = this.expires.toISOString();
    time.title = this.expires.toLocaleString();
    time.textContent = whenGone(this.expires, new Date());
  }

  cancel() {
    const index = queue.indexOf(this);
    if (index >= 0) queue.splice(index, 1);
    this.become("cancelled", "cancelled");
    this.request?.abort();
    news.textContent = `${this.name} is cancelled`;
  }

  /* A refused file may not be tried again: the answer would be the same. */
  fail(sentence, { state = "failed" } = {}) {
    this.part(".problem").textContent = sentence;
    this.become(state, "not uploaded");
    news.textContent = `${this.name} is not uploaded. ${sentence}`;
  }

  remove() {
    const next = this.node.nextElementSibling ?? this.node.previousElementSibling;
    items.delete(this.node);
    this.node.remove();
    tell();
    (firstButton(next) ?? chooser).focus();
  }
}

function firstButton(node) {
  return [...(node?.querySelectorAll("button") ?? [])].find((button) => button.getClientRects().length);
}

function sendNext() {
  while (sending < AT_ONCE && queue.length) queue.shift().start();
}

/* What holds for all of them. */

const inState = (...states) => [...items.values()].filter((item) => states.includes(item.state));

function tell() {
  const done = inState("done").length;
  const running = inState("waiting", "sending").length;
  document.body.classList.toggle("filled", items.size > 0);
  byId("uploads").hidden = !items.size;
  byId("count").textContent = running ? `${done} of ${items.size} uploaded` : "";
  byId("copy-all").hidden = done < 2;
  byId("again-all").hidden = inState("failed").length < 2;
}

byId("copy-all").addEventListener("click", ({ currentTarget }) => {
  const done = [...list.children].map((node) => items.get(node)).filter((item) => item.link);
  showCopied(currentTarget, done.map((item) => item.link).join("\n"));
});
byId("again-all").addEventListener("click", () => {
  for (const item of inState("failed")) item.wait();
});
setInterval(() => inState("done").forEach((item) => item.showExpiry()), 30_000);

/* Copies, and says so on the button for a moment. */
async function showCopied(label, text) {
  const before = label.dataset.words ?? (label.dataset.words = label.textContent);
  const copied = await copy(text);
  label.textContent = copied ? "Copied" : "Not copied";
  news.textContent = copied ? "Copied" : "The browser did not allow copying";
  clearTimeout(Number(label.dataset.timer));
  label.dataset.timer = setTimeout(() => (label.textContent = before), 2500);
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Browsers have no clipboard API on plain http: the old way does it there.
    const focused = document.activeElement;
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "unseen";
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    focused?.focus();
    return copied;
  }
}

function readJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
