"""Work that goes on beside other work: it ends with it, and nothing ends unnoticed."""

import asyncio
from collections.abc import Callable, Coroutine

import pytest

from titan.tasks import at_once, beside, lasting

Work = Coroutine[object, object, None]


class Broken(Exception):
    """What a work fails with."""


async def fails() -> None:
    await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop
    raise Broken


async def returns() -> None:
    await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop


async def is_cancelled_by_a_library() -> None:
    await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop
    raise asyncio.CancelledError


async def goes_on(ended: list[str]) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        ended.append("goes on")


def told_to_stop() -> int:
    task = asyncio.current_task()
    assert task is not None
    return task.cancelling()


async def test_who_waited_for_works_that_failed_is_not_told_to_stop() -> None:
    ended: list[str] = []
    for _ in range(3):
        with pytest.raises(ExceptionGroup) as raised:
            await at_once([goes_on(ended), fails()])
        assert [type(error) for error in raised.value.exceptions] == [Broken]
        assert told_to_stop() == 0
    assert ended == ["goes on"] * 3


async def test_works_at_once_begin_in_their_order_and_all_end() -> None:
    said: list[int] = []

    async def say(number: int) -> None:
        said.append(number)
        await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop
        said.append(number)

    await at_once(say(number) for number in range(3))
    assert said == [0, 1, 2, 0, 1, 2]
    await at_once([])


async def test_works_end_with_the_body_that_they_are_beside() -> None:
    ended: list[str] = []
    async with beside(goes_on(ended), goes_on(ended)):
        await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop
        assert ended == []
    assert ended == ["goes on"] * 2


@pytest.mark.parametrize("quiet", [returns, is_cancelled_by_a_library])
async def test_a_work_that_ends_by_itself_ends_the_body_and_is_named(quiet: Callable[[], Work]) -> None:
    ended: list[str] = []
    with pytest.raises(ExceptionGroup) as raised:
        async with beside(goes_on(ended), quiet()):
            await asyncio.Event().wait()
    assert [str(error) for error in raised.value.exceptions] == [f"{quiet.__qualname__} ended by itself."]
    assert ended == ["goes on"]
    assert told_to_stop() == 0


async def test_a_work_that_fails_ends_the_body_with_its_own_word() -> None:
    with pytest.raises(ExceptionGroup) as raised:
        await lasting(fails(), goes_on([]))
    assert [type(error) for error in raised.value.exceptions] == [Broken]


async def test_lasting_works_end_when_who_waits_is_told_to_stop() -> None:
    ended: list[str] = []
    async with asyncio.TaskGroup() as group:
        task = group.create_task(lasting(goes_on(ended)))
        await asyncio.sleep(0.01)  # noqa: TID251 - until it waits
        assert ended == []
        task.cancel()
    assert task.cancelled()
    assert ended == ["goes on"]
