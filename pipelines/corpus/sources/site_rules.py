"""A site's machine-readable rules for all of its pages: `robots.txt` and `/.well-known/tdmrep.json`.

    robots.txt           Disallow for all, or for a crawler that collects text to train models (RFC 9309);
                         Content-Usage (AIPREF, IETF draft) and Content-Signal (Cloudflare 2025) in their groups
    tdmrep.json          tdm-reservation and tdm-policy by path (TDM Reservation Protocol, W3C community group report)

Neither is fetched: they are read if a source has them, in a web archive as responses of the site, in a folder as the
files of its mirror. Of two paths of `tdmrep.json` that match, the longer counts, as in robots.txt.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from protego import Protego

from desdecero.pipelines.corpus.sources.decoding import Undecodable, decode
from desdecero.pipelines.corpus.sources.reservations import signals
from desdecero.pipelines.corpus.sources.streams import DAMAGES

ROBOTS, TDMREP = "robots.txt", ".well-known/tdmrep.json"
"""Their paths, from the root of a site."""
MAX_BYTES = 512_000
"""Bytes read of such a file: RFC 9309, §2.5, asks for 500 KiB at least."""

TRAINING_CRAWLERS = (
    "AI2Bot", "Ai2Bot-Dolma", "anthropic-ai", "Applebot-Extended", "Bytespider", "CCBot", "ClaudeBot",
    "cohere-training-data-crawler", "Google-Extended", "GPTBot", "meta-externalagent",
)  # fmt: skip
"""Names in robots.txt that stand, according to their operators, for collecting text to train models, or for permission
to train on it (read in 2026). A site that excludes one of them reserves its text from training."""

_COUNTED = ("*", *TRAINING_CRAWLERS)
_LINE = re.compile(r"^[ \t]*([A-Za-z-]+)[ \t]*:[ \t]*([^#\r\n]*)", re.MULTILINE)
_USAGES = ("content-usage", "content-signal")


@dataclass
class Site:
    """The rules of one site, as text: an archive may have a hundred thousand of them."""

    robots: str = ""
    """The relevant groups of its robots.txt, if they exclude anybody."""
    crawlers: tuple[str, ...] = ()
    """Crawlers that they are for."""
    usages: list[tuple[str, str]] = field(default_factory=list)
    """(start of a path, the site's statement on its use)."""
    tdm: str = ""
    """Written as a robots.txt: a path that may not be fetched is a reserved one."""
    policies: list[tuple[str, str]] = field(default_factory=list)
    """(a rule, the address of a policy)."""

    def read(self, name: str, data: bytes) -> None:
        """Add one of the two files. An invalid one is ignored."""
        try:
            text, _ = decode(data[:MAX_BYTES])
        except Undecodable:
            return
        if name == ROBOTS:
            self._read_robots(text)
        else:
            self._read_tdmrep(text)

    def signals(self, path: str) -> dict[str, str]:
        """Return the metadata keys `robots_txt`, `content_usage`, `tdm` and `tdm_policy`, for a page by its path."""
        found: dict[str, str] = {}
        if shut := [name for name in self.crawlers if not parsed(self.robots).can_fetch(path, name)]:
            found["robots_txt"] = f"disallowed for {', '.join(shut)}"
        found |= signals(("content-usage", usage) for start, usage in self.usages if path.startswith(start))
        if self.tdm and not parsed(self.tdm).can_fetch(path, "*"):
            found["tdm"] = "1"
            found |= signals(
                ("tdm-policy", policy) for rule, policy in self.policies if not parsed(rule).can_fetch(path, "*")
            )
        return found

    def _read_robots(self, text: str) -> None:
        names, kept, self.usages = set[str](), list[str](), []
        counts, open_group = True, False
        for key, value in ((match[1].lower(), match[2].strip()) for match in _LINE.finditer(text)):
            if key == "user-agent":
                known = next((name for name in _COUNTED if name.lower() == value.lower()), None)
                counts = known is not None or (open_group and counts)  # several names may head one group
                if not open_group and kept and kept[-1].startswith("User-agent"):
                    kept.append("allow: /")  # a group without rules must not run into the next
                open_group = True
                if known:
                    names.add(known)
                    kept.append(f"User-agent: {known}")
                continue
            open_group = False
            if counts and key in ("allow", "disallow"):
                kept.append(f"{key}: {value}")
            elif counts and key in _USAGES:
                start, usage = value.split(maxsplit=1) if value.startswith("/") and " " in value else ("", value)
                self.usages.append((start, usage))
        shuts_out = any(line.startswith("disallow: ") and line != "disallow: " for line in kept)
        self.robots = "\n".join(kept) if shuts_out else ""
        self.crawlers = tuple(name for name in _COUNTED if name in names) if shuts_out else ()

    def _read_tdmrep(self, text: str) -> None:
        try:
            rules = json.loads(text)
        except (ValueError, RecursionError):
            return
        lines, self.policies = [], []
        for rule in rules if isinstance(rules, list) else [rules]:
            if not isinstance(rule, dict) or not isinstance(location := rule.get("location"), str):
                continue
            location = location.strip().split("\n")[0]
            reserved = str(rule.get("tdm-reservation")) == "1"
            lines.append(f"{'Disallow' if reserved else 'Allow'}: {location}")
            if reserved and isinstance(policy := rule.get("tdm-policy"), str):
                self.policies.append((f"User-agent: *\n{lines[-1]}", policy))
        reserves = any(line.startswith("Disallow") for line in lines)
        self.tdm = "\n".join(["User-agent: *", *lines]) if reserves else ""


@lru_cache(maxsize=1024)
def parsed(rules: str) -> Protego:
    """Parse rules of robots.txt; cached."""
    return Protego.parse(rules)


class Sites:
    """The sites of a web archive, by host, as far as they reserve something.

    An archive's rules for a site apply from there on: a crawler that respects these files fetches them first.
    """

    def __init__(self) -> None:
        self._sites: dict[str, Site] = {}

    def read(self, address: str, data: bytes) -> None:
        """Add a file of rules by its address."""
        site = self._sites.setdefault(_host(address), Site())
        site.read(urlsplit(address).path.lstrip("/"), data)
        if site == Site():
            del self._sites[_host(address)]

    def signals(self, address: str) -> dict[str, str]:
        """Return the metadata keys of a page; see `Site.signals`."""
        site = self._sites.get(_host(address))
        return site.signals(_path(address)) if site else {}


def _host(address: str) -> str:
    return urlsplit(address).netloc.lower()


def _path(address: str) -> str:
    parts = urlsplit(address)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def is_rules(address: str) -> bool:
    """Tell whether an address is that of rules, and so not of a page."""
    return urlsplit(address).path.lstrip("/") in (ROBOTS, TDMREP)


class Mirror:
    """A folder of mirrored sites: rules apply to the files below their folder."""

    def __init__(self, base: Path):
        self.base = base
        self._sites: dict[Path, Site | None] = {}

    def signals(self, path: Path) -> dict[str, str]:
        """Return the signals of the nearest site above a file. A folder's `index.html` is the folder's page."""
        for folder in path.parents:
            if site := self._site(folder):
                page = "/" + path.relative_to(folder).as_posix()
                return site.signals(page.removesuffix("index.html"))
            if folder == self.base:
                break
        return {}

    def _site(self, folder: Path) -> Site | None:
        if folder not in self._sites:
            site, files = Site(), list(rules_files(folder))
            for name, file in files:
                try:
                    with file.open("rb") as data:
                        site.read(name, data.read(MAX_BYTES))
                except DAMAGES:
                    continue
            self._sites[folder] = site if files else None
        return self._sites[folder]


def is_rules_file(name: str) -> bool:
    """Tell whether a file's name is that of rules."""
    return f"/{name}".endswith((f"/{ROBOTS}", f"/{TDMREP}"))


def rules_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield (name, path) of the rules in a folder."""
    for name in (ROBOTS, TDMREP):
        if (path := folder / name).is_file():
            yield name, path
