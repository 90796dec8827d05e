"""A small school to look at: people, courses, tweets, messages and sessions, for a server that is still empty."""
