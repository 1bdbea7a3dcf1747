"""What an operator passes in: files, times, filters, keys."""
