/* How an article is read: seconds in which it could be seen and somebody was there, how far they scrolled,
   whether they copied of it. Told as running totals, so that a lost message costs nothing. */

const STEP_MS = 1000;
const IDLE_MS = 60_000;
const USEFUL_MS = 15_000;
const EVERY_MS = 30_000;
const ACTS = ["pointerdown", "pointermove", "keydown", "wheel", "touchmove"];
const MOVES = new Set(["pointerdown", "keydown", "wheel", "touchmove"]);

/** A name that nobody else has. */
export function newName() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(36).padStart(2, "0")).join("");
}

/** Send events; `headers` name a session where there is no cookie. Nobody waits for it, nothing comes of a failure. */
export function tell(api, events, headers) {
  const body = JSON.stringify({ events });
  // only a beacon surely outlives its page, but it carries no headers
  if (!headers && navigator.sendBeacon?.(`${api}/events`, body)) return;
  const way = { method: "POST", body, keepalive: true, headers, credentials: headers ? "omit" : "same-origin" };
  fetch(`${api}/events`, way).catch(() => {});
}

/** Share of `root` that has come above the lower edge of the window, or of itself where it scrolls. */
function seenOf(root) {
  const { top, height } = root.getBoundingClientRect();
  const scrolls = root.scrollHeight > root.clientHeight + 1;
  const seen = scrolls ? (root.scrollTop + root.clientHeight) / root.scrollHeight : (innerHeight - top) / (height || 1);
  return Math.min(1, Math.max(0, seen));
}

/**
 * Follow the reading of what stands in `root` until the returned function is called.
 * `report({view_id, active_ms, scroll, copied})` is given the totals when they are worth telling.
 */
export function follow(root, report) {
  const totals = { view_id: newName(), active_ms: 0, scroll: 0, copied: false };
  const ending = new AbortController();
  const listen = (target, names, act) =>
    names.forEach((name) => target.addEventListener(name, act, { signal: ending.signal, passive: true, capture: true }));
  let lastAct = performance.now(), lastStep = lastAct, told = "", toldMs = 0, moved = false;

  function say() {
    const now = JSON.stringify(totals);
    if (now === told || !(totals.active_ms || totals.scroll || totals.copied)) return;
    told = now;
    toldMs = totals.active_ms;
    report({ ...totals });
  }

  const timer = setInterval(() => {
    const now = performance.now();
    // a machine that slept has not read
    const step = Math.min(now - lastStep, 2 * STEP_MS);
    lastStep = now;
    if (document.visibilityState !== "visible" || now - lastAct > IDLE_MS) return;
    totals.active_ms = Math.round(totals.active_ms + step);
    const next = toldMs < USEFUL_MS ? USEFUL_MS : toldMs + EVERY_MS;
    if (totals.active_ms >= next) say();
  }, STEP_MS);

  listen(document, ACTS, (event) => {
    lastAct = performance.now();
    moved ||= MOVES.has(event.type);
  });
  listen(document, ["scroll"], () => {
    // where a link led to is not how far somebody read
    if (!moved) return;
    totals.scroll = Math.max(totals.scroll, Math.round(100 * seenOf(root)) / 100);
  });
  listen(root, ["copy"], () => {
    totals.copied = true;
    say();
  });
  listen(document, ["visibilitychange"], () => document.visibilityState === "hidden" && say());
  listen(window, ["pagehide"], say);
  return () => {
    clearInterval(timer);
    ending.abort();
    say();
  };
}
