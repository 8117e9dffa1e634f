"""Killed, stopped and cut off out of a seed, it loses nothing and shows nothing old: a few seconds of `make fire`."""

from collections.abc import Iterator

import pytest

from support.laboratory.rounds import again, fire
from support.laboratory.stage import Stage, stage
from support.servers import Chosen

SECONDS = 5.0


@pytest.fixture(scope="module")
def whole(chosen: Chosen, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """An installation of this module's own, without a supervisor."""
    with stage(chosen, tmp_path_factory.mktemp("fire")) as made:
        yield made


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [1, 2])
def test_under_fire_nothing_is_lost_and_nothing_old_is_shown(whole: Stage, seed: int) -> None:
    played = fire(whole, seed, seconds=SECONDS).round
    print("\n".join(played.faults))
    assert played.violations == [], f"Once more: {again(seed, SECONDS)}"
    assert played.faults
    assert played.acknowledged > 0
