"""Routes and resources of notifications."""
