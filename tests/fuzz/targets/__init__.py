"""One module for each parser, named after its target."""
