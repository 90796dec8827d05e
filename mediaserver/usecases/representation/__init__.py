"""Documents as clients see them, with the users, documents and uploads that they name."""
