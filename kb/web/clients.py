"""Who is asking, for rate limits only: an address is never logged or stored. Called by `middleware`."""

from __future__ import annotations

import time
from functools import lru_cache
from ipaddress import ip_address, ip_network

import falcon
import limits
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from kb.errors import TooManyRequests
from kb.settings import Settings


class Limiter:
    """Counts requests of each client address in this process; does nothing when the limit is off."""

    def __init__(self, settings: Settings, rate: str | None = None) -> None:
        """`rate`: another one than KB_RATE_LIMIT, for what costs more; that setting's `off` ends it, too."""
        wanted = settings.rate_limit and (settings.rate_limit if rate is None else rate)
        self._rate = limits.parse(wanted) if wanted else None
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        trusted = tuple(ip_network(each) for each in settings.trusted_proxies)

        @lru_cache(maxsize=1024)
        def is_trusted(address: str) -> bool:
            try:
                return any(ip_address(address) in network for network in trusted)
            except ValueError:
                return False

        self._is_trusted = is_trusted

    def check(self, req: falcon.Request) -> None:
        """Raises TooManyRequests."""
        if self._rate is None:
            return
        client = self.client_of(req)
        # This machine's own programs, or a proxy beside us that does not say whom it speaks for: to
        # count all its readers as one would lock everybody out.
        if _is_local(client):
            return
        if not self._limiter.hit(self._rate, client):
            reset = self._limiter.get_window_stats(self._rate, client).reset_time
            raise TooManyRequests(max(1, round(reset - time.time())))

    def client_of(self, req: falcon.Request) -> str:
        """The nearest address that is no trusted proxy; what stands left of it, anyone can write."""
        address: str = req.remote_addr or "127.0.0.1"
        hops = [each.strip() for each in req.env.get("HTTP_X_FORWARDED_FOR", "").split(",") if each.strip()]
        while hops and self._is_trusted(address):
            address = hops.pop()
        return address


@lru_cache(maxsize=1024)
def _is_local(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
