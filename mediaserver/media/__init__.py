"""The SFU: forwards RTP between participants in worker processes. It knows no users."""
