"""Turns records that were written as JSON lines into a table, whose columns must fit all of them.

A first pass finds the columns, a second one writes them; no more than a group of records is held. A field that some
records lack is a null there.
"""

import os
from collections.abc import Callable, Iterator
from typing import Any

from fgit_cli.errors import AnswerIsNo, MissingExtra, one_line
from fgit_cli.formats import places
from fgit_cli.formats.values import loads

GROUP = 16 << 20  # bytes of JSON in a group of rows
ROWS = 20_000  # most rows of one
KINDS = {".parquet": "parquet", ".pq": "parquet", ".arrow": "arrow", ".feather": "arrow"}


def kind(name: str) -> str:
    """`parquet` or `arrow` for a name that ends so; empty for any other."""
    return next((kind for end, kind in KINDS.items() if name.lower().endswith(end)), "")


def need_pyarrow(what: str) -> Any:
    """pyarrow; raises MissingExtra where it is not installed, which is best known before the work."""
    try:
        import pyarrow
    except ImportError:
        raise MissingExtra(what, "data") from None
    return pyarrow


def make_table(lines: str, name: str, kind: str) -> None:
    """Write the records of the JSON lines in file `lines` as the table `name`. Raises AnswerIsNo where none fits."""
    pyarrow = need_pyarrow(name)
    schema = pyarrow.schema([])
    for group in _groups(lines):
        schema = _together(schema, _inferred(group, lines, name), lines, name)
        if not schema.names:
            raise _refused("id", "and every other one is absent from the first records", lines, name)
    for field in schema:
        if _is_empty_struct(field.type):
            raise _refused(field.name, "is an object without a field", lines, name)
    struct = pyarrow.struct(list(schema))
    making = f"{name}.making"
    with places.open_new(making) as stream, _writer(stream, schema, kind) as write:
        for group in _groups(lines):
            write(pyarrow.RecordBatch.from_struct_array(pyarrow.array(group, type=struct)))
    places.rename(making, name)


def _groups(lines: str) -> Iterator[list[dict[str, Any]]]:
    group: list[dict[str, Any]] = []
    size = 0
    with open(lines, "rb") as stream:
        for line in stream:
            group.append(loads(line.decode()))
            size += len(line)
            if size >= GROUP or len(group) == ROWS:
                yield group
                group, size = [], 0
    if group:
        yield group


def _inferred(group: list[dict[str, Any]], lines: str, name: str) -> Any:
    """The columns of a group of records."""
    import pyarrow

    try:
        return pyarrow.schema(list(pyarrow.array(group).type))
    except (pyarrow.ArrowException, OverflowError, ValueError, TypeError):
        for field in dict.fromkeys(key for record in group for key in record):
            try:
                pyarrow.array([record.get(field) for record in group])
            except (pyarrow.ArrowException, OverflowError, ValueError, TypeError) as error:
                raise _refused(field, f"fits no column ({error})", lines, name) from None
        raise


def _together(one: Any, other: Any, lines: str, name: str) -> Any:
    """The columns that hold both: of integers and floats floats, of nulls and anything that."""
    import pyarrow

    try:
        return pyarrow.unify_schemas([one, other], promote_options="permissive")
    except pyarrow.ArrowException as error:
        for field in other:
            if field.name in one.names and one.field(field.name).type != field.type:
                try:
                    pyarrow.unify_schemas(
                        [pyarrow.schema([one.field(field.name)]), pyarrow.schema([field])], promote_options="permissive"
                    )
                except pyarrow.ArrowException:
                    what = f"is {one.field(field.name).type} in some records and {field.type} in others"
                    raise _refused(field.name, what, lines, name) from None
        raise _refused("?", str(error), lines, name) from None


def _is_empty_struct(kind: Any) -> bool:
    """Whether there is an object without fields anywhere in it, which Parquet has no form for."""
    if str(kind) == "struct<>":
        return True
    return any(_is_empty_struct(kind.field(i).type) for i in range(getattr(kind, "num_fields", 0)))


class _writer:
    """Writes record batches to a stream as Parquet or Arrow, for a `with` block that yields the function."""

    def __init__(self, stream: Any, schema: Any, kind: str) -> None:
        import pyarrow.ipc
        import pyarrow.parquet

        if kind == "parquet":
            self.writer: Any = pyarrow.parquet.ParquetWriter(stream, schema, compression="zstd")
        else:
            self.writer = pyarrow.ipc.new_file(stream, schema)

    def __enter__(self) -> Callable[[Any], None]:
        return self.writer.write_batch  # type: ignore[no-any-return]

    def __exit__(self, *exception: Any) -> None:
        self.writer.close()


def _refused(field: str, what: str, lines: str, name: str) -> AnswerIsNo:
    return AnswerIsNo(
        f"{name}: field `{field}` {one_line(what, 200)}, which a table cannot hold; all records are in "
        f"{os.fspath(lines)}, as JSON lines: give --output a name with .jsonl"
    )
