"""Serve the page of a run: try the model; see its training, its data, its bias audit and its card.

    desdecero app quickstart                  or: python app/app.py runs/quickstart --language es
    DESDECERO_RUN=run python app/app.py       as in a Space (see app/README.md)

The page is served on this machine only (127.0.0.1) unless --host is given, and makes no network requests. Each visitor
chooses the language on the page. Stages that are sealed later appear when the page is loaded again; a changed recipe
needs a restart. Ctrl-C ends it.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from desdecero.model_cards.words import LANGUAGES, Language
from desdecero.pipelines.common.command_line import Arguments
from desdecero.pipelines.common.environment import quiet_environment
from desdecero.pipelines.common.errors import EXIT_OK, UserError, guard
from desdecero.pipelines.common.signals import stop_signals
from desdecero.pipelines.run.run_dir import RunDir, find_run

if TYPE_CHECKING:
    import gradio as gr

SESSIONS = 500  # whose state gradio keeps, each with a copy of the page's layout
SANS = ("ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")

COLORS = {  # in the theme Base, small text has too little contrast (2.6:1 on white); here at least 7:1
    "body_text_color_subdued": "*neutral_600", "body_text_color_subdued_dark": "*neutral_300",
    "block_info_text_color": "*neutral_600", "block_info_text_color_dark": "*neutral_300",
    "block_title_text_color": "*neutral_700", "block_title_text_color_dark": "*neutral_200",
    "block_label_text_color": "*neutral_600", "block_label_text_color_dark": "*neutral_300",
    "button_primary_background_fill": "#2f6199", "button_primary_background_fill_dark": "#2f6199",
    "button_primary_background_fill_hover": "#264f7d", "button_primary_background_fill_hover_dark": "#3a74b4",
    "color_accent": "#2f6199",
}  # fmt: skip


def _with_a_model(run: RunDir) -> RunDir:
    """Return the run; raise `UserError` for one of adapters alone, of whose base the page could tell nothing."""
    if (base := run.recipe().base) is not None:
        raise UserError(
            f"{run} holds adapters on {base.name}, which was not trained here, and the page is of a model's own run: "
            f"`desdecero adapters {run}` lists them"
        )
    return run


def serve(run: RunDir, language: Language = "en", host: str = "127.0.0.1", port: int | None = None) -> gr.Blocks:
    """Start the page in background threads and return it; `close()` ends it.

    port: the first free one from 7860 by default. Raises `UserError` if the page cannot be served.
    """
    check_address(host, port)
    quiet_environment()  # gradio and transformers read it on import, so they are imported after it
    os.environ.setdefault("GRADIO_ANALYTICS_MAX_EVENTS", "200")  # requests that gradio remembers, and counts each time
    import gradio as gr
    from starlette.middleware import Middleware

    from desdecero.app.limits import Limits
    from desdecero.app.page import build

    style = Path(str(resources.files("desdecero.app") / "style.css"))
    theme = gr.themes.Base(primary_hue="blue", neutral_hue="slate", font=SANS, font_mono=MONO).set(**COLORS)
    page = build(run, language)
    page.launch(
        server_name=host,
        server_port=port,
        prevent_thread_lock=True,
        quiet=True,
        share=False,
        ssr_mode=False,
        theme=theme,
        css_paths=style,
        footer_links=["api"],
        state_session_capacity=SESSIONS,
        app_kwargs={"middleware": [Middleware(Limits, blocks=page)]},
    )
    return page


def check_address(host: str, port: int | None) -> None:
    """Raise `UserError` at once: gradio would try a hundred ports of an address that is not this machine's."""
    try:
        family = socket.getaddrinfo(host, None)[0][0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port or 0))
    except (OSError, OverflowError) as error:
        where = f"{host}, port {port}" if port else host
        raise UserError(f"the page cannot be served on {where} ({error}): name another --host or --port") from None


def main(argv: list[str] | None = None) -> int:
    """Run the command until it is interrupted, and return its exit code."""
    return guard(_command, argv)


def _command(arguments: list[str]) -> int:
    parser = Arguments("app", __doc__)
    parser.add_run(
        nargs="?",
        default=os.environ.get("DESDECERO_RUN"),
        help="a run directory, or its name below runs/ (default: the value of DESDECERO_RUN)",
    )
    parser.add_argument(
        "--host",
        default=os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1"),
        help="address to serve on (default: 127.0.0.1, this machine only; a Space sets GRADIO_SERVER_NAME)",
    )
    parser.add_argument(
        "--port", type=int, metavar="N", help="port to serve on (default: the first free one from 7860)"
    )
    parser.add_argument("--language", choices=LANGUAGES, default="en", help="first language of the page")
    args = parser.parse_args(arguments)
    if args.run is None:
        raise UserError("which run? name one, as in `desdecero app quickstart`, or set DESDECERO_RUN")
    # From before the page answers: a signal that comes as soon as it does must not be lost, nor an exception raised
    # inside a finalizer.
    with stop_signals() as stop:
        page = serve(_with_a_model(find_run(args.run)), args.language, args.host, args.port)
        print(f"{page.local_url}  (Ctrl-C ends it)", flush=True)
        while not stop():
            time.sleep(0.1)
    print("\nclosed", flush=True)
    page.close()
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
