"""Public IP addresses.

Valid, public addresses only: private, loopback and documentation ranges identify nobody. A dotted quad whose numbers
are all below 32, or all but one, and whose first is below 64, is read as a version or section number (1.2.3.4,
55.1.12.6): of random addresses, 1 in 180 looks like that. IPv6 only within 2000::/3, the one range allocated by IANA,
because `::2` is a slice; or written in full, with all of its eight groups.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from desdecero.pipelines.corpus.privacy.matches import Match, Strength

_QUAD = re.compile(r"\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]")
"""Pattern from the first point to the first digit of the last number: a single leading sign is found ten times as
fast."""
_IPV4 = re.compile(r"(?<![\w.-])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![\w-]|\.[0-9])")
_GROUP = re.compile(r":[0-9A-Fa-f]{0,4}:")
_IPV6 = re.compile(
    r"(?<![\w:.])(?:[23][0-9A-Fa-f]{3}:[0-9A-Fa-f:]{2,34}|[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){7})(?![\w:])"
)
_LONGEST_IPV6 = 39
_PUBLIC_RESOLVERS = {"8.8.8.8", "8.8.4.4", "1.1.1.1", "9.9.9.9"}


def find_addresses(text: str) -> Iterator[Match]:
    """Find public addresses."""
    for quad in _QUAD.finditer(text):
        match = _IPV4.search(text, max(0, quad.start() - 3), quad.end() + 4)
        if match and _is_public(match[0]):
            yield Match(*match.span(), "ip", "ipv4", Strength.SHAPE)
    end = 0
    for group in _GROUP.finditer(text):
        if group.start() < end:
            continue
        match = _IPV6.search(text, max(end, group.start() - _LONGEST_IPV6), group.end() + _LONGEST_IPV6)
        if match and match.start() < group.start():
            end = match.end()
            address = match[0].rstrip(":")
            if _is_public(address):
                yield Match(match.start(), match.start() + len(address), "ip", "ipv6", Strength.SHAPE)


def _is_public(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if address.version == 6:
        # Above 2000::/3 nothing is allocated, but eight written groups are an address, even a mistaken one.
        in_full = text.count(":") == 7 and len(text) > 23
        return address.is_global or (in_full and address.is_reserved)
    looks_like_version = address.packed[0] < 64 and sum(number < 32 for number in address.packed) >= 3
    return address.is_global and not address.is_multicast and not looks_like_version and text not in _PUBLIC_RESOLVERS
