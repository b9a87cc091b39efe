"""What the parts of all reports share."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


class Part(BaseModel):
    """A part of a report: frozen, closed to keys that it does not know, and to NaN and infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Estimate(Part):
    """A measured value with the ends of its confidence interval; None where one document cannot give any."""

    value: float
    low: float | None
    high: float | None


class ShareEstimate(Part):
    """A share with its Wilson interval."""

    value: Share
    low: Share
    high: Share


class Size(Part):
    """How much text."""

    documents: Count
    bytes: Count
    """UTF-8."""


class RollBack(Part):
    """A return to an earlier checkpoint, because the loss did not recover."""

    step: Count
    to: Count
    because: str
