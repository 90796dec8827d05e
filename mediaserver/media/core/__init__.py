"""The pure part of the SFU: packets, numbering, loss, feedback and choices. `now` is passed in, in seconds."""
