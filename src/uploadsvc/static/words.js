/* What the page says: sizes, times and problems. Nothing here touches the page. */

/* Why a request failed: in the server's words, or in ours where it has none. */
export function problemInWords(request, answer) {
  const otherwise = OTHERWISE[request.status] ?? `The server's answer was no use (${request.status}).`;
  const sentence = asSentence(answer?.detail || otherwise);
  const seconds = Number(request.getResponseHeader("Retry-After"));
  return seconds > 0 ? `${sentence} Try again in ${waitInWords(seconds)}.` : sentence;
}

function waitInWords(seconds) {
  const [count, unit] = seconds < 120 ? [seconds, "second"] : [Math.ceil(seconds / 60), "minute"];
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}

// For answers that did not come from the service itself, but from a server before it.
const OTHERWISE = {
  413: "This file is too large for the server.",
  429: "Too many files came from here in a short time.",
  502: "The service cannot be reached at the moment.",
  503: "The service is busy at the moment.",
  504: "The service took too long to answer.",
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
  const at = expires.toLocaleTimeString([], { hour: "numeric", minute: "2-digit" });
  const midnight = (time) => new Date(time.getFullYear(), time.getMonth(), time.getDate());
  const days = Math.round((midnight(expires) - midnight(now)) / 86_400_000);
  if (days === 0) return `gone today at ${at}`;
  if (days === 1) return `gone tomorrow at ${at}`;
  if (days < 7) return `gone on ${expires.toLocaleDateString("en", { weekday: "long" })} at ${at}`;
  return `gone on ${expires.toLocaleDateString("en", { day: "numeric", month: "long", year: "numeric" })}`;
}
