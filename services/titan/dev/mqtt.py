"""An MQTT broker of our own: mosquitto where the machine has it, else the iotcore wheel.

mosquitto comes first, alone among the servers, because it keeps the whole of MQTT 5. iotcore (rumqttd) takes either
MQTT 3.1.1 or MQTT 5 on one port, delivers at the subscriber's quality of service and ignores no-local.
"""

import os
import shutil
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from signal import SIGTERM

import msgspec
from msgspec import Struct

from titan.dev.processes import HOST, Command, Process, answers
from titan.errors import Misconfigured

# The largest that the protocol can say. A document may be large.
_PAYLOAD_LIMIT_BYTES = 268_435_455

# iotcore's own entry, without the working directory on the path of modules.
_IOTCORE = "import sys; sys.path[:] = [p for p in sys.path if p]; from iotcore._serve import main; main()"

_MOSQUITTO_CONF = """\
listener {port} {host}
allow_anonymous true
persistence true
persistence_location {directory}/
max_inflight_messages 100
max_queued_messages 0
"""

_RUMQTTD_TOML = """\
id = 0

[router]
id = 0
max_connections = 1000
max_outgoing_packet_count = 200
max_segment_size = 104857600
max_segment_count = 10

[v4.1]
name = "mqtt-3.1.1"
listen = "{host}:{port}"
next_connection_delay_ms = 1

[v4.1.connections]
connection_timeout_ms = 60000
max_payload_size = {limit}
max_inflight_count = 100
dynamic_filters = true

[v5.1]
name = "mqtt-5"
listen = "{host}:{port_v5}"
next_connection_delay_ms = 1

[v5.1.connections]
connection_timeout_ms = 60000
max_payload_size = {limit}
max_inflight_count = 100
dynamic_filters = true
"""


class Broker(Struct, frozen=True):
    """A program that can be a broker."""

    program: Path
    is_full: bool
    """Whether it keeps the whole of MQTT 5, on the same port as MQTT 3.1.1."""


def find_broker(*, search_path: str) -> Broker:
    """The machine's mosquitto, else the wheel's broker.

    Raises:
        Misconfigured: where there is neither.
    """
    mosquitto = shutil.which("mosquitto", path=os.pathsep.join((search_path, "/usr/sbin", "/usr/local/sbin")))
    if mosquitto is not None:
        return Broker(Path(mosquitto), is_full=True)
    if find_spec("iotcore") is not None:
        return Broker(Path(sys.executable), is_full=False)
    raise Misconfigured(
        "No MQTT broker was found. Install the dependency group `embedded`, or mosquitto on the machine, or name a "
        "broker in MQTT_BROKER."
    )


class MqttServer:
    """A broker on 127.0.0.1, open to everyone on this machine."""

    def __init__(self, directory: Path, *, broker: Broker, port: int, port_v5: int, log: Path) -> None:
        """`port` takes MQTT 3.1.1; `port_v5` takes MQTT 5 where the broker wants a port for each."""
        self.directory = directory
        self.host = HOST
        self.port = port
        self.port_v5 = port if broker.is_full else port_v5
        self._broker = broker
        self._configuration = directory / ("mosquitto.conf" if broker.is_full else "rumqttd.toml")
        self.process = Process(
            Command(
                name="mosquitto" if broker.is_full else "iotcore",
                argv=self._argv(),
                environ={"LC_ALL": "C", "PATH": os.defpath, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                log=log,
                cwd=directory,
                stops=((SIGTERM, 5.0),),
            )
        )

    @property
    def is_full(self) -> bool:
        """Whether it keeps the whole of MQTT 5."""
        return self._broker.is_full

    def launch(self) -> None:
        """Start the broker and come back before it answers."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        template = _MOSQUITTO_CONF if self.is_full else _RUMQTTD_TOML
        text = template.format(
            host=self.host,
            port=self.port,
            port_v5=self.port_v5,
            directory=self.directory,
            limit=_PAYLOAD_LIMIT_BYTES,
        )
        # As root mosquitto becomes a user of its own, who could not read our directory.
        if self.is_full and os.geteuid() == 0:
            text += "user root\n"
        self._configuration.write_text(text, encoding="utf-8")
        self.process.launch()

    def wait_ready(self, *, timeout_s: float = 120.0, is_hurried: Callable[[], bool] = lambda: False) -> None:
        """Wait until the broker takes connections.

        Raises:
            Unavailable: where it does not come up.
        """
        ports = {self.port, self.port_v5}
        self.process.wait_until(
            lambda: all(answers(self.host, port) for port in ports), timeout_s=timeout_s, is_hurried=is_hurried
        )

    def stop(self) -> None:
        self.process.stop()

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()

    def _argv(self) -> tuple[str, ...]:
        if self._broker.is_full:
            return (str(self._broker.program), "-c", str(self._configuration))
        options = msgspec.json.encode({"config_path": str(self._configuration)}).decode()
        return (str(self._broker.program), "-c", _IOTCORE, options)
