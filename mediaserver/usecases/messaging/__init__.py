"""Direct messages and conversations."""
