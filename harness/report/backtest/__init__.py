"""What a back-test says, as tables, a page, a sheet and a list of flips."""
