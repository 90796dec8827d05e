"""Where things are kept: documents (MongoDB or the embedded server), objects, events, counters."""
