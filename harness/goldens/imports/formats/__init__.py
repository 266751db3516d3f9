"""One module for each format that is known by name."""
