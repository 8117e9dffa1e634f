"""What each process serves: applications, made in the worker that serves them, from settings.

Every process speaks HTTP, if only to say how it is and to be measured.
"""

import gc
import os
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from importlib.metadata import version
from multiprocessing import parent_process

from litestar import Litestar
from litestar.types import ASGIApp

from titan.bridge.app import Bridging
from titan.config import Settings
from titan.dev.lifeline import die_with_parent
from titan.http.around import around
from titan.http.health import Health, Probe
from titan.http.operations import OPERATIONS
from titan.http.routes import Lifespan, router
from titan.observability import logs
from titan.observability.metrics import Metrics
from titan.observability.traces import OFF, Traces, open_traces
from titan.projector.app import Projecting
from titan.read.app import Read, fronted
from titan.read.app import create_app as create_read_app
from titan.write.app import Write
from titan.write.app import create_app as create_write_app

Running = Callable[[], AbstractAsyncContextManager[None]]


def begin(environ: Mapping[str, str]) -> Settings:
    """What every worker does first: die with its master, log as told, and leave the collector little to look at."""
    master = parent_process()
    if master is not None and master.pid is not None:
        die_with_parent(master.pid)
    settings = Settings.load(environ)
    logs.configure(settings.log_level, logs.form(settings))
    # Decoded documents are many objects that die together: halves the time of large ones.
    gc.set_threshold(50_000, 20, 50)
    gc.freeze()
    return settings


def _metrics(settings: Settings) -> Metrics:
    """The figures of a worker, told apart where there are several behind one port."""
    return Metrics(worker=str(os.getpid()) if settings.workers > 1 else "")


def _traces(settings: Settings, tier: str) -> Traces:
    """The traces of a worker; its threads begin in the process that makes them."""
    if not settings.enable_tracing or settings.otlp_endpoint is None:
        return OFF
    return open_traces(
        settings.otlp_endpoint, name=f"titan-{tier}", version=version("titan-aas"), ratio=settings.trace_ratio
    )


def write_app(settings: Settings) -> Litestar:
    """A worker of the write tier."""
    metrics = _metrics(settings)
    write = Write(settings, *settings.stores(), metrics, traces=_traces(settings, "write"))
    return create_write_app(settings, metrics, write)


def read_app(settings: Settings) -> ASGIApp:
    """A worker of the read tier."""
    metrics = _metrics(settings)
    read = Read(settings, *settings.stores(), metrics, traces=_traces(settings, "read"))
    return create_read_app(settings, metrics, read)


def projector_app(settings: Settings) -> Litestar:
    """The projector."""
    metrics = _metrics(settings)
    traces = _traces(settings, "projector")
    projecting = Projecting(settings, *settings.stores(), metrics, traces=traces)
    return _quiet(settings, metrics, traces, projecting.probes, projecting.running)


def bridge_app(settings: Settings) -> Litestar:
    """The bridge."""
    metrics = _metrics(settings)
    traces = _traces(settings, "bridge")
    bridging = Bridging(settings, *settings.stores(), metrics, traces=traces)
    return _quiet(settings, metrics, traces, bridging.probes, bridging.running)


def _quiet(
    settings: Settings, metrics: Metrics, traces: Traces, probes: Mapping[str, Probe], running: Running
) -> Litestar:
    """A process that serves nothing but its health and its figures."""
    wrapped = around(settings, metrics, Health(probes, started=lambda: True), traces)
    return router({}, (), around=wrapped, lifespan=[_while(each) for each in (traces.running, running)])


def _while(running: Running) -> Lifespan:
    return lambda _: running()


def together_app(settings: Settings) -> ASGIApp:
    """All tiers in one process, for a laptop."""
    metrics = _metrics(settings)
    where = settings.stores()
    traces = _traces(settings, "aas")
    write, read = Write(settings, *where, metrics, traces=traces), Read(settings, *where, metrics, traces=traces)
    projecting = Projecting(settings, *where, metrics, traces=traces)
    bridging = Bridging(settings, *where, metrics, traces=traces)
    checks = Health(read.probes | bridging.probes, started=lambda: read.is_open() and write.is_open())
    app = router(
        write.handlers | read.handlers,
        OPERATIONS,
        around=around(settings, metrics, checks, traces),
        lifespan=[_while(part.running) for part in (traces, projecting, bridging, write, read)],
    )
    return fronted(settings, read, app)
