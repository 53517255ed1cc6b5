// The agents' desk. The page works without this; with it results come while typing, and hands stay on the keys.
// An input method has the keys first: nothing here reacts while a conversion is under way.

const PATIENCE = 120; // ms that a search under way may keep the next one waiting; then it is given up
const LOOK_AHEAD = 300; // ms without typing until the first result is shown at full length
const LISTED = 10;
const RECENT = 12;
const KEPT = 60; // previews held, so that going back to one is immediate

const $ = (id) => document.getElementById(id);
const input = $("desk-q");
const list = $("desk-hits");
const pane = $("desk-preview");
const ticket = $("desk-ticket");
const note = $("desk-note");
const form = $("desk-mark");
const words = $("desk-words").dataset;
const { prefix, locale } = $("desk-panes").dataset;

let items = []; // what can be chosen, in the order of the screen
let chosen = -1;
let intent = newIntent();
let searched = input.value.trim();
let asking = null; // AbortController of the search under way
let pending = Promise.resolve();
let leaving = false; // to the sign-in page
let timer = 0;
let lookAhead = 0;
let wanted = ""; // address of the preview that was asked for last
const previews = new Map();

// ------------------------------------------------------------ what is remembered

function remembered(name, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(`kb.desk.${name}`)) ?? otherwise;
  } catch {
    return otherwise; // storage is off, or was written by something else
  }
}

function remember(name, value) {
  try {
    localStorage.setItem(`kb.desk.${name}`, JSON.stringify(value));
  } catch {
    // full or off: then it is not remembered
  }
}

const listed = (name) => {
  const found = remembered(name, []);
  return Array.isArray(found) ? found.filter((each) => each && each.id && each.locale && each.title) : [];
};
const same = (one, other) => one.id === other.id && one.locale === other.locale;
const without = (name, item) => listed(name).filter((each) => !same(each, item));

function touch(item) {
  remember("recent", [item, ...without("recent", item)].slice(0, RECENT));
}

function forget(item) {
  remember("recent", without("recent", item));
  remember("pins", without("pins", item));
}

function newIntent() {
  return Math.random().toString(36).slice(2, 12);
}

// ------------------------------------------------------------ searching

function say(text, kind = "") {
  const line = $("desk-status");
  line.dataset.kind = kind;
  line.textContent = "";
  // emptied first, so that the same words said twice are read out twice
  requestAnimationFrame(() => (line.textContent = text));
}

/** No timer stands before a search: the first letter is searched at once, later ones when the answer is there. */
function soon() {
  const line = $("desk-status");
  if (line.textContent) line.textContent = ""; // what was said belongs to the need before
  clearTimeout(lookAhead);
  clearTimeout(timer);
  if (asking) timer = setTimeout(() => (pending = search()), PATIENCE);
  else pending = search();
}

/** Searches at once what the field holds, if it has not been searched yet. */
function now() {
  clearTimeout(timer);
  if (input.value.trim() !== searched) pending = search();
  return pending;
}

async function search() {
  const query = input.value.trim();
  if (query === searched || leaving) return;
  searched = query;
  asking?.abort();
  asking = null;
  if (!query) {
    showKept();
    return;
  }
  const mine = (asking = new AbortController());
  clearTimeout(timer);
  const parameters = new URLSearchParams({ q: query, locale, limit: LISTED, intent, entry: "agent" });
  try {
    const answer = await fetch(`${prefix}/api/v1/search?${parameters}`, { signal: mine.signal });
    // the API answers the public, too: without a role results for agents would be missing silently
    if (!/private/.test(answer.headers.get("Cache-Control") ?? "")) return signIn();
    if (!answer.ok) throw new Error(answer.status === 400 ? words.unreadable : words.offline);
    const found = await answer.json();
    if (mine === asking) showHits(found);
  } catch (error) {
    if (mine !== asking || error.name === "AbortError") return;
    searched = null; // the same words may be tried again
    say(error.message === words.unreadable ? words.unreadable : words.offline, "refused");
  }
  if (mine !== asking) return;
  asking = null;
  // what was typed meanwhile
  if (searched !== null && input.value.trim() !== searched) pending = search();
}

function signIn() {
  leaving = true;
  location.assign(`${prefix}/agent?${stateOf()}`);
}

function counted(found) {
  const corrected = found.corrected ? `${words.corrected.replace("{query}", found.corrected.query)} · ` : "";
  const count = (found.total === 1 ? words.one : words.many).replace("{count}", found.total.toLocaleString(locale));
  return corrected + (found.total ? count : found.hits.length ? words.near : words.nothing);
}

function showHits(found) {
  const made = found.hits.map((hit) =>
    option({ ...hit, at: hit.section.anchor }, hit.title_html, hit.section.title, hit.snippet_html),
  );
  listen(made);
  choose(0, false);
  list.replaceChildren(...made);
  $("desk-count").textContent = counted(found);
  clearTimeout(lookAhead);
  lookAhead = setTimeout(() => (made.length ? show(made[0]) : keepState()), LOOK_AHEAD);
}

/** A line of the list. The HTML is the service's own: texts escaped, matches within <mark>. */
function option(item, titleHtml, section = "", textHtml = "") {
  const line = $("desk-hit").content.firstElementChild.cloneNode(true);
  Object.assign(line.dataset, { id: item.id, locale: item.locale, at: item.at ?? "", title: item.title });
  line.dataset.audience = item.audience;
  line.querySelector(".desk-hit-title").innerHTML = titleHtml;
  line.querySelector(".desk-hit-section").textContent = section;
  line.querySelector(".desk-hit-text").innerHTML = textHtml;
  if (item.audience !== "agent") line.querySelector(".internal-tag").remove();
  return line;
}

/** Before anything is typed: what was pinned and read last. */
function showKept() {
  const groups = [
    [words.pins, listed("pins")],
    [words.recent, listed("recent")],
  ].filter(([, those]) => those.length);
  const made = [];
  list.replaceChildren(
    ...groups.map(([title, those], number) => {
      const group = document.createElement("li");
      group.setAttribute("role", "group");
      group.innerHTML = `<span class="desk-group" id="desk-group-${number}"></span><ul role="none"></ul>`;
      group.firstChild.textContent = title;
      group.setAttribute("aria-labelledby", `desk-group-${number}`);
      for (const each of those) {
        const line = option(each, "");
        line.querySelector(".desk-hit-title").textContent = each.title;
        if (each.locale !== locale) line.lang = each.locale;
        group.lastChild.append(line);
        made.push(line);
      }
      return group;
    }),
  );
  $("desk-count").textContent = words.start;
  listen(made);
  intent = newIntent(); // an empty field is the end of a need
  keepState();
}

function listen(made) {
  items = made;
  chosen = -1;
  input.removeAttribute("aria-activedescendant");
  made.forEach((line, number) => {
    line.id = `desk-option-${number}`;
    line.setAttribute("role", "option");
    line.setAttribute("aria-selected", "false");
  });
}

// ------------------------------------------------------------ choosing and showing

function choose(number, told = true) {
  items[chosen]?.setAttribute("aria-selected", "false");
  chosen = Math.max(0, Math.min(number, items.length - 1));
  const line = items[chosen];
  if (!line) return;
  line.setAttribute("aria-selected", "true");
  if (told) {
    input.setAttribute("aria-activedescendant", line.id);
    line.scrollIntoView({ block: "nearest" });
  }
}

function move(step) {
  if (!items.length) return;
  choose(chosen < 0 ? 0 : chosen + step);
  clearTimeout(lookAhead);
  lookAhead = setTimeout(() => show(items[chosen]), 40);
}

const itemOf = (element) => {
  const { id, locale: language, title, audience, at } = element.dataset;
  return { id, locale: language, title, audience, at };
};

const opened = () => {
  const article = pane.querySelector(".desk-article");
  return article ? itemOf(article) : null;
};

/** Puts an article beside the results; what was asked for earlier and comes later is dropped. */
async function show(line, at = line.dataset.at) {
  clearTimeout(lookAhead);
  const item = itemOf(line);
  const path = item.id.split("/").map(encodeURIComponent).join("/");
  const address = `${prefix}/agent/articles/${encodeURIComponent(item.locale)}/${path}?${new URLSearchParams({ at: at ?? "" })}`;
  wanted = address;
  try {
    const html = previews.get(address) ?? (await fetched(address, item));
    if (wanted !== address || !html) return false;
    pane.innerHTML = html;
    dress(at);
    keepState();
    return true;
  } catch {
    if (wanted === address) say(words.offline, "refused");
    return false;
  }
}

async function fetched(address, item) {
  const answer = await fetch(address);
  if (answer.status === 401) return signIn();
  if (answer.status === 404 || answer.status === 410) {
    forget(item);
    say(words.nothing, "refused");
    return "";
  }
  if (!answer.ok) throw new Error("not shown");
  const html = await answer.text();
  if (previews.size >= KEPT) previews.delete(previews.keys().next().value);
  previews.set(address, html);
  return html;
}

/** Makes the parts that need scripts usable, and goes to the section that is meant. */
function dress(at) {
  const article = pane.querySelector(".desk-article");
  if (!article) return;
  pane.querySelector(".desk-tools").hidden = false;
  showPin();
  if (form) form.elements.article.value = article.dataset.id;
  const heading = at ? article.querySelector(`.prose [id="${CSS.escape(at)}"]`) : null;
  heading?.classList.add("here");
  // a call card comes first, wherever the words were found
  const start = heading && !article.querySelector(".call-card") ? heading : null;
  pane.scrollTop = start ? start.offsetTop - pane.offsetTop - 8 : 0;
}

/** Opens for reading: the keys act on the article from now on. */
async function open(line) {
  if (!line) return;
  if (!(await show(line))) return;
  touch(itemOf(line));
  pane.focus({ preventScroll: true });
}

function back() {
  input.focus();
  input.select();
}

function showPin() {
  const button = pane.querySelector("[data-pin]");
  const item = opened();
  button?.setAttribute("aria-pressed", String(listed("pins").some((each) => same(each, item))));
}

function pin() {
  const item = opened();
  if (!item) return say(words.articleless, "refused");
  const pinned = listed("pins").some((each) => same(each, item));
  remember("pins", pinned ? without("pins", item) : [item, ...listed("pins")]);
  showPin();
  if (!searched) showKept();
  say(pinned ? words.unpinned : words.pinned);
}

// ------------------------------------------------------------ copying

async function copy(kind) {
  const item = opened();
  if (!item) return say(words.articleless, "refused");
  const source = pane.querySelector(`textarea[data-copy="${kind}"]`);
  if (!source) return say(words.refused, "refused");
  touch(item);
  if (!(await written(source.value))) return say(words.uncopied, "refused");
  const internal = item.audience === "agent";
  say(internal ? words.internal : words[kind], internal ? "refused" : "");
}

async function written(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return writtenByHand(text); // a page without https has no clipboard of its own
  }
}

function writtenByHand(text) {
  const before = document.activeElement;
  const area = document.createElement("textarea");
  area.className = "beyond";
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  before?.focus();
  return done;
}

// ------------------------------------------------------------ the ticket

async function mark(relation) {
  if (!form) return;
  const item = opened();
  const number = ticket.value.trim();
  if (!number) {
    ticket.focus();
    return say(words.numberless, "refused");
  }
  if (!item && relation !== "missing") return say(words.articleless, "refused");
  const told = { relation, locale: item && relation !== "missing" ? item.locale : locale };
  if (relation !== "missing") told.article = item.id;
  if (note.value.trim()) told.note = note.value.trim();
  try {
    const answer = await fetch(`${prefix}/api/v1/tickets/${encodeURIComponent(number)}/articles`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(told),
    });
    if (answer.status === 401) return signIn();
    if (!answer.ok) throw new Error("not marked");
    const marked = await answer.json();
    note.value = "";
    if (item && relation !== "missing") touch(item);
    say(words[relation].replace("{ticket}", marked.ticket));
  } catch {
    say(words.unmarked, "refused");
  }
}

// ------------------------------------------------------------ the address

function stateOf(language = locale) {
  const item = opened();
  const state = { locale: language, q: input.value.trim(), ticket: ticket?.value.trim(), open: item?.id, at: item?.at };
  return new URLSearchParams(Object.entries(state).filter(([, value]) => value));
}

/** A reload, and a link sent to a colleague, show the same. */
function keepState() {
  history.replaceState(null, "", `${prefix}/agent?${stateOf()}`);
}

function switchTo(language) {
  location.assign(`${prefix}/agent?${stateOf(language)}`);
}

// ------------------------------------------------------------ keys

const composing = (event) => event.isComposing || event.keyCode === 229;
const typing = (element) => element?.matches?.("input:not([type=checkbox]), textarea, select, [contenteditable]");

const SINGLE = {
  "/": back,
  c: () => copy("text"),
  l: () => copy("link"),
  r: () => copy("reply"),
  p: pin,
  o: () => pane.querySelector(".desk-page")?.click(),
  e: () => document.querySelector(".languages a")?.click(),
  j: () => move(1),
  k: () => move(-1),
  t: () => ticket?.focus(),
  s: () => mark("solved_by"),
  w: () => mark("wrong"),
  m: () => mark("missing"),
  "?": help,
};

function help() {
  $("desk-single").checked = remembered("keys", true);
  $("desk-help").showModal();
}

function section(number) {
  pane.querySelectorAll(".desk-sections a")[number - 1]?.click();
}

input.addEventListener("input", soon);
input.addEventListener("keydown", async (event) => {
  if (composing(event)) return;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    move(event.key === "ArrowDown" ? 1 : -1);
  } else if (event.key === "Enter") {
    event.preventDefault();
    await now();
    open(items[Math.max(chosen, 0)]);
  } else if (event.key === "Escape") {
    event.preventDefault();
    input.select();
  }
});

document.addEventListener("keydown", (event) => {
  if (composing(event) || event.ctrlKey || event.metaKey || event.altKey || $("desk-help").open) return;
  const inField = typing(event.target);
  if (event.key === "Escape" && event.target !== input) {
    event.preventDefault();
    back();
  }
  if (inField || !remembered("keys", true)) return;
  if (/^[1-9]$/.test(event.key)) section(Number(event.key));
  else if (Object.hasOwn(SINGLE, event.key)) {
    event.preventDefault();
    SINGLE[event.key]();
  }
});

// ------------------------------------------------------------ the mouse

list.addEventListener("click", (event) => {
  const line = event.target.closest("[role=option]");
  if (!line) return;
  choose(items.indexOf(line));
  open(line);
});

pane.addEventListener("click", (event) => {
  const tool = event.target.closest("button");
  if (tool?.dataset.copy) copy(tool.dataset.copy);
  else if (tool && "pin" in tool.dataset) pin();
  const link = event.target.closest("a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const item = opened();
  if (link.dataset.locale) {
    event.preventDefault();
    switchTo(link.dataset.locale);
  } else if ("at" in link.dataset) {
    event.preventDefault();
    show({ dataset: item }, link.dataset.at);
  } else if (!link.matches(".desk-page")) follow(event, link);
});

/** A link within an article to another one opens here, too. */
function follow(event, link) {
  const home = new URL(`${prefix}/`, location.href).pathname;
  const below = link.origin === location.origin ? link.pathname.slice(home.length) : "";
  const [, language, id] = below.match(/^([^/]+)\/articles\/(.+)$/) ?? [];
  if (!id) return;
  event.preventDefault();
  const at = decodeURIComponent(link.hash.slice(1));
  const dataset = { id: decodeURIComponent(id), locale: decodeURIComponent(language), title: link.textContent, audience: "", at };
  show({ dataset }, at).then((shown) => shown && touch(opened()));
}

document.querySelector(".languages")?.addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  switchTo(link.hreflang);
});

$("desk-search").addEventListener("submit", (event) => {
  event.preventDefault();
  now();
});
form?.addEventListener("submit", (event) => {
  event.preventDefault();
  mark(event.submitter?.value ?? "solved_by");
});
$("desk-help-open").addEventListener("click", help);
$("desk-single").addEventListener("change", (event) => remember("keys", event.target.checked));

// ------------------------------------------------------------ the page as it came

document.body.classList.add("desk-scripted");
$("desk-help-open").hidden = false;
Object.entries({
  role: "combobox", "aria-expanded": "true", "aria-controls": "desk-hits", "aria-autocomplete": "list",
}).forEach(([name, value]) => input.setAttribute(name, value));
list.setAttribute("role", "listbox");
// what can be chosen holds no link of its own
for (const link of list.querySelectorAll("a.desk-hit-body")) {
  const body = document.createElement("div");
  body.className = link.className;
  body.append(...link.childNodes);
  link.replaceWith(body);
}
if (searched) {
  listen([...list.children]);
  const current = items.findIndex((line) => "current" in line.dataset);
  if (items.length) choose(Math.max(current, 0), false);
} else showKept();
dress(pane.querySelector(".desk-article")?.dataset.at);
input.setSelectionRange(input.value.length, input.value.length);
