"""Library versions and hardware of this machine, without importing torch."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

LIBRARIES = (
    "desdecero", "torch", "transformers", "accelerate", "tokenizers", "rustbpe", "sentencepiece", "tiktoken",
    "datasets", "evaluate", "peft", "huggingface-hub", "fairlearn", "safetensors", "numpy", "pyarrow", "ftfy",
    "license-expression",
)  # fmt: skip


def library_versions() -> dict[str, str]:
    """Return the versions of Python and of the installed libraries among `LIBRARIES`."""
    versions = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def hardware() -> dict[str, Any]:
    """Describe the machine; its GPUs are named only where torch has been imported already."""
    facts: dict[str, Any] = {"machine": platform.machine(), "system": platform.system(), "cores": os.cpu_count()}
    if hasattr(os, "sysconf"):
        facts["memory_bytes"] = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        facts["processor"] = names[0].partition(":")[2].strip() if names else platform.processor()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        facts["devices"] = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return facts
