"""A dataset of the Hub, streamed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.corpus.document import Document, Quarantined
from desdecero.pipelines.corpus.sources.records import DocumentBuilder
from desdecero.pipelines.licenses import names
from desdecero.pipelines.recipe import HubDataset

if TYPE_CHECKING:
    from huggingface_hub import DatasetInfo


def contents(source: HubDataset) -> list[str]:
    """Return the dataset's identity. Its content may change undetected unless the recipe names a revision."""
    return [source.dataset, source.config or "", source.split, source.revision or ""]


def read(source: HubDataset) -> Iterator[Document | Quarantined]:
    """Yield the rows as documents. Raises `UserError` if the Hub or the dataset cannot be reached."""
    from huggingface_hub.constants import HF_HUB_OFFLINE

    if HF_HUB_OFFLINE:  # checked first: the library retries for half a minute before it gives up
        raise UserError(
            f"source {source.name} is the Hub dataset {source.dataset}, and HF_HUB_OFFLINE is set: "
            "unset it, or give a local copy as a `files` source"
        )
    about = _about(source)
    build = DocumentBuilder(_licensed(source, about))
    for number, row in enumerate(_rows(source), start=1):
        yield build.from_record(source.dataset, f"row {number}", row)


def _about(source: HubDataset) -> DatasetInfo:
    """Fetch the Hub's record of the dataset. Done first: it answers at once; reading retries for half a minute."""
    from huggingface_hub import HfApi

    with _explained(source):
        return HfApi().dataset_info(source.dataset, revision=source.revision, timeout=10)


def _licensed(source: HubDataset, about: DatasetInfo) -> HubDataset:
    """Set the licence of the dataset's card, if the recipe names none and the card names one."""
    stated = about.card_data.get("license") if about.card_data else None
    if isinstance(stated, list):  # all of them hold, as far as a card shows
        stated = " AND ".join(f"({name})" for name in stated)
    if source.license is None and isinstance(stated, str) and names.normalize(stated).evidence != "unknown":
        return source.model_copy(update={"license": stated})
    return source


def _rows(source: HubDataset) -> Iterator[dict[str, Any]]:
    import datasets

    with _explained(source):
        yield from datasets.load_dataset(
            source.dataset, source.config, split=source.split, revision=source.revision, streaming=True
        )


@contextmanager
def _explained(source: HubDataset) -> Iterator[None]:
    """Turn the libraries' errors into a `UserError`."""
    from httpx2 import HTTPError

    try:
        yield
    except (HTTPError, OSError, ValueError, RuntimeError) as error:
        # Not found, gated, a wrong config or split, a broken connection: the library's first sentence says which.
        reason = str(error).strip().split("\n")[0].rstrip(".")
        raise UserError(
            f"source {source.name}: cannot read {source.dataset} from the Hub ({reason}): "
            "check its name, config and split, the network, and your login"
        ) from error
