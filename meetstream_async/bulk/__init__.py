"""Many calls, one report."""
