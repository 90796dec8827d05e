"""Load bots: clients of the public protocol (docs/protocol.md), cheap enough not to be what is measured."""
