"""The network side of a media worker: UDP ports, ICE, DTLS and SRTP."""
