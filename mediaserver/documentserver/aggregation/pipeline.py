"""Aggregation pipelines: each stage is a function from documents to documents; unknown stages are errors.

A leading `$match`, `$sort`, `$skip`, `$limit` is turned into a query first, so that it can use an index.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from mediaserver.documentserver.aggregation.accumulators import group
from mediaserver.documentserver.aggregation.expressions import compile_expression
from mediaserver.documentserver.errors import CommandError, Document, number, refuse_unknown
from mediaserver.documentserver.finding import Query, parse_sort, sorter
from mediaserver.documentserver.matching.filters import Filter
from mediaserver.documentserver.matching.keys import MISSING, encode
from mediaserver.documentserver.matching.paths import elements, split
from mediaserver.documentserver.matching.projection import add_path, exclude, include

Documents = Iterable[Document]
Stage = Callable[[Documents], Documents]
Lookup = Callable[[str], Documents]
"""All documents of a collection of the same database."""


def split_query(stages: list[Document], deadline: float | None) -> tuple[Query, list[Document]]:
    """The query that the first stages amount to, and the stages that are left."""
    query, taken, order = Query(deadline=deadline), 0, ("$match", "$sort", "$skip", "$limit")
    reached = 0
    for stage in stages:
        name = next(iter(stage), "")
        if len(stage) != 1 or name not in order[reached:]:
            break
        reached = order.index(name) + 1
        if name == "$match":
            query.filter = Filter(_document(name, stage[name]))
        elif name == "$sort":
            query.sort = parse_sort(_document(name, stage[name]))
        elif name == "$skip":
            query.skip = _count(name, stage[name], 0)
        else:
            query.limit = _count(name, stage[name], 1)
        taken += 1
    return query, stages[taken:]


def compile_pipeline(stages: Any, lookup: Lookup, inside_facet: bool = False) -> Stage:
    if not isinstance(stages, list):
        raise CommandError(14, "'pipeline' option must be specified as an array")
    compiled: list[Stage] = []
    for stage in stages:
        if not isinstance(stage, dict) or len(stage) != 1:
            raise CommandError(40323, "A pipeline stage specification object must contain exactly one field.")
        ((name, operand),) = stage.items()
        if name not in _STAGES or (inside_facet and name == "$facet"):
            raise CommandError(40324, f"Unrecognized pipeline stage name: '{name}'")
        compiled.append(_STAGES[name](operand, lookup))
    return lambda documents: _chain(compiled, documents)


def _chain(stages: list[Stage], documents: Documents) -> Documents:
    for stage in stages:
        documents = stage(documents)
    return documents


def _document(name: str, operand: Any) -> Document:
    if not isinstance(operand, dict):
        raise CommandError(15959, f"the {name} specification must be an object")
    return operand


def _count(name: str, operand: Any, least: int) -> int:
    count = number(operand, name)
    if count < least:
        raise CommandError(15958 if least else 15956, f"the argument of {name} must be at least {least}")
    return count


def _match(operand: Any, _: Lookup) -> Stage:
    wanted = Filter(_document("$match", operand))
    return lambda documents: filter(wanted.matches, documents)


def _sort(operand: Any, _: Lookup) -> Stage:
    key = sorter(parse_sort(_document("$sort", operand)))
    return lambda documents: sorted(documents, key=key)


def _limit(operand: Any, _: Lookup) -> Stage:
    count = _count("$limit", operand, 1)
    return lambda documents: islice(documents, count)


def _skip(operand: Any, _: Lookup) -> Stage:
    count = _count("$skip", operand, 0)
    return lambda documents: islice(documents, count, None)


def _count_stage(operand: Any, _: Lookup) -> Stage:
    if not isinstance(operand, str) or not operand or operand.startswith("$") or "." in operand:
        raise CommandError(40156, "the count field must be a plain name")

    def run(documents: Documents) -> Documents:
        total = sum(1 for _ in documents)
        return [{operand: total}] if total else []

    return run


def _group(operand: Any, _: Lookup) -> Stage:
    return group(_document("$group", operand))


def _project(operand: Any, _: Lookup) -> Stage:
    """Inclusion with computed fields, or exclusion; `_id` may be left out of either."""
    source = _document("$project", operand)
    if not source:
        raise CommandError(51272, "$project specification must have at least one field")
    flags = {name: bool(wanted) for name, wanted in source.items() if _is_flag(wanted)}
    computed = {name: wanted for name, wanted in source.items() if name not in flags}
    others = {wanted for name, wanted in flags.items() if name != "_id"}
    if len(others) > 1 or (computed and others == {False}):
        raise CommandError(31254, "Cannot mix inclusion and exclusion in $project")
    tree: Document = {}
    for name in flags:
        if name != "_id":
            add_path(tree, name)
    if not computed and (others == {False} or (not others and not flags["_id"])):
        project = exclude(tree if flags.get("_id", True) else {**tree, "_id": True})
        return lambda documents: map(project, documents)
    kept = include(tree | ({"_id": True} if flags.get("_id", "_id" not in computed) else {}))
    add = _adder(computed)
    return lambda documents: (add(document, kept(document)) for document in documents)


def _is_flag(wanted: Any) -> bool:
    return isinstance(wanted, (bool, int, float))


def _add_fields(operand: Any, _: Lookup) -> Stage:
    add = _adder(_document("$addFields", operand))
    return lambda documents: (add(document, document) for document in documents)


def _adder(fields: Document) -> Callable[[Document, Document], Document]:
    """Computes fields from the first document and sets them in a copy of the second."""
    compiled = [(split(name), compile_expression(value)) for name, value in fields.items()]
    for path, _ in compiled:
        if not all(path) or any(part.startswith("$") for part in path):
            raise CommandError(16410, f"'{'.'.join(path)}' is not a field that can be set")

    def add(source: Document, target: Document) -> Document:
        target = dict(target)
        for path, value in compiled:
            if (computed := value(source)) is not MISSING:
                _set(target, path, computed)
        return target

    return add


def _set(target: Document, path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        below = target.get(name)
        if isinstance(below, list):
            raise CommandError(2, f"setting fields of the elements of array '{name}' is not supported")
        target[name] = dict(below) if isinstance(below, dict) else {}
        target = target[name]
    target[path[-1]] = value


def _unwind(operand: Any, _: Lookup) -> Stage:
    options = {"path": operand} if isinstance(operand, str) else _document("$unwind", operand)
    refuse_unknown(options, frozenset(("path", "preserveNullAndEmptyArrays", "includeArrayIndex")), "$unwind")
    source, index_name = options.get("path"), options.get("includeArrayIndex")
    if not isinstance(source, str) or not source.startswith("$") or (index_name or "x").startswith("$"):
        raise CommandError(28818, "path option to $unwind stage should be prefixed with a '$'")
    keep = bool(options.get("preserveNullAndEmptyArrays"))
    path, value_of = split(source[1:]), compile_expression(source)

    def unwind(document: Document) -> Iterator[Document]:
        value = value_of(document)
        if not isinstance(value, list):
            if keep or not (value is None or value is MISSING):
                yield {**document, index_name: None} if index_name else document
            return
        if not value and keep:
            bare = _without(document, path)
            yield {**bare, index_name: None} if index_name else bare
        for at, item in enumerate(value):
            result = dict(document)
            _set(result, path, item)
            if index_name:
                result[index_name] = at
            yield result

    return lambda documents: (result for document in documents for result in unwind(document))


def _without(document: Document, path: tuple[str, ...]) -> Document:
    tree: Document = {}
    add_path(tree, ".".join(path))
    return exclude(tree)(document)


def _facet(operand: Any, lookup: Lookup) -> Stage:
    facets = {
        name: compile_pipeline(stages, lookup, inside_facet=True)
        for name, stages in _document("$facet", operand).items()
    }
    if not facets:
        raise CommandError(40169, "the $facet specification must be a non-empty object")

    def run(documents: Documents) -> Documents:
        everything = list(documents)
        return [{name: list(stage(everything)) for name, stage in facets.items()}]

    return run


def _lookup(operand: Any, lookup: Lookup) -> Stage:
    """The plain form: equality of one local and one foreign field; arrays match by any element."""
    source = _document("$lookup", operand)
    refuse_unknown(source, frozenset(("from", "localField", "foreignField", "as")), "$lookup")
    names = [source.get(name, "") for name in ("from", "localField", "foreignField", "as")]
    if not all(isinstance(name, str) and name for name in names):
        raise CommandError(9, "$lookup needs from, localField, foreignField and as")
    foreign, local_path, foreign_path, into = names[0], split(names[1]), split(names[2]), split(names[3])

    def run(documents: Documents) -> Documents:
        others = list(lookup(foreign))
        by_key: dict[bytes, list[int]] = {}
        for at, other in enumerate(others):
            for key in {encode(value) for value in elements(other, foreign_path)}:
                by_key.setdefault(key, []).append(at)
        for document in documents:
            wanted = {encode(value) for value in elements(document, local_path) if not isinstance(value, list)}
            found = {at for key in wanted for at in by_key.get(key, ())}
            result = dict(document)
            _set(result, into, [others[at] for at in sorted(found)])
            yield result

    return run


def _replace_root(operand: Any, _: Lookup) -> Stage:
    source = _document("$replaceRoot", operand)
    refuse_unknown(source, frozenset(("newRoot",)), "$replaceRoot")
    root_of = compile_expression(source.get("newRoot"))

    def replace(document: Document) -> Document:
        root = root_of(document)
        if not isinstance(root, dict):
            raise CommandError(40228, "'newRoot' expression must evaluate to an object")
        return root

    return lambda documents: map(replace, documents)


_STAGES: dict[str, Callable[[Any, Lookup], Stage]] = {
    "$match": _match,
    "$sort": _sort,
    "$limit": _limit,
    "$skip": _skip,
    "$count": _count_stage,
    "$group": _group,
    "$project": _project,
    "$addFields": _add_fields,
    "$set": _add_fields,
    "$unwind": _unwind,
    "$facet": _facet,
    "$lookup": _lookup,
    "$replaceRoot": _replace_root,
}
