"""How long from a keystroke to painted results at the agents' desk, in Chromium with a slowed processor?

    .venv/bin/python benchmarks/desk.py [--slower 4] [--articles articles] [--gap 180]

Serves the bundled articles by `kb serve` with one worker, signs in as an agent, types queries letter by
letter and, for Japanese, as an input method composes them. A time runs from the browser's own time stamp of
the event to the end of the frame in which the list changed: request, search, answer and drawing are all in
it; there is no debounce. Keystrokes whose results were overtaken by the next one's are counted apart, those
that change nothing but white space are left out.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import CDPSession, Page, sync_playwright

from kb import tokens
from kb.deflection.store import EventStore, database_url
from kb.roles import Role

ENGLISH = (
    "refund not arrived",
    "forgot password",
    "change delivery address",
    "no sound tablet",
    "angry customer",
)
JAPANESE = ("へんきんがおそい", "ぱすわーどをわすれた", "おとがでない", "とどかない", "りょうしゅうしょ")
WATCH = """
window.keystrokes = [];
let last = "";
document.addEventListener("input", (event) => {
  const words = event.target.value.trim();
  const news = event.target.id === "desk-q" && words !== last;
  if (news) window.keystrokes.push({ at: event.timeStamp, painted: 0 });
  last = words;
}, true);
addEventListener("load", () => {
  new MutationObserver(() => {
    const waiting = window.keystrokes.filter((each) => !each.painted);
    requestAnimationFrame(() => setTimeout(() => {
      const now = performance.now();
      waiting.at(-1) && (waiting.at(-1).painted ||= now);
      waiting.slice(0, -1).forEach((each) => (each.painted ||= -1));
    }));
  }).observe(document.getElementById("desk-hits"), { childList: true });
});
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--slower", type=float, default=4.0)
    parser.add_argument("--articles", type=Path, default=Path("articles"))
    parser.add_argument("--gap", type=int, default=180, help="milliseconds between keystrokes")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kb-desk-") as var:
        command = [sys.executable, "-m", "kb", "serve", "--articles", str(options.articles), "--var", var,
                   "--port", "0", "--workers", "1"]  # fmt: skip
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as server:
            try:
                measure(address(server), Path(var), options)
            finally:
                server.terminate()


def address(server: subprocess.Popen[str]) -> str:
    assert server.stdout is not None
    for line in server.stdout:
        if found := re.search(r"http://[\w.:\[\]]+", line):
            return found[0]
    raise SystemExit("kb serve did not start")


def measure(url: str, var: Path, options: argparse.Namespace) -> None:
    with EventStore(database_url(var)) as store:
        store.migrate()
        token = tokens.create(store, Role.AGENT, "benchmark")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=options.chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(f"{url}/signin?next=/agent")
        page.locator("[name=token]").fill(token)
        page.keyboard.press("Enter")
        page.wait_for_url("**/agent*")
        keys = page.context.new_cdp_session(page)
        keys.send("Emulation.setCPUThrottlingRate", {"rate": options.slower})
        page.add_init_script(WATCH)
        for locale, queries in (("en", ENGLISH), ("ja", JAPANESE)):
            page.goto(f"{url}/agent?locale={locale}")
            for query in (queries[0], *queries):  # the first warms up
                if query is queries[0]:
                    page.evaluate("window.keystrokes = []")
                enter(page, keys, query, locale, options.gap)
            tell(locale, page.evaluate("window.keystrokes"), options)
        browser.close()


def enter(page: Page, keys: CDPSession, query: str, locale: str, gap: int) -> None:
    """Types a query after another one was there, as on the next call."""
    page.locator("#desk-q").select_text()
    for end in range(1, len(query) + 1):
        if locale == "ja":
            keys.send(
                "Input.imeSetComposition", {"text": query[:end], "selectionStart": end, "selectionEnd": end}
            )
        else:
            page.keyboard.type(query[end - 1])
        page.wait_for_timeout(gap)
    if locale == "ja":
        keys.send("Input.insertText", {"text": query})
        page.wait_for_timeout(gap)


def tell(locale: str, keystrokes: list[dict[str, float]], options: argparse.Namespace) -> None:
    times = sorted(each["painted"] - each["at"] for each in keystrokes if each["painted"] > 0)
    overtaken = sum(each["painted"] < 0 for each in keystrokes)
    same = len(keystrokes) - len(times) - overtaken
    p95 = times[int(0.95 * (len(times) - 1))]
    print(
        f"{locale}: {len(times)} keystrokes, {options.slower:g} x slower: "
        f"median {statistics.median(times):.0f} ms, 95th percentile {p95:.0f} ms, "
        f"longest {times[-1]:.0f} ms; "
        f"{overtaken} overtaken, {same} changed nothing"
    )


if __name__ == "__main__":
    main()
