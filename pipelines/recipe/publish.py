"""The `publish` section."""

from __future__ import annotations

from desdecero.pipelines.recipe.base import Section
from desdecero.pipelines.recipe.identifiers import RepositoryId


class Publish(Section):
    """Destination of the model."""

    repo_id: RepositoryId | None = None
    """Repository on the Hub, `owner/name`."""
    private: bool = True
    """Create the repository as private."""
