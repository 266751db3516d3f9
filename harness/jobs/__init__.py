"""One use case a module, shared by the command line, the API and the pytest plugin."""
