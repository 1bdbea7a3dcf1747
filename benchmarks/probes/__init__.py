"""What is measured in a process of its own: one module a probe, each with one ``async def measure``.

``python -m benchmarks.probe NAME '{"argument": value}'`` runs one and prints what it returns as JSON.
"""
