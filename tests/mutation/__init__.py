"""Mutation testing: each mutant changes one place of a module, and the tests have to notice.

    python -m tests.mutation                      # a fixed sample of every group
    python -m tests.mutation judge --mutants all  # every mutant of one group

`groups.py` says which modules are mutated and which test files have to notice, `mutants.py` what is changed
and what is left out, `survivors.toml` which mutants no test can notice, and why.

The driver is our own, on `ast`, because a mutant has to cost about a second: mutmut and cosmic-ray write
each mutant to the disk and start Python anew for it, and neither draws a sample. Here the mutated module
lives in memory, in a process that was forked with the libraries imported already, and only the tests that
reach the changed lines are run.
"""
