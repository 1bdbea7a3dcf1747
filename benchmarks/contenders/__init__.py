"""What users would pick, each written as a competent user would: one module a contender.

Each module has one async context manager, ``opened(base_url, concurrency)``. It yields a function that
unschedules a sequence of event ids with so many requests in flight, and returns how many replies said so.
"""
