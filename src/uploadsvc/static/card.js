/*
 * The card of one file. Its state is in `data-state`; the style sheet shows what belongs to it.
 *
 * Text from outside (names, links, sentences of errors) is only ever text: it goes through
 * textContent and checked addresses, never through markup.
 */

import { copy } from "./copying.js";
import { sizeInWords, whenGone } from "./words.js";

const PREVIEW_SIDE = 256; // pixels; shown at about a third of that, sharp on any screen
const PREVIEW_RETRIES = [2000, 6000]; // milliseconds; a busy service makes it a little later
const SURE_FOR = 6000; // milliseconds in which a second press deletes

const news = document.getElementById("news");

export class Card {
  #share = 0;

  /* `deeds` are by the class of their button. */
  constructor(name, size, deeds) {
    this.node = document.getElementById("item").content.firstElementChild.cloneNode(true);
    this.part("progress").setAttribute("aria-label", `Upload of ${name}`);
    this.part(".size").textContent = sizeInWords(size);
    this.called(name);
    for (const [button, deed] of Object.entries(deeds)) {
      this.part(`.${button}`).addEventListener("click", deed);
    }
    this.part(".copy").addEventListener("click", () => showCopied(this.part(".copy .says"), this.link));
    this.part(".delete").addEventListener("blur", () => this.#unsure());
  }

  part(selector) {
    return this.node.querySelector(selector);
  }

  get state() {
    return this.node.dataset.state;
  }

  get percent() {
    return `${Math.floor(this.#share * 100)} %`;
  }

  called(name) {
    this.name = name;
    this.part("bdi").textContent = name;
    this.part(".badge").textContent = /\.([a-z0-9]{1,4})$/i.exec(name)?.[1].toUpperCase() ?? "FILE";
    for (const button of this.node.querySelectorAll("button .unseen")) button.textContent = ` ${name}`;
  }

  become(state, words = "", problem = "") {
    const held = this.node.contains(document.activeElement);
    this.node.dataset.state = state;
    this.says(words);
    this.part(".problem").textContent = problem;
    if (held && !document.activeElement.getClientRects().length) {
      // The focused button went away: the keyboard goes on where it was.
      firstButton(this.node)?.focus();
    }
  }

  says(words) {
    this.part(".state").textContent = words && ` · ${words}`;
  }

  progress(share) {
    this.#share = share;
    this.part("progress").value = share;
    if (this.state === "sending") this.says(share < 1 ? this.percent : "finishing");
  }

  /* Shows what the service told of the file; `preview` is where pictures of it are made. */
  done({ link, name, size, type, expires }, { preview, mayDelete }) {
    this.link = link;
    this.expires = new Date(expires);
    this.called(name); // as it is stored, which may be a little different
    this.part(".size").textContent = sizeInWords(size);
    for (const anchor of this.node.querySelectorAll("a")) anchor.href = link;
    this.part(".link").textContent = link.replace(/^https?:\/\//, "");
    this.part(".delete").hidden = !mayDelete;
    this.showExpiry();
    if (type?.startsWith("image/")) this.#showPreview(preview, PREVIEW_RETRIES);
    this.become("done");
  }

  /* The file is not there any more: nothing leads to it. */
  gone() {
    for (const anchor of this.node.querySelectorAll("a")) anchor.removeAttribute("href");
    this.part(".thumb img")?.remove();
    this.link = null;
    this.become("deleted", "deleted");
  }

  #showPreview(preview, [pause, ...later]) {
    const image = new Image();
    const query = new URLSearchParams({ x: PREVIEW_SIDE, y: PREVIEW_SIDE, addr: this.link });
    image.alt = "";
    image.onload = () => this.link && this.part(".thumb").append(image);
    image.onerror = () => pause && setTimeout(() => this.link && this.#showPreview(preview, later), pause);
    image.src = `${preview}?${query}`;
  }

  showExpiry() {
    if (!this.link || Number.isNaN(this.expires.valueOf())) return;
    const time = this.part(".expiry time");
    time.dateTime = this.expires.toISOString();
    time.title = this.expires.toLocaleString();
    time.textContent = whenGone(this.expires, new Date());
  }

  /* Whether this is the second press of the button that deletes; the first one asks. */
  isSure() {
    const button = this.part(".delete");
    if (button.dataset.asked) {
      this.#unsure();
      return true;
    }
    button.dataset.asked = setTimeout(() => this.#unsure(), SURE_FOR);
    this.part(".delete .says").textContent = "Delete now";
    announce(`Press again to delete ${this.name}`);
    return false;
  }

  #unsure() {
    const button = this.part(".delete");
    clearTimeout(Number(button.dataset.asked));
    delete button.dataset.asked;
    this.part(".delete .says").textContent = "Delete";
  }
}

/* Screen readers say it. */
export function announce(words) {
  news.textContent = words;
}

export function firstButton(node) {
  return [...(node?.querySelectorAll("button") ?? [])].find((button) => button.getClientRects().length);
}

/* Copies, and says so on the button for a moment. */
export async function showCopied(label, text) {
  const before = label.dataset.words ?? (label.dataset.words = label.textContent);
  const copied = await copy(text);
  label.textContent = copied ? "Copied" : "Not copied";
  announce(copied ? "Copied" : "The browser did not allow copying");
  clearTimeout(Number(label.dataset.timer));
  label.dataset.timer = setTimeout(() => (label.textContent = before), 2500);
}
