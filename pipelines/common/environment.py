"""Set the environment variables that the libraries read when they are imported."""

from __future__ import annotations

import os


def quiet_environment() -> None:
    """Set the variables that keep the libraries from sending telemetry, before they are imported.

    `HF_HUB_OFFLINE` is not set: a recipe may name a Hub source, and `publish` uploads.
    """
    for name, value in {
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_UPDATE_DOWNLOAD_COUNTS": "0",
        "GRADIO_ANALYTICS_ENABLED": "False",
        "WANDB_MODE": "offline",
        "TOKENIZERS_PARALLELISM": "true",
        # The libraries' progress bars (weights loaded in 2 ms, …) would only hide ours.
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "TRANSFORMERS_VERBOSITY": "error",
    }.items():
        os.environ.setdefault(name, value)
