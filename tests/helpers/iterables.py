"""Lazy targets: async iterables of what a list holds."""

from __future__ import annotations


async def async_pairs(targets):
    for target in targets:
        yield target


def async_ids(ids):
    async def generate():
        for event_id in ids:
            yield event_id

    return generate()
