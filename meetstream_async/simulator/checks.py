"""Checks of a simulator's arguments, made before it starts listening."""

import ipaddress
import re


def check_keys(**arguments: list[str | None]) -> None:
    """Refuse keys that cannot be sent in a header. The error never contains a key, not even a bad one."""
    for name, keys in arguments.items():
        if not all(key is None or re.fullmatch(r"[!-~]+", key) for key in keys):
            raise ValueError(f"{name} must be printable ASCII, not empty, without spaces")


def loopback(host: str) -> str:
    """The address to listen on. Raises ValueError unless it is a loopback address."""
    if host == "localhost":
        return "127.0.0.1"
    try:
        known = ipaddress.ip_address(host).is_loopback
    except ValueError:
        known = False
    if not known:
        raise ValueError("host must be a loopback address: the simulator must not be reachable from outside")
    return host
