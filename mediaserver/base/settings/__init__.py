"""The settings tree and the forms of values that settings take."""
