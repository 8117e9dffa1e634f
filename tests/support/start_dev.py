"""Starts what `titan dev` starts, with stand-ins for the processes of Titan.

`start_dev.py DIRECTORY PORT REPLICAS WORD…`
Words: `mqtt=HOST:PORT` and `redis=URL` give a server, `ending` makes every process of Titan end at once,
`with-parent` stops it all when the process that started this one ends.
"""

import os
import sys
from pathlib import Path

import psycopg

from titan.addresses import Address, current
from titan.dev.embedded import Given
from titan.dev.run import DevSettings, run

MARK = "CREATE TABLE IF NOT EXISTS mark (text text)"


def _migrate(url: Address) -> None:
    with psycopg.connect(current(url)) as connection:
        connection.execute(MARK)


def main(directory: str, port: str, replicas: str, *words: str) -> int:
    """Run until a signal."""
    said = dict(word.split("=", 1) for word in words if "=" in word)
    mqtt_host, _, mqtt_port = said.get("mqtt", ":0").rpartition(":")
    stand_in = (sys.executable, str(Path(__file__).with_name("stand_in.py")), directory)
    return run(
        DevSettings(
            environ=os.environ,
            migrate=_migrate,
            data_dir=Path(directory) / "data",
            port=int(port),
            given=Given(redis_url=said.get("redis"), mqtt_broker=mqtt_host or None, mqtt_port=int(mqtt_port)),
            replicas=int(replicas),
            with_parent="with-parent" in words,
            program=(sys.executable, "-c", "raise SystemExit(3)") if "ending" in words else stand_in,
        )
    )


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
