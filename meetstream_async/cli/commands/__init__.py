"""Signatures and help texts of the commands."""
