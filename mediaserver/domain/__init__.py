"""Pure documents and rules, by topic."""
