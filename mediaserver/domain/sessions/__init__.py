"""Live, video and audio sessions: participants, chat and recordings."""
