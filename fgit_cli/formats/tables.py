"""Reads the rows of tables (Parquet, Arrow, saved data sets, data sets of the hub), and writes Parquet and Arrow.

A value becomes what JSON has for it: dates, times and decimals a text in ISO's form, integers stay integers. Bytes are
refused by the name of their column. pyarrow reads and writes; `datasets` opens what it has saved or what the hub has.
"""

import math
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO

from fgit_cli.errors import FgitError, InputError, MissingExtra, one_line
from fgit_cli.formats.texts import Rows

ROWS = 256  # turned into objects at a time
NANOSECONDS = "time64[ns]"  # Arrow's name of times of day that Python's own cannot hold
HUB = re.compile(r"hf://(?P<name>[\w.-]+/[\w.-]+)(?:/(?P<configuration>[\w.-]+))?(?::(?P<split>.+))?")
Convert = Callable[[Any], Any] | None  # None: the value stays as it is


def parquet(stream: BinaryIO, label: str) -> Rows:
    """The rows of a Parquet file; a group of rows is held."""
    _pyarrow(label)
    from pyarrow.parquet import ParquetFile

    with _reading(label):
        yield from _rows(ParquetFile(stream).iter_batches(ROWS), label)


def arrow(stream: BinaryIO, label: str, is_file: bool) -> Rows:
    """The rows of Arrow's IPC format, its file or its stream; a batch is held."""
    pyarrow = _pyarrow(label)

    def batches() -> Iterator[Any]:
        if is_file:
            reader = pyarrow.ipc.open_file(stream)
            yield from (reader.get_batch(number) for number in range(reader.num_record_batches))
        else:
            yield from pyarrow.ipc.open_stream(stream)

    with _reading(label):
        yield from _rows(batches(), label)


def saved(name: str) -> Rows:
    """The rows of a data set in the folder where `save_to_disk` put it."""
    datasets = _datasets(name)
    with _reading(name):
        found = _the_split(datasets.load_from_disk(name), name, f"{name.rstrip('/')}/", None)
        yield from _rows(found.with_format("arrow").iter(ROWS), name)


def hub(name: str) -> Rows:
    """The rows of `hf://owner/name[/configuration][:split]`: streamed, or from the cache while the hub is away."""
    parts = HUB.fullmatch(name)
    if parts is None:
        forms = "hf://owner/name, hf://owner/name:split or hf://owner/name/configuration:split"
        raise InputError(f"no data set of the hub; give it as {forms}", name)
    datasets = _datasets(name)
    asked, split = (parts["name"], parts["configuration"]), parts["split"]
    try:
        try:
            if datasets.config.HF_HUB_OFFLINE:
                raise ConnectionError
            opened = datasets.load_dataset(*asked, streaming=True)
        except ConnectionError:
            opened = datasets.load_dataset(*asked)
    except Exception as error:  # of the hub, of the data set's files, of a name that is none: many classes
        raise InputError(f"cannot be opened: {type(error).__name__}: {_line(error)}", name) from None
    with _reading(name):
        found = _the_split(opened, name, f"{name.removesuffix(f':{split}')}:", split)
        yield from _rows(found.with_format("arrow").iter(ROWS), name)


def _the_split(found: Any, name: str, before: str, split: str | None) -> Any:
    """The data set itself, or the one split that it has or that was named."""
    if not isinstance(found, dict):
        return found
    splits = sorted(found)
    if split is None and len(splits) == 1:
        split = splits[0]
    if split not in found:
        which = "several splits" if split is None else f"no split {split}"
        raise InputError(f"{which}; name one: {', '.join(before + one for one in splits)}", name)
    return found[split]


def _rows(batches: Iterable[Any], label: str) -> Rows:
    """The rows of record batches or tables as objects, each with its place."""
    number = 0
    converts: dict[str, Convert] | None = None
    for batch in batches:
        if converts is None:
            converts = _converts(batch.schema, label)
        for start in range(0, batch.num_rows, ROWS):
            for row in _objects(_exact_times(batch.slice(start, ROWS))):
                number += 1
                place = f"{label}, row {number}"
                if isinstance(row, str):
                    yield place, InputError(row, place)
                    continue
                name = ""
                try:
                    for name, convert in converts.items():
                        if convert and row[name] is not None:
                            row[name] = convert(row[name])
                    yield place, row
                except ValueError as error:
                    yield place, InputError(f"column `{name}` holds {error}", place)


def _objects(batch: Any) -> list[dict[str, Any] | str]:
    """The rows of a record batch; of one with a value that Python has no form for what is wrong with it, in words."""
    try:
        return batch.to_pylist()  # type: ignore[no-any-return]
    except Exception:  # a date behind the year 9999, a text that is not UTF-8: pyarrow's classes are many
        return [_object(batch.slice(number, 1)) for number in range(batch.num_rows)]


def _object(row: Any) -> dict[str, Any] | str:
    """The one row of a batch, or what is wrong with it."""
    found: dict[str, Any] = {}
    for name, column in zip(row.schema.names, row.columns, strict=True):
        try:
            found[name] = column[0].as_py()
        except UnicodeDecodeError as error:
            return f"column `{name}` holds text that is not UTF-8 (byte {error.start}); convert it"
        except Exception as error:
            kind = row.schema.field(name).type
            return f"column `{name}` holds a {kind} that has no form in JSON ({_line(error)})"
    return found


def _exact_times(batch: Any) -> Any:
    """The batch with times of day in nanoseconds as text: Python's own have microseconds and would lose digits."""
    for at, field in enumerate(batch.schema):
        if str(field.type) == NANOSECONDS:
            batch = batch.set_column(at, field.name, batch.column(at).cast("string"))
    return batch


def _converts(schema: Any, label: str) -> dict[str, Convert]:
    """What makes a JSON value of each column's. Raises InputError for a column that JSON cannot carry."""
    _refuse_twice(schema.names, "two columns are", label)
    return {
        field.name: _without_zeros if str(field.type) == NANOSECONDS else _convert(field.type, field.name, label)
        for field in schema
    }


def _refuse_twice(names: list[str], what: str, label: str) -> None:
    """Raises InputError where a name is there twice."""
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{what} named {twice!r}; rename one", label)


def _convert(kind: Any, name: str, label: str) -> Convert:
    types = _pyarrow(label).types
    if isinstance(kind, _pyarrow(label).BaseExtensionType):
        return str if "uuid" in str(kind) else _convert(kind.storage_type, name, label)
    if types.is_dictionary(kind):
        return _convert(kind.value_type, name, label)
    if types.is_floating(kind):
        return _finite
    if types.is_decimal(kind):
        return str
    if types.is_timestamp(kind) or types.is_date(kind) or (types.is_time(kind) and str(kind) != NANOSECONDS):
        return lambda value: value.isoformat()
    if types.is_map(kind):
        if not _is_text(kind.key_type):
            raise InputError(f"column `{name}` is a map whose keys are {kind.key_type}, not text; rename them", label)
        return _of_map(_convert(kind.item_type, name, label))
    if types.is_struct(kind):
        _refuse_twice([field.name for field in kind], f"two fields of column `{name}` are", label)
        return _of_struct({field.name: _convert(field.type, f"{name}.{field.name}", label) for field in kind})
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind) or "list_view" in str(kind):
        return _of_list(_convert(kind.value_type, name, label))
    plain = types.is_integer(kind) or types.is_boolean(kind) or types.is_null(kind)
    if plain or _is_text(kind):
        return None
    what = "bytes" if "binary" in str(kind) else f"values of Arrow's type {kind}"
    raise InputError(f"column `{name}` holds {what}, which JSON cannot carry; leave the column out of the file", label)


def _is_text(kind: Any) -> bool:
    if str(kind).startswith("dictionary<"):
        return _is_text(kind.value_type)
    return str(kind) in ("string", "large_string", "string_view")


def _without_zeros(time: str) -> str:
    """A time of day as `datetime` writes it, with as many more digits as it has."""
    whole, _, digits = time.partition(".")
    digits = digits.rstrip("0")
    return f"{whole}.{digits:0<6}" if digits else whole


def _finite(value: float) -> float:
    if math.isfinite(value):
        return float(value)
    raise ValueError(f"{'NaN' if math.isnan(value) else 'Infinity'}, which is not JSON; make it a null")


def _of_list(inner: Convert) -> Convert:
    if inner is None:
        return None
    return lambda values: [None if value is None else inner(value) for value in values]


def _of_map(inner: Convert) -> Convert:
    def convert(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = {key: inner(value) if inner and value is not None else value for key, value in pairs}
        if len(found) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise ValueError(f"a map with the key {twice!r} more than once")
        return found

    return convert


def _of_struct(inner: dict[str, Convert]) -> Convert:
    changed = {name: convert for name, convert in inner.items() if convert}
    if not changed:
        return None

    def convert(value: dict[str, Any]) -> dict[str, Any]:
        return value | {name: made(value[name]) for name, made in changed.items() if value[name] is not None}

    return convert


class _reading:
    """Errors of pyarrow and `datasets` in its block become one line that names the file."""

    def __init__(self, label: str) -> None:
        self.label = label

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if error is None or not isinstance(error, Exception) or isinstance(error, FgitError):
            return
        raise InputError(f"cannot be read: {_line(error)}", self.label) from None


def _line(error: Exception) -> str:
    return one_line(error, 300) or type(error).__name__


def _pyarrow(what: str) -> Any:
    try:
        import pyarrow
        import pyarrow.ipc
    except ImportError:
        raise MissingExtra(what, "data") from None
    return pyarrow


def _datasets(what: str) -> Any:
    try:
        import datasets
    except ImportError:
        raise MissingExtra(what, "data") from None
    datasets.disable_progress_bars()
    datasets.logging.set_verbosity_error()
    return datasets
