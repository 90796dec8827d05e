"""A small document server that speaks MongoDB's wire protocol over SQLite: what it does not know, it refuses."""
