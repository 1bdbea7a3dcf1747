"""Measurements made in a process of their own: one module per probe, each with ``async def measure``.

``python -m benchmarks.probe NAME '{"argument": value}'`` runs one and prints what it returns as JSON.
"""
