"""Routes and resources of courses."""
