"""The execution of each command, after its arguments have been parsed."""
