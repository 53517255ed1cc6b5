"""gunicorn's thread worker, as `kb.serve` runs it: connections shared out, quick answers without a thread,
refusals in our own form.
"""

from __future__ import annotations

import ctypes
import mmap
import selectors
import signal
import socket
import threading
import time
from contextlib import suppress
from functools import partial
from typing import Any

import structlog
from gunicorn.workers import gthread  # type: ignore[import-untyped]

from kb import wire
from kb.lending import Lending
from kb.processes import heard

_SLOTS = 64
"""Workers that are told apart."""
_NOBODY = -1
LET_SECONDS, LET_TIMES = 0.001, 5
"""How long, and how often, a worker that has more connections leaves a new one to the others."""
NOTICE_SECONDS = 0.5
"""Between two times that a worker tells gunicorn that it lives; one that did not for thirty is ended."""
_M_ARENA_MAX = -8  # malloc.h


class Connections:
    """How many each worker has open, in memory that all share; made before they are forked.

    A browser or a proxy keeps its connection, and who wins the race for a new one is chance: of 32 readers 26
    came to one of two workers, and waited for each other.
    """

    def __init__(self) -> None:
        self._counts = memoryview(mmap.mmap(-1, 4 * _SLOTS)).cast("i")
        for slot in range(_SLOTS):
            self._counts[slot] = _NOBODY

    def tell(self, worker: int, count: int) -> None:
        """`worker`: its number in the order in which they were started."""
        self._counts[worker % _SLOTS] = count

    def leave(self, worker: int) -> None:
        """It takes no more, or has ended, however it ended."""
        self._counts[worker % _SLOTS] = _NOBODY

    def ahead(self, worker: int) -> bool:
        """Whether another worker has fewer."""
        own = self._counts[worker % _SLOTS]
        return any(_NOBODY < count < own for count in self._counts)


def _share_one_heap() -> None:
    """The C library gives each thread a heap of its own, none of which gives back what it once held.

    Some 10 MB a worker; who allocates holds Python's lock anyway. Elsewhere than in glibc nothing happens.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


class _Given:
    """What gunicorn takes for a thread's future, of an answer that the loop gave itself."""

    def __init__(self, kept: Any) -> None:
        """`kept`: whether the connection goes on."""
        self._kept = kept

    def cancelled(self) -> bool:
        return False

    def result(self) -> Any:
        return self._kept


class Worker(gthread.ThreadWorker):  # type: ignore[misc]
    """Its loop answers what is asked. While one answer takes long, or waits for its client, a stand-in goes
    on with the loop, whose answers are given by gunicorn's threads.

    gunicorn has threads give all of them: three handovers each, and in a busy worker each thread waits for
    Python's lock. What the parser refuses is answered as we do, and no address is logged.
    """

    _let = 0
    """How often a waiting connection was left to others."""
    _next_notice = 0.0
    _answered: Any = None
    """The connection that stays registered while the loop answers what was asked over it."""

    def init_process(self) -> None:
        self.lending = Lending()
        self._main = threading.get_ident()
        _share_one_heap()
        self._closers = wire.begin(self.cfg, self._waits)
        super().init_process()

    def forked_from(self, arbiter: Any) -> None:
        """Until a worker has handlers of its own, signals go to its copy of the arbiter's, and wait there."""
        self._signals = arbiter.SIG_QUEUE

    def run(self) -> None:
        while not self._signals.empty():
            if self._signals.get_nowait() in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
                self.alive = False
        wire.settle(self.cfg)
        threading.Thread(target=self._stand_in, name="stand-in", daemon=True).start()
        try:
            super().run()
        finally:
            self._closers.shutdown(wait=False, cancel_futures=True)

    def _stand_in(self) -> None:
        while True:
            self.lending.take()
            try:
                if self._answered is not None:
                    self.poller.unregister(self._answered.sock)
                    self._answered = None
                while self.lending.answering:
                    self.notify()
                    self.wait_for_and_dispatch_events(1.0)
                    self.murder_keepalived()
                    self.murder_pending()
            except Exception:
                # in the main thread it would end the worker, and gunicorn start another
                structlog.get_logger("kb").exception("the loop failed")
                self.alive = False
            finally:
                self.lending.give_back()

    def _waits(self) -> None:
        """Whoever answers is about to wait for a client; a thread of gunicorn's may."""
        if threading.get_ident() == self._main:
            self.lending.wait()

    def wake(self) -> None:
        """End the loop's waiting, whoever runs it."""
        self.method_queue.defer(lambda: None)

    def notify(self) -> None:
        """Called in each round of the loop, so the others' knowledge is fresh; gunicorn looks at seconds."""
        now = time.monotonic()
        if now >= self._next_notice:
            self._next_notice = now + NOTICE_SECONDS
            super().notify()
        if self.alive:
            self.app.connections.tell(self.age, self.nr_conns)
        else:  # it takes no more
            self.app.connections.leave(self.age)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """What was heard before the loop was lent the stand-in has heard, too, or will be heard again."""
        times = self.lending.times
        for key, _ in self.poller.select(timeout):
            key.data(key.fileobj)
            if times != self.lending.times:
                break

    def on_client_socket_readable(self, conn: Any, client: socket.socket) -> None:
        """A connection that is kept stays registered unless the loop is lent meanwhile.

        gunicorn takes it out and puts it back for each answer.
        """
        if self.lending.lent:
            super().on_client_socket_readable(conn, client)
            return
        self.keepalived_conns.remove(conn)
        self._answered = conn
        kept = self._answer(conn)
        registered, self._answered = self._answered is not None, None
        if kept and registered and self.alive and not conn.parser.unreader.buf.getvalue():
            conn.set_timeout()
            self.keepalived_conns.append(conn)
        else:
            if registered:
                self.poller.unregister(client)
            self.finish_request(conn, _Given(kept))

    def enqueue_req(self, conn: Any) -> None:
        """A new connection that says nothing yet waits at the loop.

        gunicorn has a thread wait for its first byte, up to five seconds: connections that browsers open
        ahead would hold them all. Requests sent without waiting for answers are for threads, so that others
        are heard between them.
        """
        if conn.initialized:
            ahead = conn.parser.unreader.buf.getvalue()
        elif conn.data_ready or heard(conn.sock.fileno(), 0):
            conn.data_ready, ahead = True, b""
        else:
            conn.sock.setblocking(False)
            conn.set_timeout()
            self.pending_conns.append(conn)
            readable = partial(self.on_pending_socket_readable, conn)
            self.poller.register(conn.sock, selectors.EVENT_READ, readable)
            return
        if ahead or self.lending.lent:
            super().enqueue_req(conn)
        else:
            self.finish_request(conn, _Given(self._answer(conn)))

    def _answer(self, conn: Any) -> Any:
        """Whether the connection goes on."""
        self.lending.begin()
        try:
            return self.handle(conn)
        except Exception:
            # what could not even be refused ends its connection, not the worker; gunicorn says nothing of it
            structlog.get_logger("kb").exception("a connection failed")
            return False
        finally:
            self.lending.end(self.wake)

    def handle_quit(self, sig: int, frame: Any) -> None:
        """An answer under way is given to its end."""
        if self.lending.answering:
            self.handle_exit(sig, frame)
        else:
            super().handle_quit(sig, frame)

    def accept(self, listener: socket.socket) -> None:
        """Not at once while another worker has fewer; it may be busy, so not for long either."""
        connections = self.app.connections
        connections.tell(self.age, self.nr_conns)
        if self._let < LET_TIMES and connections.ahead(self.age):
            self._let += 1
            time.sleep(LET_SECONDS)
            return
        self._let = 0
        super().accept(listener)

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: Exception) -> None:
        wire.refuse(client, exc)
