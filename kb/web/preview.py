"""What is served is a preview of a branch: no search engine may keep it. Added by `kb.api` when it is one."""

from __future__ import annotations

import falcon


class NoIndex:
    """Says so on every answer; the banner is in `base.html`."""

    def process_response(
        self, req: falcon.Request, resp: falcon.Response, resource: object, req_succeeded: bool
    ) -> None:
        resp.set_header("X-Robots-Tag", "noindex, nofollow")
