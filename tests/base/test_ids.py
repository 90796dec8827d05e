import re

from mediaserver.base.ids import ID_PATTERN, new_id


def test_ids_are_ulids_and_never_repeat() -> None:
    ids = {new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(re.match(ID_PATTERN, one) for one in ids)
