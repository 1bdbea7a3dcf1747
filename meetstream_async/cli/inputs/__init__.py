"""Parse what an operator passes in: files, times, filters, keys."""
