"""Text that users write: normalization, lookalikes, markup and search terms."""
