/* Search, articles and the contact form on any other site, by one tag:

     <script type="module" src="https://help.example.com/widget.js" data-locale="ja"></script>

   All of it stands in a shadow root, so neither side's styles reach the other. No cookie is set or sent: the
   session is a random name that the browser keeps for the site that embeds us (and not for readers who ask
   not to be tracked). Links to `#kb-help` on that site open it, too. */

import { follow, newName, tell } from "./static/reading.js";

const SITE = /*site*/ {};
const API = new URL("./api/v1", import.meta.url).href;
const WAIT_MS = 200, PAUSE_MS = 800, ENOUGH = 4, SHOWN = 6;
const SESSION_DAYS = 30, NEED_MS = 1_800_000;

const tag = document.querySelector(`script[src="${CSS.escape(import.meta.url)}"], script[src$="/widget.js"]`);
const wanted = [tag?.dataset.locale, document.documentElement.lang, ...navigator.languages].filter(Boolean);
const known = (code) => [code, code.split("-")[0]].find((each) => each in SITE.locales);
const locale = wanted.map(known).find(Boolean) ?? SITE.default;
const { words, incident, hours } = SITE.locales[locale];
const home = new URL(SITE.locales[locale].home, API).href;
const need = { name: newName(), last: Date.now() };

/** Kept for a month in the embedding site's own storage; new for every page where that is not wanted. */
function sessionName() {
  const fresh = { name: newName(), since: Date.now() };
  if (navigator.globalPrivacyControl || navigator.doNotTrack === "1") return fresh.name;
  try {
    const old = JSON.parse(localStorage.getItem("kb-session"));
    if (old && Date.now() - old.since < SESSION_DAYS * 86_400_000) return old.name;
    localStorage.setItem("kb-session", JSON.stringify(fresh));
  } catch { /* no storage: a session of this page alone */ }
  return fresh.name;
}

/** The name of the need that somebody has; after half an hour of silence it is another one. */
function intent() {
  if (Date.now() - need.last > NEED_MS) need.name = newName();
  need.last = Date.now();
  return need.name;
}

const headers = { "X-KB-Session": sessionName(), "Content-Type": "application/json" };
const record = (event) => tell(API, [{ locale, intent: intent(), entry: "widget", ...event }], headers);

async function call(path, body, more = {}) {
  const { signal, ...extra } = more;
  const way = { headers: { ...headers, ...extra }, credentials: "omit", signal };
  const answer = await fetch(API + path, body ? { ...way, method: "POST", body: JSON.stringify(body) } : way);
  if (!answer.ok) throw Object.assign(new Error(answer.status), { status: answer.status, problem: await answer.json().catch(() => ({})) });
  return answer.json();
}

/** `el("p", {class: "x", onclick}, "text", child)` */
function el(name, attributes = {}, ...inside) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...inside.filter((each) => each != null));
  return made;
}

const policy = globalThis.trustedTypes?.createPolicy?.("kb-widget", { createHTML: (html) => html });

/** The service has cleaned the HTML; addresses in it are paths of the help center. */
function articleBody(html) {
  const prose = el("div", { class: "prose", lang: locale });
  prose.innerHTML = policy ? policy.createHTML(html) : html;
  for (const [selector, name] of [["a[href]", "href"], ["[src]", "src"]]) {
    for (const each of prose.querySelectorAll(selector)) {
      const value = each.getAttribute(name);
      if (!value.startsWith("#")) each.setAttribute(name, new URL(value, API).href);
    }
  }
  prose.querySelectorAll("a[href^='http']").forEach((link) => Object.assign(link, { target: "_blank", rel: "noopener" }));
  prose.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    const [page, anchor = ""] = (link?.getAttribute("href") ?? "").split("#");
    if (link && !page) {
      event.preventDefault();
      prose.querySelector(`#${CSS.escape(decodeURIComponent(anchor))}`)?.scrollIntoView();
    } else if (page.startsWith(`${home}articles/`)) {
      event.preventDefault();
      open({ id: decodeURIComponent(page.slice(home.length + 9)), section: { anchor: decodeURIComponent(anchor) } });
    }
  });
  return prose;
}

// ------------------------------------------------------------------ the panel

const root = el("div", { id: "kb-help-root" });
const shadow = root.attachShadow({ mode: "open" });
const stage = el("div", { class: "stage" });
const title = el("h2", { tabindex: "-1" });
const back = el("button", { class: "icon", type: "button", "aria-label": words["widget.back"], hidden: true, onclick: () => show("search") }, "←");
const shut = el("button", { class: "icon", type: "button", "aria-label": words["ticket.close"], onclick: () => close() }, "×");
const panel = el("section", { class: "panel", role: "dialog", "aria-label": words["widget.title"], hidden: true },
  el("header", {}, back, title, shut), stage);
const button = el("button", { class: "launch", type: "button", "aria-expanded": "false", onclick: () => (panel.hidden ? begin() : close()) }, words["widget.open"]);
const views = {};
let stop = () => {};

/** One view is seen at a time; the others keep what was typed in them. */
function show(name, heading = words["widget.title"]) {
  stop();
  stop = () => {};
  for (const [each, view] of Object.entries(views)) view.hidden = each !== name;
  back.hidden = name === "search";
  title.textContent = heading;
  stage.scrollTop = 0;
  if (name === "search") box.focus();
  else title.focus();
}

function begin() {
  panel.hidden = false;
  button.setAttribute("aria-expanded", "true");
  (views.search.hidden ? title : box).focus();
}

function close() {
  stop();
  stop = () => {};
  panel.hidden = true;
  button.setAttribute("aria-expanded", "false");
  button.focus();
}

// ------------------------------------------------------------------ search

const box = el("input", { type: "search", id: "q", maxlength: "400", autocomplete: "off", placeholder: words["search.placeholder"], "aria-label": words["search.label"], enterkeyhint: "search" });
const found = el("ol", { class: "hits" });
const status = el("p", { class: "status", role: "status" }, words["search.empty"]);
const write = () => el("p", {}, el("button", { class: "button", type: "button", onclick: writeTicket }, words.contact));
let asking;

function marked({ text, marks }) {
  const parts = el("span");
  let last = 0;
  for (const [start, end] of marks) {
    parts.append(text.slice(last, start), el("mark", {}, text.slice(start, end)));
    last = end;
  }
  parts.append(text.slice(last));
  return parts;
}

/** Ask and answer: a later question throws this one's answer away. */
async function search() {
  const text = box.value.trim();
  asking?.abort();
  if (!text) return found.replaceChildren(), void (status.textContent = words["search.empty"]);
  const mine = asking = new AbortController();
  const asked = new URLSearchParams({ q: text, locale, limit: SHOWN, intent: intent(), entry: "widget" });
  try {
    const answer = await call(`/search?${asked}`, null, { signal: mine.signal });
    if (asking === mine) list(answer);
  } catch (error) {
    if (asking === mine && error.name !== "AbortError") status.textContent = words["widget.failed"];
  }
}

function list({ hits, total, corrected, search_id }) {
  const said = corrected ? "search.corrected" : hits.length ? (total ? "" : "search.near") : "none.title";
  const count = words[total === 1 ? "search.found.one" : "search.found.many"].replace("{count}", total);
  status.textContent = said ? words[said].replace("{query}", corrected?.query ?? box.value.trim()) : count;
  found.replaceChildren(...hits.map((hit, place) => el("li", {}, el("a", {
    href: new URL(hit.url, API).href,
    onclick(event) {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      record({ type: "click", search_id, article: hit.id, position: place + 1 });
      open(hit, search_id);
    },
  }, el("strong", {}, hit.title), hit.section.title ? el("em", {}, hit.section.title) : null, marked(hit.snippet)))));
}

function later(act, wait) {
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(act, wait);
  };
}

box.addEventListener("input", later(search, WAIT_MS));
box.addEventListener("keydown", (event) => {
  if (event.isComposing || event.keyCode === 229) return;
  if (event.key === "Enter") search();
  if (event.key === "ArrowDown" && found.firstChild) event.preventDefault(), found.querySelector("a").focus();
});
found.addEventListener("keydown", (event) => {
  const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
  if (!step) return;
  event.preventDefault();
  (event.target.closest("li")[step]?.firstChild ?? (event.key === "ArrowUp" ? box : event.target)).focus();
});
views.search = el("div", {}, incident ? el("p", { class: "notice" }, incident) : null, box, status, found, write(),
  el("p", {}, el("a", { href: home, target: "_blank", rel: "noopener" }, words["widget.home"])));

// ------------------------------------------------------------------ an article

views.article = el("div", { hidden: true });
const encoded = (id) => id.split("/").map(encodeURIComponent).join("/");

/** Show an article here; what cannot be fetched is opened where it lives. */
async function open(hit, search_id, suggestion_id) {
  const path = encoded(hit.id);
  let article;
  try {
    article = await call(`/articles/${locale}/${path}`);
  } catch {
    return void window.open(`${home}articles/${path}`, "_blank", "noopener");
  }
  const body = articleBody(article.html);
  const from = suggestion_id ? "ticket" : "search";
  views.article.replaceChildren(body, helped(article, search_id, suggestion_id));
  show("article", article.title);
  back.onclick = () => ((back.onclick = null), suggestion_id && show(from, words.contact));
  if (hit.section?.anchor) body.querySelector(`#${CSS.escape(hit.section.anchor)}`)?.scrollIntoView();
  stop = follow(body, (totals) => record({ type: "view", article: article.id, search_id, ...totals }));
}

function helped(article, search_id, suggestion_id) {
  const ask = el("div", { class: "helped" }, el("p", {}, el("strong", {}, words["feedback.ask"])));
  const answer = (helpful) => {
    if (suggestion_id && helpful) record({ type: "solved", article: article.id, suggestion_id });
    call(`/articles/${locale}/${encoded(article.id)}/feedback`, { helpful, search_id, intent: intent(), entry: "widget" }).catch(() => {});
    const thanks = el("p", { role: "status", tabindex: "-1" }, words["feedback.thanks"]);
    ask.replaceChildren(thanks, ...(helpful ? [] : [write()]));
    thanks.focus(); // the button that had it is gone
  };
  ask.append(el("p", { class: "row" },
    el("button", { class: "button quiet", type: "button", onclick: () => answer(true) }, words["feedback.yes"]),
    el("button", { class: "button quiet", type: "button", onclick: () => answer(false) }, words["feedback.no"])));
  return ask;
}

// ------------------------------------------------------------------ contact

const field = (name, control, hint) => el("p", { class: "field" },
  el("label", { for: name }, words[`ticket.${name}`]), el("span", { class: "hint", id: `${name}-hint` }, hint), control);
const control = (kind, name, more) => el(kind, { id: name, name, "aria-describedby": `${name}-hint`, ...more });
const form = el("form", { novalidate: true },
  field("subject", control("input", "subject", { maxlength: "200", required: true }), words["ticket.subject.hint"]),
  field("body", control("textarea", "body", { rows: "5", required: true }), words["ticket.body.hint"]),
  el("p", { class: "hint proposed", hidden: true }, words["ticket.proposed"]),
  el("ol", { class: "hits", "aria-label": words["ticket.proposed"] }),
  field("email", control("input", "email", { type: "email", autocomplete: "email" }), words["ticket.email.hint"]),
  el("p", { class: "status wrong", role: "alert" }),
  el("p", {}, el("button", { class: "button" }, words["ticket.send"])));
const fault = form.querySelector("[role=alert]");
views.ticket = el("div", { hidden: true }, form, hours ? el("p", { class: "hint" }, hours) : null);
let key = newName(), suggestion = "", begun = false;

function writeTicket() {
  if (!begun) record({ type: "form_opened", explicit: true });
  begun = true;
  if (!form.subject.value) form.subject.value = box.value.trim();
  show("ticket", words.contact);
  propose();
}

async function propose() {
  const draft = { subject: form.subject.value, body: form.body.value, locale, entry: "widget" };
  if (`${draft.subject}${draft.body}`.trim().length < ENOUGH) return;
  try {
    const { hits, suggestion_id } = await call("/tickets/suggest", draft);
    suggestion = suggestion_id;
    form.querySelector(".proposed").hidden = !hits.length;
    form.querySelector("ol").replaceChildren(...hits.map((hit, place) => el("li", {}, el("button", {
      type: "button",
      onclick() {
        record({ type: "suggestion_opened", suggestion_id, article: hit.id, position: place + 1 });
        open(hit, undefined, suggestion_id);
      },
    }, el("strong", {}, hit.title)))));
  } catch { /* nobody asked for articles */ }
}

const proposeLater = later(propose, PAUSE_MS);
form.addEventListener("input", (event) => event.isComposing || event.target.name === "email" || proposeLater());
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const send = form.querySelector(".button");
  if (send.getAttribute("aria-disabled")) return;
  send.setAttribute("aria-disabled", "true");
  fault.textContent = "";
  const { subject, body, email } = form;
  try {
    const { id } = await call("/tickets", { subject: subject.value, body: body.value, email: email.value, locale, suggestion_id: suggestion, entry: "widget" }, { "Idempotency-Key": key });
    views.sent.replaceChildren(el("p", {}, words["ticket.sent.number"]), el("p", { class: "number" }, id), el("p", {}, words["ticket.sent.hint"]));
    form.reset();
    form.querySelector(".proposed").hidden = true;
    form.querySelector("ol").replaceChildren();
    [key, suggestion, begun] = [newName(), "", false];
    show("sent", words["ticket.sent"]);
  } catch (error) {
    const wrong = error.problem?.errors?.map(({ field }) => form.elements[field]).filter(Boolean) ?? [];
    // the words were sent under this name before, and changed since: they are another ticket
    if (error.status === 422 && !wrong.length) key = newName();
    fault.textContent = wrong.length ? words[wrong[0].name === "email" ? "ticket.flaw.email.address" : `ticket.flaw.${wrong[0].name}.empty`]
      : words[error.status === 429 ? "ticket.said.wait" : "ticket.said.later"];
    wrong[0]?.focus();
  }
  send.removeAttribute("aria-disabled");
});
views.sent = el("div", { hidden: true });

// ------------------------------------------------------------------ into the page

const sheet = new CSSStyleSheet();
sheet.replaceSync(`
:host { all: initial; --ground: #fff; --raised: #f4f7f5; --ink: #1b211e; --soft: #55605a; --line: #dde4e0; --edge: #7a857f; --link: #14603f;
  --brand: #1f6b4a; --mark: #fff0b3; --on-mark: #1b211e; --focus: #0b57d0; --wrong: #a81b1b; --notice: #fdf1dc; --on-notice: #5a3a00; color-scheme: light dark; }
@media (prefers-color-scheme: dark) { :host { --ground: #131715; --raised: #1c2220; --ink: #e6ebe8; --soft: #a6b1ab; --line: #313935; --edge: #7d8983;
  --link: #83d3ab; --brand: #1b5c40; --mark: #5c4a00; --on-mark: #fff6d6; --focus: #8ab4ff; --wrong: #ff9b93; --notice: #3a2a08; --on-notice: #ffdf9e; } }
* { box-sizing: border-box; }
[hidden] { display: none !important; }
.launch, .panel { font: 16px/1.7 "Hiragino Sans", "Noto Sans JP", "Noto Sans CJK JP", "Yu Gothic UI", Meiryo, system-ui, sans-serif; color: var(--ink); }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; }
[tabindex='-1']:focus { outline: none; }
button { font: inherit; cursor: pointer; }
.launch { position: fixed; right: 1.25rem; bottom: 1.25rem; z-index: 2147483000; padding: .7rem 1.4rem; color: #fff; font-weight: 600; background: var(--brand);
  border: 0; border-radius: 2rem; box-shadow: 0 4px 20px rgb(0 0 0 / 25%); }
.panel { position: fixed; right: 1.25rem; bottom: 5.25rem; z-index: 2147483000; display: flex; flex-direction: column; width: 25rem; height: min(38rem, calc(100dvh - 6.5rem));
  background: var(--ground); border-radius: 1rem; box-shadow: 0 0 0 1px var(--line), 0 12px 48px rgb(0 0 0 / 25%); overflow: hidden; overflow-wrap: anywhere; line-break: strict; }
header { display: flex; align-items: center; gap: .5rem; padding: .6rem .8rem; background: var(--raised); }
h2 { flex: 1; margin: 0; font-size: 1rem; line-height: 1.5; }
.icon { width: 2.25rem; height: 2.25rem; flex: none; font-size: 1.4rem; line-height: 1; color: var(--ink); background: none; border: 0; border-radius: 50%; }
.icon:hover { background: var(--line); }
.stage { flex: 1; overflow-y: auto; padding: 1rem; overscroll-behavior: contain; }
input, textarea { width: 100%; min-height: 2.75rem; padding: .5rem .9rem; font: inherit; color: var(--ink); background: var(--ground); border: 1px solid var(--edge); border-radius: .6rem; }
[type=search] { border-radius: 1.5rem; }
p { margin: 0 0 1rem; }
a { color: var(--link); text-underline-offset: .2em; }
.status { margin: .6rem 0; font-size: .9rem; color: var(--soft); }
.notice { padding: .6rem .9rem; font-weight: 600; color: var(--on-notice); background: var(--notice); border-radius: .6rem; }
.wrong { color: var(--wrong); font-weight: 600; }
.status:empty { display: none; }
.hits { list-style: none; margin: 0 0 1rem; padding: 0; }
.hits li + li { border-top: 1px solid var(--line); }
.hits a, .hits button { display: block; width: 100%; padding: .7rem .25rem; text-align: start; color: var(--ink); text-decoration: none; background: none; border: 0; }
.hits a:hover strong, .hits button:hover strong { text-decoration: underline; }
.hits strong { display: block; color: var(--link); }
.hits em { display: block; font-style: normal; font-size: .9rem; color: var(--soft); }
.hits span { display: -webkit-box; -webkit-line-clamp: 2; -webkit-box-orient: vertical; overflow: hidden; font-size: .88rem; line-height: 1.6; }
mark { background: var(--mark); color: var(--on-mark); }
.button { min-height: 2.75rem; padding: .4rem 1.3rem; font-weight: 600; color: #fff; background: var(--brand); border: 1px solid var(--brand); border-radius: 1.5rem; }
.button[aria-disabled] { opacity: .6; }
.quiet { color: var(--link); background: none; border-color: var(--edge); }
.row { display: flex; flex-wrap: wrap; gap: .6rem; margin: 0; }
.helped { margin-top: 1.5rem; padding: 1rem; background: var(--raised); border-radius: .75rem; }
.field label { display: block; font-weight: 700; }
.hint { display: block; margin-bottom: .2rem; font-size: .85rem; line-height: 1.5; color: var(--soft); }
.number { font-size: 1.4rem; font-weight: 700; letter-spacing: .05em; }
.prose { font-size: .95rem; line-height: 1.8; }
.prose :is(h2, h3, h4) { margin: 1.6em 0 .5em; font-size: 1.1rem; }
.prose :is(ul, ol) { padding-left: 1.4rem; margin: 0 0 1rem; }
.prose img { max-width: 100%; height: auto; }
.prose table { display: block; max-width: 100%; overflow-x: auto; border-collapse: collapse; font-size: .88rem; margin-bottom: 1rem; }
.prose th, .prose td { padding: .4rem .6rem; border-bottom: 1px solid var(--line); text-align: start; vertical-align: top; }
.prose th { background: var(--raised); }
.prose .note { margin: 0 0 1rem; padding: .7rem .9rem; background: var(--raised); border-left: 4px solid var(--brand); }
.prose pre { overflow-x: auto; padding: .7rem; background: var(--raised); }
@media (max-width: 30rem) { .panel { inset: 0; width: auto; height: auto; border-radius: 0; } .panel:not([hidden]) + .launch { display: none; } }
@media print { .launch, .panel { display: none; } }
`);
shadow.adoptedStyleSheets = [sheet];
stage.append(...Object.values(views));
shadow.append(panel, button);
title.textContent = words["widget.title"];
root.lang = SITE.locales[locale].language;
panel.addEventListener("keydown", (event) => {
  // the keys of the page around us must not act on what is typed here
  event.stopPropagation();
  if (event.key === "Escape" && !event.isComposing) close();
});
document.addEventListener("click", (event) => {
  if (event.target.closest?.("a[href$='#kb-help']")) event.preventDefault(), begin();
});
document.body.append(root);
