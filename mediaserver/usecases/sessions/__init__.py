"""Sessions: their life, participants, chat and recordings."""
