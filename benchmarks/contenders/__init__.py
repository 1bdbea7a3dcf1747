"""The alternatives, each written as a competent user would write it: one module per contender.

Each module has one async context manager, ``opened(base_url, concurrency)``. It yields a function that
unschedules a sequence of event ids with that concurrency, and returns how many replies confirmed it.
"""
