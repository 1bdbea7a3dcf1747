"""What each command does once its arguments have been read."""
