"""What goes wrong around a run, one row a fault: what is seen, what is kept, and a proof of both."""
