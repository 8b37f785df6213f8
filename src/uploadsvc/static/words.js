/* What the page says: sizes, times and problems. Nothing here touches the page. */

import { Unreadable } from "./going.js";
import { Broken } from "./tus.js";

/* Why something ended for good: in the server's words, or in ours where it has none. */
export function problemInWords(error) {
  if (error instanceof Unreadable) return "The file was changed or is gone, so it cannot be read.";
  const sentence = inWords(error);
  const seconds = error.retryAfter;
  return seconds > 0 ? `${sentence} Try again in ${waitInWords(seconds)}.` : sentence;
}

/* Why an upload has to wait, and that nobody has to do anything. */
export function lossInWords(error, { isOnline, now }) {
  if (error instanceof Broken) {
    const lost = isOnline ? "The connection was lost." : "There is no network connection.";
    return `${lost} It goes on by itself.`;
  }
  if (INTERRUPTED.has(error.status)) return "The upload was interrupted. It goes on by itself.";
  // Soon needs no telling.
  const when = error.retryAfter > 60 ? ` at ${clock(new Date(+now + error.retryAfter * 1000 + 60_000))}` : "";
  return `${inWords(error)} It goes on by itself${when}.`;
}

// Two requests of this page met at the server; its sentence is about requests.
const INTERRUPTED = new Set([408, 409, 423, 460]);

function inWords({ status, detail }) {
  return asSentence(detail || (OTHERWISE[status] ?? `The server's answer was no use (${status}).`));
}

function clock(time) {
  return time.toLocaleTimeString([], { hour: "numeric", minute: "2-digit" });
}

function waitInWords(seconds) {
  const [count, unit] = seconds < 120 ? [seconds, "second"] : [Math.ceil(seconds / 60), "minute"];
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}

// For answers that did not come from the service itself, but from a server before it.
const OTHERWISE = {
  404: "The upload is not there any more.",
  410: "The upload is not there any more.",
  413: "This file is too large for the server.",
  429: "Too many files came from here in a short time.",
  502: "The service cannot be reached at the moment.",
  503: "The service is busy at the moment.",
  504: "The service took too long to answer.",
  507: "There is no room left at the moment.",
};

function asSentence(words) {
  return words[0].toUpperCase() + words.slice(1) + (/[.!?]$/.test(words) ? "" : ".");
}

/* 3.4 MB: decimal units, as the page itself writes them. */
export function sizeInWords(size) {
  const units = [size === 1 ? "byte" : "bytes", "kB", "MB", "GB", "TB"];
  let value = size;
  let unit = 0;
  for (; value >= 999.5 && unit < units.length - 1; unit += 1) value /= 1000;
  return `${value < 10 ? Number(value.toFixed(1)) : Math.round(value)} ${units[unit]}`;
}

/* As people say it on the day: soon, today, tomorrow, a weekday, a date. */
export function whenGone(expires, now) {
  const minutes = Math.round((expires - now) / 60_000);
  if (expires <= now) return "its time is over";
  if (minutes < 60) return `gone in ${minutes || 1} minute${minutes > 1 ? "s" : ""}`;
  const at = clock(expires);
  const midnight = (time) => new Date(time.getFullYear(), time.getMonth(), time.getDate());
  const days = Math.round((midnight(expires) - midnight(now)) / 86_400_000);
  if (days === 0) return `gone today at ${at}`;
  if (days === 1) return `gone tomorrow at ${at}`;
  if (days < 7) return `gone on ${expires.toLocaleDateString("en", { weekday: "long" })} at ${at}`;
  return `gone on ${expires.toLocaleDateString("en", { day: "numeric", month: "long", year: "numeric" })}`;
}
