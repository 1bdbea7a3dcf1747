"""The cost of a call, measured against the alternatives. ``python -m benchmarks``."""
