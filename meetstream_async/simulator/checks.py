"""Arguments that a simulator refuses before it listens."""

import ipaddress
import re


def check_keys(**given: list[str | None]) -> None:
    """Refuse what cannot be sent in a header. The error names no key, not even one that cannot be used."""
    for name, keys in given.items():
        if not all(key is None or re.fullmatch(r"[!-~]+", key) for key in keys):
            raise ValueError(f"{name} must be printable ASCII, not empty, without spaces")


def loopback(host: str) -> str:
    """The address to listen on; nothing but a loopback address is one."""
    if host == "localhost":
        return "127.0.0.1"
    try:
        known = ipaddress.ip_address(host).is_loopback
    except ValueError:
        known = False
    if not known:
        raise ValueError("host must be a loopback address: the simulator is no server for a network")
    return host
