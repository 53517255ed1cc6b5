/* Every page: the search boxes propose while somebody types. */

import { combobox } from "./combobox.js";

/** What was typed here and not sent yet, for who comes back with the browser's button. */
function remember(input) {
  const { typed } = history.state ?? {};
  if (typed && !input.value) input.value = typed;
  input.form.addEventListener("submit", () => {
    history.replaceState({ ...history.state, typed: input.value }, "");
  });
}

for (const form of document.querySelectorAll("form[data-suggest]")) {
  const { suggest, locale, label, none, one, many } = form.dataset;
  const input = form.elements.q;
  const find = async (text, signal) => {
    const asked = new URLSearchParams({ q: text, locale });
    const answer = await fetch(`${suggest}?${asked}`, { signal });
    if (!answer.ok) throw new Error(answer.status);
    return (await answer.json()).suggestions;
  };
  combobox(input, form, find, { label, none, one, many });
  remember(input);
}
