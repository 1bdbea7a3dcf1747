"""Bulk runs: many calls, one report."""
