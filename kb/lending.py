"""A worker's loop, lent to a second thread while the first one is held up. Used by `worker`."""

from __future__ import annotations

import threading
from collections.abc import Callable

LONG_SECONDS = 0.05
"""Of one answer, after which another thread takes over the loop: less than anybody notices.

To look ten times as often costs a busy worker a twentieth of its time, since each look waits for Python's
lock, and whoever is only kept off the processor for a moment is taken for slow: every hundredth search then
took a third longer.
"""


class Lending:
    """Whose the loop is: the main thread's, and a stand-in's while an answer of the main thread takes long.

    The main thread says when it begins to answer, when it has, and when it must wait for a client; the
    stand-in looks now and then whether it is still the same answer, and sleeps where nothing is asked.
    """

    def __init__(self, seconds: float = LONG_SECONDS) -> None:
        self.lent = False
        self.times = 0
        """How often it was lent."""
        self.answering = False
        self._seconds = seconds
        self._answer = self._waits = 0
        """Number of the latest, and of the latest that had to wait for a client."""
        self._changing, self._waiting = threading.Lock(), threading.Lock()
        self._waiting.acquire()
        self._returned, self._woken = threading.Semaphore(0), threading.Semaphore(0)
        self._asleep = False

    def begin(self) -> None:
        """The main thread begins an answer."""
        self._answer += 1
        self.answering = True
        if self._asleep:
            self._asleep = False
            self._woken.release()

    def wait(self) -> None:
        """The main thread is about to wait for a client: the loop is lent at once."""
        self._waits = self._answer
        if self._waiting.locked():
            self._waiting.release()

    def end(self, ask_back: Callable[[], None]) -> None:
        """It has answered; waits for the loop if that was lent. `ask_back` ends the stand-in's waiting."""
        with self._changing:
            self.answering = False
            lent = self.lent
        if lent:
            ask_back()
            self._returned.acquire()

    def take(self) -> None:
        """The stand-in waits until one answer takes long; then the loop is its own."""
        while True:
            answer = self._answer
            waiting = self._waiting.acquire(timeout=self._seconds)
            with self._changing:
                # an answer that waited may be given by now, and the next one be quick
                slow = self._waits == self._answer or (not waiting and answer == self._answer)
                if self.answering and slow:
                    self.lent, self.times = True, self.times + 1
                    return
            if not self.answering and answer == self._answer:
                self._sleep()

    def _sleep(self) -> None:
        self._asleep = True
        if self.answering:  # begun before it could see that nobody looks
            self._asleep = False
        else:
            self._woken.acquire()

    def give_back(self) -> None:
        """The stand-in will not touch the loop any more, whether the answer has been given or not."""
        with self._changing:
            self.lent = False
            if not self.answering:
                self._returned.release()
