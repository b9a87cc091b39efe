"""Energy and emissions of a training, by codecarbon without a network: `pip install desdecero[energy]`.

What it can measure depends on the machine: an Intel or AMD processor's own counter (RAPL, if the system lets us read
it) and NVIDIA's (NVML) are measurements; elsewhere power is estimated from the load and the processor's rated power.
Memory is always estimated. It counts all that this machine does meanwhile, not this training alone, and with several
machines it counts the first one only. Emissions are that energy at the country's mean intensity of a year.
"""

from __future__ import annotations

import logging
from typing import Any

from desdecero.pipelines import recipe as recipes
from desdecero.pipelines.common.errors import UserError

COUNTED = ("kwh", "kg_co2e", "cpu_kwh", "gpu_kwh", "memory_kwh")
SECONDS_BETWEEN = 15
"""Between two looks at the load or the counters: codecarbon's default."""


class EnergyMeter:
    """Counts from its making on. With `wanted` None, or in another process than the first, it counts nothing.

    Raises `UserError` where codecarbon does not start.
    """

    def __init__(self, wanted: recipes.Energy | None, active: bool = True):
        self.before = dict.fromkeys(COUNTED, 0.0)
        """Counted before this start."""
        self.last: Any = None
        self.tracker: Any = self._start(wanted) if wanted and active else None

    def _start(self, wanted: recipes.Energy) -> Any:
        from codecarbon import OfflineEmissionsTracker
        from codecarbon.input import DataSource
        from codecarbon.output import BaseOutput

        self.intensity = DataSource().get_global_energy_mix_data()[wanted.country]["carbon_intensity"]
        meter = self

        class Kept(BaseOutput):
            def out(self, total: Any, delta: Any) -> None:
                meter.last = total

        logging.getLogger("codecarbon").setLevel(logging.CRITICAL)
        tracker = OfflineEmissionsTracker(
            country_iso_code=wanted.country, output_methods=[], output_handlers=[Kept()], log_level="critical",
            allow_multiple_runs=True, measure_power_secs=SECONDS_BETWEEN, tracking_mode="machine",
        )  # fmt: skip
        tracker.start()
        tracker.flush()
        if self.last is None:  # it swallows every error of its own
            raise UserError("codecarbon does not start on this machine: leave pretrain.energy out")
        return tracker

    def state(self) -> dict[str, float]:
        """Counted so far, those before this start included; what a checkpoint keeps."""
        if not self.tracker:
            return self.before
        self.tracker.flush()
        now = (
            self.last.energy_consumed, self.last.emissions, self.last.cpu_energy, self.last.gpu_energy,
            self.last.ram_energy,
        )  # fmt: skip
        return {name: self.before[name] + value for name, value in zip(COUNTED, now, strict=True)}

    def load(self, state: dict[str, float]) -> None:
        self.before = state

    def report(self) -> dict[str, Any] | None:
        """What a person or the card may quote; stops counting. None where nothing was counted."""
        if not self.tracker:
            return None
        counted, how = self.state(), self._how()
        self.tracker.stop()
        return {
            **counted, "country": self.last.country_iso_code, "kg_co2e_per_kwh": self.intensity / 1000, **how,
            "tool": f"codecarbon {self.last.codecarbon_version}",
        }  # fmt: skip

    def _how(self) -> dict[str, str]:
        """By part of the machine, `measured` by its own counter or `estimated`: a processor from load and rated power,
        memory from its size."""
        parts = {type(part).__name__: getattr(part, "_mode", None) for part in self.tracker._hardware}
        measured = parts.get("CPU") in ("intel_rapl", "intel_power_gadget") or "AppleSiliconChip" in parts
        found = {"cpu_method": "measured" if measured else "estimated", "memory_method": "estimated"}
        return found | ({"gpu_method": "measured"} if "GPU" in parts else {})
