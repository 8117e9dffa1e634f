"""What granian calls in the workers that it starts; the process that starts them needs nothing of all this."""

import os

from litestar.types import ASGIApp

from titan import factories
from titan.http.leaving import leaving
from titan.http.living import living


def write_worker() -> ASGIApp:
    """What granian calls in a worker of the write tier."""
    settings = factories.begin(os.environ)
    return living(leaving(factories.write_app(settings), drain_s=settings.drain_s))


def read_worker() -> ASGIApp:
    """What granian calls in a worker of the read tier."""
    settings = factories.begin(os.environ)
    return living(leaving(factories.read_app(settings), drain_s=settings.drain_s))


def projector_worker() -> ASGIApp:
    """What granian calls in the projector."""
    return living(factories.projector_app(factories.begin(os.environ)))


def bridge_worker() -> ASGIApp:
    """What granian calls in the bridge."""
    return living(factories.bridge_app(factories.begin(os.environ)))


def together_worker() -> ASGIApp:
    """What granian calls where everything is one process."""
    settings = factories.begin(os.environ)
    return living(leaving(factories.together_app(settings), drain_s=settings.drain_s))
