"""What a call costs, measured against what users would pick instead. ``python -m benchmarks``."""
