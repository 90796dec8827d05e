"""Running sessions: the state of each room, the task that owns it, negotiation and recording."""
