"""The OpenAPI 3.1 description, derived from the declarations."""
