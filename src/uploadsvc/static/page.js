/*
 * Takes files from a person, sends a few at a time, and shows what became of each.
 *
 * What is unfinished goes on when the page is opened again.
 */

import { announce, firstButton, showCopied } from "./card.js";
import { Item } from "./item.js";
import { Kept } from "./kept.js";
import { sizeInWords } from "./words.js";

const AT_ONCE = 3; // uploads that run side by side; the others wait their turn

const { uploads, preview, maxUpload } = document.body.dataset;
const byId = (id) => document.getElementById(id);
const [zone, chooser, life, list] = ["zone", "files", "life", "list"].map(byId);

const endpoint = new URL(uploads, location.href).href;
const items = new Map(); // list element -> Item
const queue = [];
let sending = 0;

const around = {
  endpoint,
  preview,
  kept: new Kept(`uploadsvc ${new URL(endpoint).pathname}`),
  line: { join, leave },
  changed: tell,
  left: takeOut,
  choose: () => chooser.click(),
};

/* Ways in: the chooser, dropping anywhere, pasting anywhere, and what an earlier page left. */

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
  // The browser asks whether to leave, where something would not go on by itself.
  if ([...items.values()].some((item) => item.isAtRisk)) event.preventDefault();
});

restore();

async function restore() {
  const left = await around.kept.all();
  const restored = left.map(({ facts, file }) => new Item(facts, file, around));
  put(restored);
  for (const item of restored) item.restore();
}

function add(files, folders = []) {
  const fresh = files.filter((file) => !goOnWith(file));
  const added = fresh.map((file) => Item.ofFile(file, life?.value, around));
  if (added.length > 1) announce(`${added.length} files added`);
  put(added);
  for (const item of added) {
    const refusal = whyNot(item.file, folders);
    if (refusal) item.fail(refusal);
    else item.begin();
  }
  tell();
}

/* Whether the file is one that an earlier upload needs, to go on with it. */
function goOnWith(file) {
  const waiting = inState("missing").find((item) => item.isFor(file));
  waiting?.found(file);
  return Boolean(waiting);
}

function whyNot(file, folders) {
  if (folders.includes(file.name)) return "Folders cannot be sent. Open it and choose its files.";
  const largest = Number(maxUpload);
  return file.size > largest && `This file is too large. The limit is ${sizeInWords(largest)}.`;
}

function put(some) {
  for (const item of some) items.set(item.card.node, item);
  list.prepend(...some.map((item) => item.card.node));
}

function takeOut(item) {
  const { node } = item.card;
  const next = node.nextElementSibling ?? node.previousElementSibling;
  const isFocused = node.contains(document.activeElement);
  items.delete(node);
  node.remove();
  tell();
  if (isFocused) (firstButton(next) ?? chooser).focus();
}

/* The line in which they wait. */

function join(item) {
  queue.push(item);
  sendNext();
}

function leave(item) {
  const index = queue.indexOf(item);
  if (index >= 0) queue.splice(index, 1);
}

function sendNext() {
  while (sending < AT_ONCE && queue.length) {
    sending += 1;
    queue.shift().send().finally(() => {
      sending -= 1;
      sendNext();
    });
  }
}

/* What holds for all of them. */

function inState(...states) {
  return [...items.values()].filter((item) => states.includes(item.state));
}

function tell() {
  const done = inState("done").length;
  const running = inState("waiting", "sending", "lost").length;
  document.body.classList.toggle("filled", items.size > 0);
  byId("uploads").hidden = !items.size;
  byId("count").textContent = running ? `${done} of ${items.size} uploaded` : "";
  byId("copy-all").hidden = done < 2;
  byId("again-all").hidden = inState("failed").length < 2;
}

byId("copy-all").addEventListener("click", ({ currentTarget }) => {
  const done = [...list.children].map((node) => items.get(node)).filter((item) => item.card.link);
  showCopied(currentTarget, done.map((item) => item.card.link).join("\n"));
});
byId("again-all").addEventListener("click", () => {
  for (const item of inState("failed")) item.again();
});
setInterval(() => inState("done").forEach((item) => item.card.showExpiry()), 30_000);
