/*
 * The story of one file: it waits its turn, is sent, may be paused, break, go on, and ends.
 *
 * What has not ended is kept in the browser, so that it goes on when the page is opened again.
 */

import { Card, announce } from "./card.js";
import { claim, claimInTurn, release } from "./claims.js";
import { Going, NOT_THERE, Unreadable } from "./going.js";
import { look, remove } from "./tus.js";
import { lossInWords, problemInWords } from "./words.js";

export class Item {
  #going = null; // while it has its turn
  #last = null; // the same, and afterwards
  #isHeld = false; // the browser has its file too
  #isOver = false; // nothing is kept of it any more

  /* `around`: { endpoint, preview, kept, line, changed(), left(item), choose() } of the page. */
  constructor(facts, file, around) {
    Object.assign(this, { facts, file, around });
    this.card = new Card(facts.name, facts.size, {
      pause: () => this.pause(),
      go: () => this.goOn(),
      again: () => this.again(),
      find: () => around.choose(),
      cancel: () => this.cancel(),
      remove: () => this.leave(),
      delete: () => this.card.isSure() && this.delete(),
    });
  }

  static ofFile(file, life, around) {
    const { name, size, type, lastModified } = file;
    const facts = { ...unbegun(), name, size, type, modified: lastModified, life };
    return new Item(facts, file, around);
  }

  get state() {
    return this.card.state;
  }

  /* Whether closing the page would end it, though it has not ended by itself. */
  get isAtRisk() {
    return ["waiting", "sending", "lost", "paused"].includes(this.state) && !this.#isHeld;
  }

  isFor(file) {
    const { name, size, modified } = this.facts;
    return file.name === name && file.size === size && file.lastModified === modified;
  }

  /* A file that was just added, or one to try again. */
  begin() {
    this.#isOver = false;
    this.#keep(claim(this.facts.id));
    this.wait();
  }

  /* One that an earlier page left; where another tab has it, that one shall go on. */
  async restore() {
    const { id } = this.facts;
    if (!(await claim(id))) {
      this.#become("elsewhere", "in another tab");
      await claimInTurn(id);
    }
    const kept = await this.around.kept.one(id);
    if (!kept) return this.#end(() => this.around.left(this));
    Object.assign(this, kept);
    this.#isHeld = Boolean(this.file);
    if (this.file && !this.facts.paused) return this.wait();
    this.#standStill();
    const { state } = this;
    const offset = await this.#lookWhere();
    if (this.state !== state) return; // a person was faster
    if (offset === null && !this.file) return this.#end(() => this.around.left(this));
    this.card.progress(this.facts.size ? (offset ?? 0) / this.facts.size : 0);
    this.#standStill();
  }

  /* Its file is at hand again. */
  found(file) {
    this.file = file;
    this.goOn();
    this.#keep(true);
  }

  wait() {
    this.#become("waiting", "waiting");
    this.around.line.join(this);
  }

  /* Called when it is its turn; resolves when the next one may come. */
  async send() {
    const { facts } = this;
    const metadata = { filename: facts.name, filetype: facts.type, expires: facts.life };
    const before = this.#last?.ended;
    const going = new Going(this.around.endpoint, this.file, metadata, {
      onProgress: (offset) => this.#progressed(going, offset),
      onLost: (error) => this.#lost(going, error),
      // Also when it was paused or cancelled meanwhile.
      onPlace: (place) => this.#note(place, facts),
    });
    this.#going = this.#last = going;
    this.#become("sending", this.card.percent);
    going.ended = this.#run(going, facts, before);
    await going.ended;
  }

  async #run(going, facts, before) {
    await before; // which may still tell an address
    if (this.#going !== going) return;
    try {
      const answer = await going.run(facts);
      if (this.#going === going) this.#done(answer);
    } catch (error) {
      if (this.#going === going) this.fail(error);
    }
  }

  pause() {
    this.#stop();
    this.#note({ paused: true });
    this.#become("paused", this.#stood("paused"));
    announce(`${this.card.name} is paused`);
  }

  goOn() {
    this.#note({ paused: false });
    this.wait();
    announce(`${this.card.name} goes on`);
  }

  again() {
    // The old one may not be forgotten yet.
    this.facts = { ...this.facts, id: newId(), paused: false };
    this.card.progress(0);
    this.begin();
  }

  async cancel() {
    const { facts } = this;
    this.#stop();
    this.#end(() => this.#become("cancelled", "cancelled"));
    this.facts = { ...facts, ...unbegun() };
    announce(`${this.card.name} is cancelled`);
    if (!this.file) this.around.left(this);
    const last = this.#last;
    this.#last = null;
    await last?.ended; // a creation that is under way still tells its address
    await discard(facts.address);
  }

  async leave() {
    this.around.left(this);
    if (this.state !== "done" && this.state !== "deleted") await discard(this.facts.address);
  }

  async delete() {
    try {
      await remove(this.deleteAddress);
    } catch (error) {
      // Nothing there: it is gone already, or it is the address that leads nowhere.
      const isGone = NOT_THERE.has(error.status) && (await leadsNowhere(this.card.link));
      if (!isGone) return this.#notDeleted(error);
    }
    this.card.gone();
    this.around.changed();
    announce(`${this.card.name} is deleted`);
  }

  #notDeleted(error) {
    const sentence = error.status ? problemInWords(error) : "The connection was lost. Try again.";
    this.#become("done", "", `Not deleted. ${sentence}`);
    announce(`${this.card.name} is not deleted. ${sentence}`);
  }

  /* A refused file may not be tried again: the answer would be the same. */
  fail(error) {
    const sentence = typeof error === "string" ? error : problemInWords(error);
    const isForGood = typeof error === "string" || error instanceof Unreadable;
    this.#going = null;
    this.#end(() => this.#become(isForGood ? "refused" : "failed", "not uploaded", sentence));
    announce(`${this.card.name} is not uploaded. ${sentence}`);
  }

  #done(answer) {
    if (!/^https?:\/\//.test(answer.link)) return this.fail({ status: 200 });
    this.deleteAddress = ours(answer.delete);
    this.#going = null;
    this.#end(() => this.card.done(answer, { ...this.around, mayDelete: this.deleteAddress !== null }));
    announce(`${this.card.name} is uploaded`);
  }

  #progressed(going, offset) {
    if (this.#going !== going) return;
    if (this.state === "lost") this.#become("sending");
    this.card.progress(this.facts.size ? offset / this.facts.size : 1);
  }

  #standStill() {
    if (this.file) this.#become("paused", this.#stood("paused"));
    else this.#become("missing", this.#stood("stopped"), "Choose this file again to go on.");
  }

  /* How far it came, as the server knows, else as we do; null when there is nothing any more. */
  async #lookWhere() {
    const { address, offset } = this.facts;
    try {
      return address ? (await look(address)).offset : offset;
    } catch (error) {
      return NOT_THERE.has(error.status) ? null : offset;
    }
  }

  #lost(going, error) {
    if (this.#going !== going) return;
    const sentence = lossInWords(error, { isOnline: navigator.onLine, now: new Date() });
    if (this.state !== "lost") announce(`${this.card.name}: ${sentence}`);
    this.#become("lost", this.card.percent, sentence);
  }

  #stop() {
    const going = this.#going;
    this.#going = null;
    this.around.line.leave(this);
    going?.stop();
  }

  #end(show) {
    this.#isOver = true;
    const { id } = this.facts;
    this.around.kept.forget(id).then(() => release(id));
    show();
    this.around.changed();
  }

  async #keep(claimed) {
    const { id } = this.facts;
    if (!(await claimed) || this.#isOver) return;
    const { kept } = this.around;
    this.#isHeld = false;
    const noted = await kept.note(this.facts);
    this.#isHeld = (await kept.hold(id, this.file)) && noted;
    // It may have ended meanwhile.
    if (this.#isOver || this.facts.id !== id) await kept.forget(id);
  }

  #note(news, facts = this.facts) {
    Object.assign(facts, news);
    if (facts === this.facts && !this.#isOver) this.around.kept.note(facts);
  }

  #become(state, words, problem) {
    this.card.become(state, words, problem);
    this.around.changed();
  }

  #stood(word) {
    return `${word} at ${this.card.percent}`;
  }
}

/* What is news with each beginning. */
function unbegun() {
  return { id: newId(), added: Date.now(), address: null, offset: 0, expires: null, paused: false };
}

function newId() {
  return [...crypto.getRandomValues(new Uint32Array(4))].map((word) => word.toString(36)).join("-");
}

/* An address that the service told for deleting, if it is of our own origin; else null. */
function ours(address) {
  const url = address && new URL(address, location.href);
  return url && url.origin === location.origin ? url.href : null;
}

async function leadsNowhere(link) {
  try {
    return NOT_THERE.has((await fetch(link, { method: "HEAD", cache: "no-store" })).status);
  } catch {
    return false;
  }
}

/* What cannot be removed now goes by itself when its time is over. */
async function discard(address) {
  if (address) await remove(address).catch(() => {});
}
