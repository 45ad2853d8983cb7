"""The section `processes`: how jobs share a machine. No number hangs on it."""

from __future__ import annotations

from pydantic import Field

from chain_of_steps.settings.base import Section, View


class Processes(Section):
    """How the jobs of a study share a machine; no result is made again when this changes."""

    resident: bool = Field(
        False,
        description=(
            "Whether jobs hand their work to a process that stays, one for each GPU, and keeps the "
            "model that it has loaded; worth it where loading takes minutes. Every job of a "
            "cluster starts its own, so there it is for jobs that share an allocation."
        ),
    )
    idle: float = Field(
        120.0, gt=0, description="Seconds without a job after which such a process ends."
    )


class WithProcesses(View):
    processes: Processes = Field(default_factory=Processes)
