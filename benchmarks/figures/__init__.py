"""The figures, one function each: from a size to what goes into the JSON file."""
