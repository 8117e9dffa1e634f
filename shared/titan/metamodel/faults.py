"""What has been found wrong with a document, told up to a limit and counted beyond it."""

from titan.errors import Fault

FAULT_LIMIT = 100
"""How many faults are told; of more only the number."""


class Faults:
    """Faults in the order in which they were found."""

    def __init__(self) -> None:
        self._told: list[Fault] = []
        self._more = 0

    @property
    def full(self) -> bool:
        """Whether a further fault would only be counted."""
        return len(self._told) >= FAULT_LIMIT

    def add(self, fault: Fault) -> None:
        """Note a fault."""
        if self.full:
            self._more += 1
        else:
            self._told.append(fault)

    def count(self) -> None:
        """Note that there is one more."""
        self._more += 1

    def told(self) -> tuple[Fault, ...]:
        """Give the faults, and how many more there are as the last of them."""
        if not self._more:
            return tuple(self._told)
        return (*self._told, Fault(text=f"And {self._more} more."))
