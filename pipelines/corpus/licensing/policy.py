"""Which licences a corpus may hold, as the recipe's `corpus.licenses` says.

An entry of a list is an SPDX expression (`MIT`, `GPL-2.0-only WITH Classpath-exception-2.0`), a licence in all its
versions and ports (`CC-BY-NC-*`, which is not `CC-BY-NC-SA-*`), a version and those after it (`GPL-2.0-or-later`,
`CC-BY-SA-3.0+`), or, for denied and review, something that licences ask (`non_commercial`, `no_derivatives`,
`share_alike`, `use_limits`, `no_permission`). How a document's expression is judged:

- An expression, or a part of one, that stands in a list as it is, is judged by that list.
- `AND`: the worst of its parts; `OR`: the best, because one may choose. So is `GPL-2.0-or-later`: a choice of versions.
- A licence is looked up by its name; failing that, among the families; failing that, by what it asks. Within each,
  denied comes before review, and review before allowed.
- `licence WITH exception`: by that very pair, and failing that, by the licence. An exception only permits more.
- What no list names: allowed where there is no list of allowed licences, denied where there is one.
- Where nothing is known, `unknown`: so is a `LicenseRef-…` that no list names and whose terms nobody has written down.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Literal, get_args

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.corpus.document import Document
from desdecero.pipelines.corpus.draft import Draft
from desdecero.pipelines.licenses.expressions import (
    REMEMBERED,
    UNKNOWN,
    UNSAID,
    canonical,
    is_and,
    is_or,
    parse,
    spdx_licensing,
    versions_from,
    without_exception,
)
from desdecero.pipelines.licenses.names import normalize
from desdecero.pipelines.licenses.obligations import ObligationKind, row_of
from desdecero.pipelines.recipe import Licenses

Verdict = Literal["allowed", "review", "unknown", "denied"]
VERDICTS: tuple[Verdict, ...] = ("allowed", "review", "unknown", "denied")
"""From the best to the worst."""
Action = Literal["keep", "drop", "quarantine"]

KINDS = tuple(kind for kind in get_args(ObligationKind) if kind != "unknown")
"""What a list may deny or put to review by what it asks; `unknown` has a rule of its own."""


class Policy:
    """Judges expressions. Raises `UserError` where a list names what is no SPDX expression."""

    def __init__(self, licenses: Licenses):
        self.licenses = licenses
        self._exact: dict[str, Verdict] = {}
        self._families: list[tuple[re.Pattern[str], Verdict]] = []
        self._kinds: list[tuple[str, Verdict]] = []
        self.verdict = lru_cache(maxsize=REMEMBERED)(self._verdict)
        """Of an expression."""
        lists: dict[Verdict, tuple[str, ...]] = {
            "denied": licenses.denied, "review": licenses.review, "allowed": licenses.allowed,
        }  # fmt: skip
        for verdict, entries in lists.items():
            for entry in entries:
                self._add(entry, verdict)

    def _add(self, entry: str, verdict: Verdict) -> None:
        if entry in KINDS:
            if verdict == "allowed":
                raise UserError(
                    f"corpus.licenses.allowed: {entry} is something that licences ask, and allows none: name licences"
                )
            self._kinds.append((entry, verdict))
            return
        if entry.endswith("-*"):
            stem = re.escape(entry[:-2])
            self._families.append((re.compile(rf"(LicenseRef-)?{stem}-\d.*|LicenseRef-{stem}"), verdict))
            return
        tree = parse(entry)
        strangers = spdx_licensing().unknown_license_keys(tree) if tree is not None else [entry]
        if wrong := [key for key in strangers if not _may_be_unlisted(key)]:
            raise UserError(
                f"corpus.licenses.{verdict}: {', '.join(wrong)} in {entry!r} is no SPDX licence: take one from "
                f"https://spdx.org/licenses, LicenseRef-<a name of your own>, a family such as CC-BY-*, or one of "
                f"{', '.join(KINDS)}"
            )
        self._exact.setdefault(canonical(tree), verdict)
        if later := versions_from(str(tree)):
            self._families.append((re.compile("|".join(map(re.escape, later))), verdict))

    def _verdict(self, expression: str) -> Verdict:
        tree = parse(expression)
        return "unknown" if tree is None else self._judge(tree)

    def action(self, verdict: Verdict) -> Action:
        """What becomes of a document with this verdict."""
        if verdict == "allowed":
            return "keep"
        return {
            "review": self.licenses.if_review,
            "unknown": self.licenses.if_unknown,
            "denied": self.licenses.if_denied,
        }[verdict]

    def _judge(self, node: Any) -> Verdict:
        if listed := self._exact.get(canonical(node)):
            return listed
        if is_and(node):
            return max((self._judge(part) for part in node.args), key=VERDICTS.index)
        if is_or(node):
            return min((self._judge(part) for part in node.args), key=VERDICTS.index)
        base = without_exception(node)
        found = self._listed(str(node)) or (base and self._listed(base))
        return found or self._unlisted(base or str(node))

    def _listed(self, key: str) -> Verdict | None:
        if found := self._exact.get(key):
            return found
        if named := [verdict for family, verdict in self._families if family.fullmatch(key)]:
            return max(named, key=VERDICTS.index)
        if asked := [verdict for kind, verdict in self._kinds if kind in row_of(key).asks]:
            return max(asked, key=VERDICTS.index)
        choices = [found for version in versions_from(key) if (found := self._listed(version))]
        if not choices:
            return None
        # A version that no list names may be chosen too, and is then judged as what no list names.
        unnamed = [self._unlisted(version) for version in versions_from(key) if not self._listed(version)]
        return min([*choices, *unnamed], key=VERDICTS.index)

    def _unlisted(self, key: str) -> Verdict:
        if key in UNSAID or row_of(key).basis == "unknown":
            return "unknown"
        return "denied" if self.licenses.allowed else "allowed"


class LicensePolicy:
    """The step that keeps out what the policy keeps out: `license_denied`, `license_unknown`, `license_review`.

    A dropped document leaves its row in the ledger and no text; a quarantined one is put aside with its text, among
    the dropped ones, for a person to look at.

    A document may state another licence than its source does (`stated_license` in its metadata): a rights line of a
    page, against what a data set says of all its pages. Nobody can tell here who is right, so both must be acceptable,
    and the disagreement is counted and shown: it is how texts come under a licence that nobody gave them.
    """

    name = "license"

    def __init__(self, licenses: Licenses):
        self.policy = Policy(licenses)
        lists = licenses.allowed or licenses.denied or licenses.review
        self._keeps_all = not lists and licenses.if_unknown == "keep"

    def __call__(self, draft: Draft) -> None:
        if self._keeps_all and "stated_license" not in draft.document.meta:
            return  # and the list of all licences need not be read, which takes a worker a tenth of a second
        verdict = self.policy.verdict(draft.document.license)
        if stated := _disagreement(draft.document):
            draft.edits[DISAGREEMENT] += 1
            draft.show(DISAGREEMENT, draft.document.license, stated)
            verdict = max(verdict, self.policy.verdict(stated), key=VERDICTS.index)
        action = self.policy.action(verdict)
        if action == "keep":
            return
        draft.reason = f"license_{verdict}"
        if action == "drop":
            draft.text = ""


DISAGREEMENT = "license_disagreement"


def _disagreement(document: Document) -> str | None:
    """The licence that a document states, where it is known, and another than that of its source."""
    words = document.meta.get("stated_license")
    if not isinstance(words, str):
        return None
    stated = normalize(words).expression
    return None if stated == UNKNOWN or stated in _parts(document.license) else stated


@lru_cache(maxsize=REMEMBERED)
def _parts(expression: str) -> frozenset[str]:
    """An expression and every licence in it."""
    tree = parse(expression)
    return frozenset((expression, *(str(symbol) for symbol in tree.symbols))) if tree is not None else frozenset()


def _may_be_unlisted(key: str) -> bool:
    """A name of one's own, or "or later" of a licence that SPDX lists."""
    return key.startswith("LicenseRef-") or (key.endswith("+") and key[:-1] in spdx_licensing().known_symbols)
