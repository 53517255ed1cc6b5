"""HTTP: addresses, pages and answers; the edge of the service, put together by `kb.api`."""
