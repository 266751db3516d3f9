"""One item whole, on the terminal and as a page."""
