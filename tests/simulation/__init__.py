"""A simulation of time and trouble: the real client and runner against an account that misbehaves.

Everything above the socket is the product's own and aiohttp's: the event loop in :mod:`.loop` has a clock
that jumps and a network in memory, and :mod:`.account` is what answers there. A history is made from one
integer (:mod:`.histories`), run (:mod:`.run`), judged by what the account itself knows to be true
(:mod:`.invariants`), and shrunk where it fails (:mod:`.shrink`).

    python -m tests.simulation 1234                       run one history and tell its story
    python -m tests.simulation --histories 100000 --jobs 2
"""
