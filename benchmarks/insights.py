"""How long does the insights page take over a quarter of the simulated year?

    .venv/bin/python benchmarks/year.py --keep FOLDER        # makes the year
    .venv/bin/python benchmarks/insights.py FOLDER

Asks the application itself, without a network: the page over the last quarter with each window, the first one
again at the end, and the page about one article. The tables are brought up to date before.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import structlog
from falcon.testing import TestClient

from kb import tokens
from kb.api import create_app
from kb.deflection.store import EventStore, database_url
from kb.index.live import LiveIndex
from kb.roles import Role
from kb.web.parts import Parts
from kb.web.reports import sources_of

QUARTER = "from=2026-07-01&to=2026-09-30"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with EventStore(database_url(options.folder)) as store:
        store.migrate()
        parts = Parts(live=LiveIndex(options.folder / "var"), store=store)
        sources_of(parts).catch_up(lambda done, of: print(f"  {done:,} of {of:,}", end="\r", file=sys.stderr))
        client = TestClient(create_app(parts))
        token = tokens.create(store, Role.WRITER, "benchmark")
        for window in ("24h", "1h", "7d", "24h"):
            ask(client, token, f"/insights?{QUARTER}&window={window}")
        ask(client, token, f"/insights/articles/ja/returns/refund?{QUARTER}")


def ask(client: TestClient, token: str, address: str) -> None:
    path, _, query = address.partition("?")
    started = time.perf_counter()
    answer = client.simulate_get(path, query_string=query, headers={"Authorization": f"Bearer {token}"})
    seconds = time.perf_counter() - started
    print(f"{seconds:5.2f} s  {answer.status_code}  {len(answer.content):,} bytes  {address}")


if __name__ == "__main__":
    main()
