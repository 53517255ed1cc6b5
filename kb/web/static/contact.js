/* The contact form: the draft outlives a reload, articles that may answer it are proposed while it is
   written and open over it, and it is sent once. Without this file the form has a review step instead. */

import { isComposing } from "./combobox.js";
import { follow, tell } from "./reading.js";

const DRAFT = "kb-draft";
const FIELDS = ["subject", "body", "email", "token"];
const PAUSE_MS = 700;
const ENOUGH = 4;
const SENDING_MS = 15_000;

const form = document.querySelector("form[data-draft]");

/** Storage that is full or forbidden loses a draft at a reload, nothing else. */
const stored = {
  get: () => { try { return JSON.parse(sessionStorage.getItem(DRAFT)) ?? {}; } catch { return {}; } },
  set: (draft) => { try { sessionStorage.setItem(DRAFT, JSON.stringify(draft)); } catch { /* see above */ } },
  clear: () => { try { sessionStorage.removeItem(DRAFT); } catch { /* see above */ } },
};

function keepDraft() {
  const { subject, body, email } = form.elements;
  // the same form sent again under its name is one ticket, so the name is kept with the words
  if (![subject, body, email].some((field) => field.value)) {
    for (const [name, value] of Object.entries(stored.get())) if (FIELDS.includes(name)) form.elements[name].value = value;
  }
  form.addEventListener("input", () => stored.set(Object.fromEntries(FIELDS.map((name) => [name, form.elements[name].value]))));
}

function sendOnce() {
  let sending = false;
  const free = () => {
    sending = false;
    form.querySelectorAll("[type=submit]").forEach((button) => button.removeAttribute("aria-disabled"));
  };
  form.addEventListener("submit", (event) => {
    if (sending) return event.preventDefault();
    sending = true;
    event.submitter?.setAttribute("aria-disabled", "true");
    setTimeout(free, SENDING_MS);
  });
  addEventListener("pageshow", free);
  // Enter in a single line would send what is only half written
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.tagName === "INPUT" && !isComposing(event)) event.preventDefault();
  });
}

/** Articles for the draft; `open(hit, position)` is called for the one that was chosen. */
function propose(open) {
  const { api, locale, one, many } = form.dataset;
  const { subject, body, suggestion_id: given } = form.elements;
  const [list, status, hint] = ["ol", "[role=status]", ".hint"].map((each) => form.querySelector(`.proposed ${each}`));
  let timer, asking, asked = "", shown = "";

  function show({ hits, suggestion_id }) {
    given.value = suggestion_id;
    const now = hits.map((hit) => hit.url).join(" ");
    if (now === shown) return;
    shown = now;
    hint.hidden = hits.length > 0;
    list.replaceChildren(...hits.map((hit, place) => {
      const item = document.createElement("li"), button = document.createElement("button");
      const [title, text] = [document.createElement("strong"), document.createElement("span")];
      button.type = "button";
      title.textContent = hit.title;
      text.textContent = hit.section.title || hit.snippet.text;
      button.append(title, text);
      button.addEventListener("click", () => open(hit, place + 1));
      item.append(button);
      return item;
    }));
    if (hits.length) status.textContent = (hits.length === 1 ? one : many).replace("{count}", hits.length);
  }

  async function ask() {
    const draft = { subject: subject.value, body: body.value, locale, entry: "form" };
    const text = `${draft.subject}\n${draft.body}`.trim();
    if (text.length < ENOUGH || text === asked) return;
    asking?.abort();
    const mine = asking = new AbortController();
    try {
      const answer = await fetch(`${api}/tickets/suggest`, {
        method: "POST", body: JSON.stringify(draft), headers: { "Content-Type": "application/json" }, signal: mine.signal,
      });
      if (!answer.ok) return;
      const found = await answer.json();
      if (asking !== mine) return;
      asked = text;
      show(found);
    } catch { /* nobody asked for articles: what was shown stays */ }
  }

  const later = (event) => {
    clearTimeout(timer);
    // half a word in kana proposes half a thought
    if (!event?.isComposing) timer = setTimeout(ask, PAUSE_MS);
  };
  for (const field of [subject, body]) for (const name of ["input", "compositionend"]) field.addEventListener(name, later);
  ask();
}

/** The article over the form; `solved(hit)` when it answered. */
function reader(solved) {
  const { api, locale } = form.dataset;
  const dialog = document.getElementById("reader");
  const [title, prose] = [dialog.querySelector("h2"), dialog.querySelector(".prose")];
  let current, stop = () => {};

  document.getElementById("solve").addEventListener("click", () => {
    dialog.close();
    solved(current);
  });
  dialog.addEventListener("close", () => stop());
  // a press beside the article closes it
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());

  return async function open(hit, position) {
    const path = hit.id.split("/").map(encodeURIComponent).join("/");
    current = hit;
    tell(api, [{ type: "suggestion_opened", locale, entry: "form", article: hit.id, position, suggestion_id: form.elements.suggestion_id.value }]);
    try {
      const answer = await fetch(`${api}/articles/${locale}/${path}`);
      if (!answer.ok) throw new Error(answer.status);
      const article = await answer.json();
      title.textContent = article.title;
      prose.innerHTML = article.html;
    } catch {
      // a tab of its own may still reach it, and leaves the draft alone
      return void window.open(hit.url, "_blank", "noopener");
    }
    prose.querySelectorAll("a[href]").forEach((link) => link.getAttribute("href").startsWith("#") || (link.target = "_blank"));
    dialog.showModal();
    prose.scrollTop = 0;
    const anchor = hit.section.anchor && prose.querySelector(`#${CSS.escape(hit.section.anchor)}`);
    if (anchor) anchor.scrollIntoView();
    prose.focus({ preventScroll: true });
    stop = follow(prose, (totals) => tell(api, [{ type: "view", locale, article: hit.id, entry: "form", ...totals }]));
  };
}

function solved(hit) {
  const { api, locale } = form.dataset;
  const [writing, thanks] = [document.getElementById("writing"), document.getElementById("solved")];
  tell(api, [{ type: "solved", locale, entry: "form", article: hit.id, suggestion_id: form.elements.suggestion_id.value }]);
  stored.clear();
  writing.hidden = true;
  thanks.hidden = false;
  thanks.focus();
  scrollTo(0, 0);
  document.getElementById("still").onclick = () => {
    thanks.hidden = true;
    writing.hidden = false;
    form.elements.subject.focus();
  };
}

if (document.querySelector("[data-sent]")) stored.clear();
if (form) {
  keepDraft();
  sendOnce();
  propose(reader(solved));
}
