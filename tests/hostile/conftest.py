from tests.rooms.conftest import endpoint

__all__ = ["endpoint"]
