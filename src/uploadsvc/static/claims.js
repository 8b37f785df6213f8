/*
 * One upload belongs to one tab at a time.
 *
 * The browser's locks tell whose it is. On plain http there are none: there the tabs ask each
 * other, and a tab that does not answer is taken to be closed.
 */

const ANSWER_TIME = 400; // milliseconds
const ASK_AGAIN = 3000;
const PREFIX = "uploadsvc upload ";

/* Resolves to whether this tab has it now; it has it until `release`. */
export function claim(id) {
  return navigator.locks ? lock(id, { ifAvailable: true }) : askOthers(id);
}

/* Resolves when this tab has it. */
export async function claimInTurn(id) {
  if (navigator.locks) return lock(id, {});
  while (!(await askOthers(id))) await new Promise((after) => setTimeout(after, ASK_AGAIN));
  return true;
}

export function release(id) {
  mine.get(id)?.();
  mine.delete(id);
}

const mine = new Map(); // id -> what gives it back

function lock(id, options) {
  return new Promise((resolve) => {
    const had = navigator.locks.request(PREFIX + id, options, (got) => {
      resolve(Boolean(got));
      return got && new Promise((giveBack) => mine.set(id, giveBack));
    });
    had.catch(() => resolve(true)); // refused to this page: then nothing is kept that tabs could share
  });
}

/* Without locks: who asks brings a number; who has it, or asks with a smaller one, objects. */

const channel = navigator.locks ? null : new BroadcastChannel("uploadsvc uploads");
const asking = new Map(); // id -> { number, object() }

channel?.addEventListener("message", ({ data }) => {
  const question = asking.get(data.id);
  if (data.objects) question?.object();
  else if (mine.has(data.id) || question?.number < data.number) {
    channel.postMessage({ id: data.id, objects: true });
  }
});

function askOthers(id) {
  return new Promise((resolve) => {
    const answer = (isFree) => {
      clearTimeout(timer);
      asking.delete(id);
      if (isFree) mine.set(id, () => {});
      resolve(isFree);
    };
    const timer = setTimeout(() => answer(true), ANSWER_TIME);
    const number = Math.random();
    asking.set(id, { number, object: () => answer(false) });
    channel.postMessage({ id, number });
  });
}
