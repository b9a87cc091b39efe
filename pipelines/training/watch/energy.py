"""Energy and emissions of a training, by codecarbon without a network: `pip install desdecero[energy]`.

The machine decides what can be measured: an Intel or AMD processor's own counter (RAPL, if the system lets us read it)
and NVIDIA's (NVML) are measurements; elsewhere power is estimated from the load and the processor's rated power. Memory
is always estimated. All that this machine does meanwhile is counted, not this training alone; of several machines the
first one only. Emissions are that energy at the country's mean intensity of a year.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from desdecero.pipelines import recipe as recipes
from desdecero.pipelines.common.errors import UserError

COUNTED = ("kwh", "kg_co2e", "cpu_kwh", "gpu_kwh", "memory_kwh")
SECONDS_BETWEEN = 15
"""Seconds between two readings of the load or the counters: codecarbon's default."""


class EnergyMeter:
    """Counts from its construction on. With `settings` None, or in another process than the first, it counts nothing.

    Raises `UserError` where codecarbon does not start.
    """

    def __init__(self, settings: recipes.Energy | None, active: bool = True):
        self.before = dict.fromkeys(COUNTED, 0.0)
        """Counted before this start."""
        self.last: Any = None
        self.tracker: Any = self._start(settings) if settings and active else None

    def _start(self, settings: recipes.Energy) -> Any:
        from codecarbon import OfflineEmissionsTracker
        from codecarbon.output_methods.base_output import BaseOutput
        from codecarbon.output_methods.emissions_data import EmissionsData

        self.intensity = emission_factors()[settings.country]["carbon_intensity"]
        meter = self

        class Kept(BaseOutput):
            def out(self, total: EmissionsData, delta: EmissionsData) -> None:  # noqa: ARG002  # codecarbon calls it so
                meter.last = total

        logging.getLogger("codecarbon").setLevel(logging.CRITICAL)
        tracker = OfflineEmissionsTracker(
            country_iso_code=settings.country,
            output_methods=[],
            output_handlers=[Kept()],
            log_level="critical",
            allow_multiple_runs=True,
            measure_power_secs=SECONDS_BETWEEN,
            tracking_mode="machine",
        )
        tracker.start()
        tracker.flush()
        if self.last is None:  # it swallows every error of its own
            raise UserError("codecarbon does not start on this machine: leave pretrain.energy out")
        return tracker

    def state(self) -> dict[str, float]:
        """Return the counts so far, of earlier starts too: the state for a checkpoint."""
        if not self.tracker:
            return self.before
        self.tracker.flush()
        now = (
            self.last.energy_consumed,
            self.last.emissions,
            self.last.cpu_energy,
            self.last.gpu_energy,
            self.last.ram_energy,
        )
        return {name: self.before[name] + value for name, value in zip(COUNTED, now, strict=True)}

    def load(self, state: dict[str, float]) -> None:
        """Restore the counts of a checkpoint."""
        self.before = state

    def report(self) -> dict[str, Any] | None:
        """Stop counting, and return the figures for `pretrain/report.json`; None if nothing was counted."""
        if not self.tracker:
            return None
        counted, how = self.state(), self._how()
        self.tracker.stop()
        return {
            **counted,
            "country": self.last.country_iso_code,
            "kg_co2e_per_kwh": self.intensity / 1000,
            **how,
            "tool": f"codecarbon {self.last.codecarbon_version}",
        }

    def _how(self) -> dict[str, str]:
        """Tell of each part of the machine whether it was `measured` by its own counter or `estimated`: a processor
        from load and rated power, memory from its size."""
        hardware = self.tracker._hardware  # noqa: SLF001  # codecarbon tells nowhere else how it counted
        parts = {type(part).__name__: getattr(part, "_mode", None) for part in hardware}
        measured = parts.get("CPU") in ("intel_rapl", "intel_power_gadget") or "AppleSiliconChip" in parts
        methods = {"cpu_method": "measured" if measured else "estimated", "memory_method": "estimated"}
        return methods | ({"gpu_method": "measured"} if "GPU" in parts else {})


def emission_factors() -> dict[str, dict[str, Any]]:
    """Return codecarbon's table of countries, by three letters of ISO 3166-1."""
    from codecarbon.input import DataSource

    new_source: Callable[[], DataSource] = DataSource  # codecarbon leaves its constructor untyped
    factors: dict[str, dict[str, Any]] = new_source().get_global_energy_mix_data()
    return factors
