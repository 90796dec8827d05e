"""Refusals as MongoDB words them: a numeric code, its name and a message that names what was refused."""

from typing import Any

from bson import Int64

Document = dict[str, Any]

NAMES = {
    2: "BadValue",
    8: "UnknownError",
    9: "FailedToParse",
    14: "TypeMismatch",
    15: "Overflow",
    20: "IllegalOperation",
    22: "InvalidBSON",
    26: "NamespaceNotFound",
    27: "IndexNotFound",
    28: "PathNotViable",
    31: "Overflow",
    40: "ConflictingUpdateOperators",
    43: "CursorNotFound",
    48: "NamespaceExists",
    50: "MaxTimeMSExpired",
    52: "DollarPrefixedFieldName",
    53: "InvalidIdField",
    59: "CommandNotFound",
    66: "ImmutableField",
    67: "CannotCreateIndex",
    72: "InvalidOptions",
    73: "InvalidNamespace",
    85: "IndexOptionsConflict",
    86: "IndexKeySpecsConflict",
    115: "CommandNotSupported",
    171: "CannotIndexParallelArrays",
    10334: "BSONObjectTooLarge",
    11000: "DuplicateKey",
    14031: "OutOfDiskSpace",
    40415: "Location40415",
}

BAD_VALUE, TYPE_MISMATCH, FAILED_TO_PARSE = 2, 14, 9
DUPLICATE_KEY = 11000


class CommandError(Exception):
    """A command, or one write of a batch, was refused; nothing of it happened."""

    def __init__(self, code: int, message: str, **details: Any) -> None:
        super().__init__(message)
        self.code, self.message, self.details = code, message, details

    def reply(self) -> Document:
        name = NAMES.get(self.code, f"Location{self.code}")
        return {"ok": 0.0, "errmsg": self.message, "code": self.code, "codeName": name, **self.details}

    def write_error(self, index: int) -> Document:
        return {"index": index, "code": self.code, "errmsg": self.message, **self.details}


def refuse_unknown(given: Document, known: frozenset[str], where: str) -> None:
    """Refuse fields that are not understood: ignoring an option would change what the client asked for."""
    for name in given:
        if name not in known:
            raise CommandError(40415, f"BSON field '{where}.{name}' is an unknown field.")


def number(value: Any, name: str) -> int:
    """A whole number in any of the numeric types that drivers send."""
    if type(value) is int:
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float, Int64)) or int(value) != value:
        raise CommandError(TYPE_MISMATCH, f"{name} must be a whole number, not {value!r}")
    return int(value)
