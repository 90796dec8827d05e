"""References between documents, and a short-lived cache of lookups."""
