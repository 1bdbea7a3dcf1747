"""Everything shown on the terminal."""
