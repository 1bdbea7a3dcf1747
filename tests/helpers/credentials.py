"""The API key and the base URL of the tests."""

from __future__ import annotations

KEY = "ms_canary-7f3a9c51e2d84b60"
"""The API key of the tests: long, and unlike any ordinary text."""
API = "https://api.example.com/v1"
"""A base URL for tests without sockets."""
