"""The state of a room, pure: commands in, effects out."""
