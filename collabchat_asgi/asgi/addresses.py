"""Addresses in every spelling that servers and proxies give them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_BRACKETS = re.compile(r"\[([^\]]+)\](?::\d*)?")
_WITH_PORT = re.compile(r"([0-9.]+):\d*")
_PAIR = re.compile(r'\s*([\w-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;,"]*)\s*')


@lru_cache(maxsize=64)  # one connection asks several times for the same one
def parse(text: str) -> Address | None:
    """`1.2.3.4`, `1.2.3.4:5678`, `[2001:db8::1]:80`, `"[::1]"`, `fe80::1%eth0`, and
    `::ffff:1.2.3.4`, which is `1.2.3.4`. None: it is no address (`unknown`, a name, garbage)."""
    text = text.strip().strip('"').strip()
    if match := _BRACKETS.fullmatch(text) or _WITH_PORT.fullmatch(text):
        text = match[1]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def network(text: str) -> Network:
    """An address or a network. Raises `ValueError`."""
    found = ipaddress.ip_network(text, strict=False)
    mapped = parse(str(found.network_address))
    if isinstance(found, ipaddress.IPv6Network) and isinstance(mapped, ipaddress.IPv4Address):
        return ipaddress.ip_network(f"{mapped}/{max(0, found.prefixlen - 96)}", strict=False)
    return found


def listed(lines: Sequence[str]) -> list[str]:
    """The items of a list that stands in one header line or in several."""
    return [item.strip() for line in lines for item in line.split(",") if item.strip()]


def forwarded(lines: Sequence[str]) -> Iterator[dict[str, str]]:
    """Each hop of `Forwarded` (RFC 7239): its parameters by lower-case name, without quotes."""
    for line in lines:
        for item in _items(line):
            at, hop = 0, dict[str, str]()
            while match := _PAIR.match(item, at):
                hop[match[1].lower()] = match[2].strip('"')
                at = match.end() + 1
            yield hop


def _items(line: str) -> list[str]:
    """Split at the commas outside of quotes, from the end: a proxy adds there what is well-formed,
    to whatever a browser has sent, which may leave a quote open."""
    found, end, quoted = list[str](), len(line), False
    for at in range(len(line) - 1, -1, -1):
        if line[at] == '"' and line[at - 1 : at] != "\\":
            quoted = not quoted
        elif line[at] == "," and not quoted:
            found.append(line[at + 1 : end])
            end = at
    return [line[:end], *reversed(found)]
