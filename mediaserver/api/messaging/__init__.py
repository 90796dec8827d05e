"""Routes and resources of direct messages."""
