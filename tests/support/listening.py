"""A subscriber that remembers what the bridge told it."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import aiomqtt
import msgspec
import pytest

from titan.bridge.topics import Message

WAIT_S = 30.0


class Heard:
    """What a subscriber got, in the order in which it came."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self._client = client
        self.topics: list[str] = []
        self.messages: list[Message] = []

    @property
    def positions(self) -> list[int]:
        return [message.position for message in self.messages]

    async def upto(self, position: int) -> None:
        await self._until(lambda: position in self.positions)

    async def count(self, number: int) -> None:
        await self._until(lambda: len(self.messages) >= number)

    async def lost(self) -> None:
        """Wait until the broker is lost."""
        with pytest.raises(aiomqtt.MqttError):
            await self.count(len(self.messages) + 1)

    async def _until(self, enough: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT_S):
            while not enough():
                message = await anext(self._client.messages)
                assert isinstance(message.payload, bytes)
                self.topics.append(str(message.topic))
                self.messages.append(msgspec.json.decode(message.payload, type=Message))


@asynccontextmanager
async def listening(address: tuple[str, int], prefix: str) -> AsyncGenerator[Heard]:
    async with aiomqtt.Client(*address, protocol=aiomqtt.ProtocolVersion.V311) as client:
        await client.subscribe(f"{prefix}/#", qos=1)
        yield Heard(client)
