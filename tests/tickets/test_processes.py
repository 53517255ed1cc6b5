"""Many at once, and processes that die: each ticket is handed over once all the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import sqlalchemy as sa

from kb.deflection.facts import TicketFiled
from kb.deflection.store import EventStore
from kb.desk import outbox, records
from kb.desk.clerk import Clerk
from kb.desk.tables import OUTBOX

from .desks import HttpDesk, wait_until
from .filing import filed, row, webhook


def test_many_threads_at_once_hand_over_each_ticket_once(store: EventStore, desk: HttpDesk) -> None:
    tickets = {filed(store) for _ in range(20)}
    settings = webhook(desk)
    clerks = [Clerk(store, settings) for _ in range(4)]
    threads = [threading.Thread(target=clerk.work) for clerk in clerks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(desk.taken) == tickets
    assert {each["times"] for each in desk.taken.values()} == {1}
    assert records.counts(store) == {"delivered": 20}


CHILD = """
import sys
from kb.deflection.store import EventStore
from kb.desk.clerk import Clerk
from kb.settings import Secret, Settings
url, desk = sys.argv[1:]
settings = Settings(desk="webhook", desk_url=desk, desk_secret=Secret("key"), desk_timeout=1)
clerk = Clerk(EventStore(url), settings)
clerk.start()
sys.stdin.read()
"""


def url_of(store: EventStore) -> str:
    return store.url.render_as_string(hide_password=False)


def child(store: EventStore, desk: HttpDesk) -> subprocess.Popen[bytes]:
    """Another process that hands over what is due, until it is killed."""
    command = [sys.executable, "-c", CHILD, url_of(store), f"{desk.url}/tickets"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def test_two_processes_hand_over_each_ticket_once(store: EventStore, desk: HttpDesk) -> None:
    tickets = {filed(store) for _ in range(12)}
    process = child(store, desk)
    wait_until(lambda: desk.taken)
    Clerk(store, webhook(desk)).work()
    wait_until(lambda: records.counts(store) == {"delivered": 12})
    process.kill()
    process.communicate()
    assert set(desk.taken) == tickets
    assert {each["times"] for each in desk.taken.values()} == {1}


FILING = """
import os, signal, sys
from kb.deflection.store import EventStore
from kb.desk.drafts import Draft
from kb.desk.authors import Author
from kb.tickets import file_ticket
store = EventStore(sys.argv[1])
draft = Draft(subject="返金", body="まだです", locale="ja")
os.write(1, file_ticket(store, draft, Author(session="session-one"), sent=True).encode())
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_killed_between_storing_and_delivering_another_process_does_the_rest(
    store: EventStore, desk: HttpDesk
) -> None:
    killed = subprocess.run([sys.executable, "-c", FILING, url_of(store)], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    ticket = killed.stdout.decode()
    Clerk(store, webhook(desk)).work()
    assert list(desk.taken) == [ticket]
    (fact,) = store.facts_of(tickets=[ticket])
    assert isinstance(fact, TicketFiled)


def test_killed_while_the_desk_had_it_the_ticket_is_handed_over_once_by_another(
    store: EventStore, desk: HttpDesk
) -> None:
    ticket = filed(store)
    desk.faults = ["hang"]
    process = child(store, desk)
    wait_until(lambda: desk.requests)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert row(store, ticket).status == "pending"
    assert outbox.claim(store, ("ticket",), webhook(desk)) is None, "the dead process's claim still stands"
    with store.writing() as connection:
        connection.execute(sa.update(OUTBOX).values(claimed_until=0))
    Clerk(store, webhook(desk)).work()
    assert row(store, ticket).status == "delivered"
    assert list(desk.taken) == [ticket]
