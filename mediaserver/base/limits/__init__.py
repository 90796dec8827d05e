"""Pure structures that bound and share work: token buckets, fair queues, minimum rates."""
