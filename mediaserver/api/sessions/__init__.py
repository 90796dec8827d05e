"""Routes and resources of sessions."""
