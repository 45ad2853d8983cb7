"""Whole hidden states read and written by hooks, to compare what patches and sums with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from chain_of_steps.probes import Site, Write


@dataclass(frozen=True)
class Record:
    """A `read` that keeps the hidden states (B, N, D) of the sites that `where` picks."""

    where: Callable[[Site], bool] = lambda site: True
    states: dict[Site, Tensor] = field(default_factory=dict)

    def __call__(self, site: Site, before: Tensor, after: Tensor) -> None:
        if self.where(site):
            self.states[site] = after.detach().clone()


def put(states: Mapping[Site, Tensor], rows: Sequence[int] | None = None) -> Write:
    """A `write` that puts stored hidden states in place of the computed ones at their sites.

    With `rows` only those rows of the batch are replaced, each by the row of the same place in
    the stored states (len(rows), N, D).
    """

    def write(site: Site, before: Tensor, after: Tensor) -> Tensor:
        if site not in states:
            return after
        changed = after.clone()
        changed[slice(None) if rows is None else list(rows)] = states[site].to(after)
        return changed

    return write
