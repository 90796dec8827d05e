"""From captured packets to one timeline of all tracks."""
