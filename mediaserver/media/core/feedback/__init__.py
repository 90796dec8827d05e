"""Loss, retransmission and receiver feedback."""
