"""Checks of a simulator's arguments, made before it starts listening."""

import ipaddress
import re


def check_keys(**arguments: list[str | None]) -> None:
    """Refuse keys that cannot be sent in a header. The error never contains a key, not even a bad one."""
    for name, keys in arguments.items():
        if not all(key is None or re.fullmatch(r"[!-~]+", key) for key in keys):
            raise ValueError(f"{name} must be printable ASCII, not empty, without spaces")


def address(host: str) -> str:
    """The IP address to listen on. Raises ValueError unless it is one, or "localhost"."""
    if host == "localhost":
        return "127.0.0.1"
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        raise ValueError("host must be an IP address: 127.0.0.1, or one that others can reach") from None


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    return ipaddress.ip_address(host).is_loopback
