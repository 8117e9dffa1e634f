"""Options that several commands have."""

from typing import Annotated

from cyclopts import Parameter

Port = Annotated[int | None, Parameter(help="Where to listen; TITAN_PORT unless given.")]
Workers = Annotated[int | None, Parameter(help="Worker processes; TITAN_WORKERS unless given.")]
Replicas = Annotated[list[str] | None, Parameter(negative=(), help="Where a replica is, each by an option of its own.")]
Every = Annotated[
    bool,
    Parameter(name="--each", negative=(), help="Each address that a name has is a replica, as of a headless Service."),
]
