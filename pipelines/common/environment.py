"""Set what the libraries read when they are imported: environment variables, and the level of a logger."""

from __future__ import annotations

import logging
import os


def quiet_environment() -> None:
    """Keep the libraries from sending telemetry and from advertising, before they are imported.

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
    # peft imports bitsandbytes where it is installed, which recommends another package on every machine without CUDA.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
