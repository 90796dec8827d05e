"""Documents that make requests idempotent."""
