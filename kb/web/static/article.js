/* An article's page: how it is read, copying the address of a heading, and the answer to "did this help?"
   without leaving the place. */

import { follow, tell } from "./reading.js";

const main = document.getElementById("main");
const { api, locale, article, said } = main.querySelector("[data-article]").dataset;

/** The search that led here; then the address without it, so that who is sent the link did not search. */
function searchBehind() {
  const here = new URL(location.href);
  const search = here.searchParams.get("s") ?? history.state?.search;
  ["s", "n"].forEach((name) => here.searchParams.delete(name));
  history.replaceState({ ...history.state, search }, "", here);
  return search ?? undefined;
}

function copyLinks() {
  const status = document.createElement("p");
  status.className = "toast";
  status.setAttribute("role", "status");
  document.body.append(status);
  let timer;
  main.addEventListener("click", async (event) => {
    const link = event.target.closest?.("a.anchor");
    if (!link || !navigator.clipboard || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    history.replaceState(history.state, "", link.hash);
    try {
      await navigator.clipboard.writeText(link.href);
      status.textContent = said;
      clearTimeout(timer);
      timer = setTimeout(() => (status.textContent = ""), 3000);
    } catch {
      location.assign(link.href);
    }
  });
}

/** Send the form and put what the answer's page shows in its place; if that fails, as without a script. */
function answerInPlace() {
  main.addEventListener("submit", async (event) => {
    const form = event.target, button = event.submitter;
    const section = form.closest("#feedback");
    if (!section) return;
    event.preventDefault();
    button.setAttribute("aria-disabled", "true");
    try {
      const fields = new URLSearchParams(new FormData(form, button));
      const answer = await fetch(form.action, { method: "POST", body: fields });
      if (!answer.ok) throw new Error(answer.status);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      section.replaceChildren(...page.getElementById("feedback").childNodes);
      section.focus();
    } catch {
      if (button.name) form.append(Object.assign(document.createElement("input"), { type: "hidden", name: button.name, value: button.value }));
      form.submit();
    }
  });
}

const search = searchBehind();
follow(main.querySelector(".prose"), (totals) =>
  tell(api, [{ type: "view", locale, article, search_id: search, entry: "article", ...totals }]));
copyLinks();
answerInPlace();
