"""SDP offers and answers, and each participant's peer connection."""
