"""What has been found wrong with a document, told up to a limit and counted beyond it."""

from titan.errors import Fault

FAULT_LIMIT = 100
"""How many faults are told; of more only the number."""
COUNT_LIMIT = 10_000
"""How many more are counted of a document that is refused anyway: a body may hold millions of faults."""


class EnoughError(Exception):
    """So much is wrong that there is no use in looking on."""


class Faults:
    """Faults in the order in which they were found."""

    def __init__(self, *, to_the_end: bool = False) -> None:
        self._told: list[Fault] = []
        self._more = 0
        self._to_the_end = to_the_end

    @property
    def full(self) -> bool:
        """Whether a further fault would only be counted."""
        return len(self._told) >= FAULT_LIMIT

    def add(self, fault: Fault) -> None:
        """Note a fault.

        Raises:
            EnoughError: where it is the last that is counted, unless faults are wanted to the end.
        """
        if self.full:
            self.count()
        else:
            self._told.append(fault)

    def count(self, *, is_final: bool = False) -> None:
        """Note that there is one more, which may settle that the document is refused.

        Raises:
            EnoughError: as `add` does.
        """
        self._more += 1
        if self._more >= COUNT_LIMIT and (is_final or not self._to_the_end):
            raise EnoughError

    def told(self) -> tuple[Fault, ...]:
        """Give the faults, and how many more there are as the last of them."""
        if not self._more:
            return tuple(self._told)
        number = str(self._more) if self._more < COUNT_LIMIT else f"at least {COUNT_LIMIT}"
        return (*self._told, Fault(text=f"And {number} more."))
