"""Whether an address has the host that a rule names. Pure: no name is looked up."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Iterable

from core.rules.part import HOLE
from core.rules.scene import Match

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[/\\]{1,3}([^\s/\\?#\"'<>`]+)")
_HOSTLIKE = re.compile(r"\[[0-9a-f:.]+\]|[\w-]+(?:\.[\w-]+)*\.?")


def find_hosts(text: str) -> list[str]:
    """Hosts of the addresses in a text, without user, port and case."""
    return list(dict.fromkeys(tidy_host(found) for found in _URL.findall(text)))


def tidy_host(authority: str) -> str:
    """`User@EXAMPLE.com.:80` as `example.com`, and an IP address as it is usually written."""
    host = unicodedata.normalize("NFKC", authority.rpartition("@")[2]).replace("\u3002", ".").casefold()
    host = host[: host.find("]") + 1] if host.startswith("[") else host.partition(":")[0]
    host = re.sub(r"%([0-9a-f]{2})", lambda found: chr(int(found[1], 16)), host)
    return _tidy_address(host.rstrip(".").strip("[]"))


def _tidy_address(host: str) -> str:
    """`0x7f.1` and `2130706433` are `127.0.0.1`."""
    parts = host.split(".")
    try:
        address = ipaddress.ip_address(host)
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        return str(mapped or address)
    except ValueError:
        pass
    try:
        numbers = [int(part, 0 if not re.fullmatch(r"0[0-7]+", part) else 8) for part in parts]
        heads, last = numbers[:-1], numbers[-1]
        if len(parts) > 4 or any(not 0 <= number < 256 for number in heads):
            return host
        value = sum(number << (24 - 8 * at) for at, number in enumerate(heads)) + last
        return str(ipaddress.IPv4Address(value))
    except ValueError:
        return host


def fits_host(glob: str, host: str) -> bool:
    """Whether a tidied host is named: `*.internal` names all that end so, not `internal` itself."""
    pattern = re.escape(glob.casefold().rstrip(".")).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(pattern, host) is not None


def match_host(glob: str, texts: Iterable[str]) -> Match:
    """Whether an address in the texts has the host; a word that looks like the host may be it."""
    found = Match.NO
    for text in texts:
        if any(fits_host(glob, host) for host in find_hosts(text)):
            return Match.YES
        folded = unicodedata.normalize("NFKC", text[:100_000]).casefold()
        if HOLE in text or any(fits_host(glob, tidy_host(word)) for word in _HOSTLIKE.findall(folded)):
            found = Match.MAYBE
    return found
