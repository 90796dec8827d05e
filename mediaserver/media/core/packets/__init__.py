"""RTP, RTCP and DTLS packets as bytes, and their numbering."""
