"""What stands around the router of every process, whatever it serves: health outside, and inside it the guard."""

from collections.abc import Callable

from litestar.types import ASGIApp

from titan.config import Settings
from titan.http.guard import Guard
from titan.http.health import Health, health
from titan.observability.metrics import Metrics
from titan.observability.traces import Traces


def around(settings: Settings, metrics: Metrics, checks: Health, traces: Traces) -> Callable[[ASGIApp], ASGIApp]:
    """Give what wraps the router of a process as its settings say."""
    extended = settings.error_body == "extended"

    def wrap(app: ASGIApp) -> ASGIApp:
        guarded = Guard(app, metrics=metrics, extended=extended, in_flight_limit=settings.max_in_flight, traces=traces)
        return health(guarded, checks, metrics if settings.enable_metrics else None, extended=extended)

    return wrap
