"""Routes and resources as declarations: request bodies, queries, answers and their checks."""
