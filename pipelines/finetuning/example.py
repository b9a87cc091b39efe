"""What an example is, of whatever task, and the examples of a task as they are divided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from desdecero.pipelines.recipe.domains import Task

__all__ = ["Example", "Examples", "Message", "Span", "Task"]


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation."""

    role: str
    """system, user or assistant."""
    content: str


@dataclass(frozen=True, slots=True)
class Span:
    """A labelled range of a text, in characters."""

    start: int
    end: int
    """One beyond the last character."""
    label: str


@dataclass(frozen=True, slots=True)
class Example:
    """One example. What its task does not have is empty."""

    text: str = ""
    text_b: str = ""
    """The second of a pair of texts."""
    labels: tuple[str, ...] = ()
    """Sorted; one, or any number where a text may have several."""
    spans: tuple[Span, ...] = ()
    """In the order of the text, without overlaps."""
    messages: tuple[Message, ...] = ()
    """The last one is the assistant's."""
    place: str = ""
    """File and line, for messages."""

    @property
    def content(self) -> str:
        """Return what sets the example apart from others, as one text.

        A system message is left out: it is often the same in all examples, and would make them look alike.
        """
        said = (message.content for message in self.messages if message.role != "system")
        return "\n".join(part for part in (self.text, self.text_b, *said) if part)

    @property
    def kinds(self) -> frozenset[str]:
        """Return the labels of the text and of its spans."""
        return frozenset((*self.labels, *(span.label for span in self.spans)))


@dataclass(frozen=True, slots=True)
class Examples:
    """The examples of a task, divided.

    Training examples stand in an order that the seed and their content decide, and so do those that were cut off them;
    those of a file of their own stand as they do there.
    """

    task: Task
    train: list[Example]
    validation: list[Example]
    test: list[Example]
    labels: tuple[str, ...]
    """Labels of the training examples, sorted."""
    several: bool
    """Whether a text may have several labels at once, or none."""
    sha256: str
    """Digest of the files, or of the rows of a dataset of the Hub."""
    dropped: Mapping[str, int]
    """Reason → number of examples that left training and validation because a text of the test stands in them:
    `exact` or `near`."""
    in_training: tuple[int, ...]
    """Numbers of the test examples that stood in the training or validation data, before those left."""

    @property
    def untrained(self) -> dict[str, int]:
        """Count the spans of the test by label, for labels that no training example has: every model misses them."""
        found = Counter(span.label for example in self.test for span in example.spans)
        return {label: found[label] for label in sorted(found) if label not in self.labels}

    def parts(self) -> Iterator[tuple[str, list[Example]]]:
        """Yield the name and the examples of each part."""
        yield from (("train", self.train), ("validation", self.validation), ("test", self.test))

    def all(self) -> Iterator[Example]:
        """Yield the examples of all parts."""
        for _, examples in self.parts():
            yield from examples
