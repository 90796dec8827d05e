"""What follows from the coming and going of each class of documents: one table, for who composes the server."""

from collections.abc import Mapping
from typing import Final

from mediaserver.domain.document import Document
from mediaserver.domain.users import User
from mediaserver.usecases import erasure
from mediaserver.usecases.context import Consequences

CONSEQUENCES: Final[Mapping[type[Document], Consequences]] = {
    User: erasure.CONSEQUENCES,
}
