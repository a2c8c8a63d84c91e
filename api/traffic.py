"""What this process serves, counted as it goes: requests by route, their answers, and how long the answers took."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.process_collector import ProcessCollector
from starlette.types import Scope

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
ELSEWHERE = "(none)"
"""The route of a request that no route takes; without it, whoever guesses paths would make a time series of each."""
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


UNDER_WAY = ("mediascribe_http_requests_in_progress", "Requests under way, open streams among them.")
REQUESTS = ("mediascribe_http_requests", "Requests that were answered, or given up by the client (status 499).")
SECONDS = (
    "mediascribe_http_request_duration_seconds",
    "Until the answer began; a long poll waits as long as it was asked to.",
)
OF_THE_PROCESS = (
    (UNDER_WAY[0], "gauge", (), UNDER_WAY[1]),
    (REQUESTS[0], "counter", ("method", "route", "status"), REQUESTS[1]),
    (SECONDS[0], "histogram", ("method", "route"), SECONDS[1]),
)
"""Name, type, labels and words of each, for the page that describes them."""


class Traffic:
    """The requests of one process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._under_way = Gauge(*UNDER_WAY, registry=registry)
        self._requests = Counter(*REQUESTS, ("method", "route", "status"), registry=registry)
        self._seconds = Histogram(*SECONDS, ("method", "route"), buckets=BUCKETS, registry=registry)
        ProcessCollector(registry=registry)

    def begin(self) -> None:
        """A request has come."""
        self._under_way.inc()

    def end(self, scope: Scope, status: int, *, seconds: float) -> None:
        """It was answered; `seconds` until the answer began."""
        self._under_way.dec()
        method = scope["method"] if scope["method"] in METHODS else "OTHER"
        route = getattr(scope.get("route"), "path_format", ELSEWHERE)
        self._requests.labels(method, route, str(int(status))).inc()
        self._seconds.labels(method, route).observe(seconds)
