/* A text box that proposes while somebody types, after the ARIA Authoring Practices ("editable combobox with
   list"): the focus stays in the box, the list is walked with the arrows, and Enter without a choice sends
   the form as it always did. Without this file the form works the same.

   Input methods: until a conversion is committed every key belongs to the input method, so none is looked
   at; what is proposed follows the reading under way all the same. */

const WAIT_MS = 120;
const KEPT = 50;

let made = 0;

/** Whether a key belongs to an input method. Safari ends the composition before its Enter, and says 229. */
export const isComposing = (event) => event.isComposing || event.keyCode === 229;

/**
 * Make `input` a combobox whose list stands in `holder`.
 * `find(text, signal)`: a promise of `[{text, url}]`. `words`: `{label, none, one, many}`, with `{count}`.
 */
export function combobox(input, holder, find, words) {
  const list = document.createElement("div");
  const said = document.createElement("p");
  list.id = `options-${++made}`;
  list.className = "options";
  list.hidden = true;
  said.className = "unseen";
  for (const [name, value] of [["role", "listbox"], ["aria-label", words.label]]) list.setAttribute(name, value);
  said.setAttribute("role", "status");
  holder.append(list, said);
  for (const [name, value] of Object.entries({
    role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": list.id,
    autocapitalize: "none", spellcheck: "false",
  })) input.setAttribute(name, value);

  const known = new Map();
  let timer, asking, shownFor = "";
  let chosen = -1;

  const options = () => list.children;
  const isOpen = () => !list.hidden;

  function choose(place) {
    options()[chosen]?.setAttribute("aria-selected", "false");
    chosen = place;
    const option = options()[place];
    if (!option) return input.removeAttribute("aria-activedescendant");
    option.setAttribute("aria-selected", "true");
    option.scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", option.id);
  }

  function close() {
    clearTimeout(timer);
    asking?.abort();
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    choose(-1);
  }

  function show(text, found) {
    choose(-1);
    shownFor = text;
    list.replaceChildren(...found.map(({ text, url }, place) => {
      const option = document.createElement("a");
      option.id = `${list.id}-${place}`;
      option.href = url;
      option.tabIndex = -1;
      option.textContent = text;
      option.setAttribute("role", "option");
      option.setAttribute("aria-selected", "false");
      return option;
    }));
    list.hidden = !found.length;
    input.setAttribute("aria-expanded", String(found.length > 0));
    const count = found.length === 1 ? words.one : found.length ? words.many : words.none;
    said.textContent = count.replace("{count}", found.length);
  }

  async function ask() {
    const text = input.value.trim();
    asking?.abort();
    if (!text) return close();
    if (known.has(text)) return show(text, known.get(text));
    const mine = asking = new AbortController();
    try {
      const found = await find(text, mine.signal);
      if (known.size >= KEPT) known.clear();
      known.set(text, found);
      // an answer that somebody has typed past is thrown away
      if (asking === mine && !mine.signal.aborted && document.activeElement === input) show(text, found);
    } catch {
      // no net, or too many questions: the box is still a box
      if (asking === mine && !mine.signal.aborted) close();
    }
  }

  function walk(step) {
    const count = options().length;
    // one place more than there are options: the box itself
    choose(((chosen + 1 + step + count + 1) % (count + 1)) - 1);
  }

  function reopen() {
    if (shownFor === input.value.trim() && options().length) {
      list.hidden = false;
      input.setAttribute("aria-expanded", "true");
    } else ask();
  }

  const keys = {
    ArrowDown: () => (isOpen() ? walk(1) : reopen()),
    ArrowUp: () => (isOpen() ? walk(-1) : false),
    Enter: () => (isOpen() && chosen >= 0 ? options()[chosen].click() : false),
    Escape: () => (isOpen() ? close() : false),
    Tab: () => (close(), false),
  };

  input.addEventListener("keydown", (event) => {
    if (isComposing(event) || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (event.altKey && event.key === "ArrowUp") return close();
    const act = keys[event.key];
    if (act && act() !== false) event.preventDefault();
  });
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, WAIT_MS);
  });
  input.addEventListener("blur", close);
  input.form?.addEventListener("submit", close);
  // a press on the list must not take the focus out of the box
  list.addEventListener("mousedown", (event) => event.preventDefault());
  addEventListener("pagehide", close);
  return { close };
}
