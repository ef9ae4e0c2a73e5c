"""The formats in which people keep records: each gives the same records, each is written, and what is none is named."""

import bz2
import contextlib
import csv
import datetime
import decimal
import gzip
import io
import json
import lzma
import shutil

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fgit_cli import jsonl
from fgit_cli.errors import AnswerIsNo, InputError, MissingExtra, UsageError
from fgit_cli.formats import packing, reading, texts

RECORDS = [
    {
        "instruction": f'Add {i}, "x"\u2028 [{{\\',
        "response": f"def f():\r\n    return {i}\n",
        "incorrect": "x = \\",
        "n": i,
    }
    for i in range(5)
]
LINES = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in RECORDS).encode()


def parquet(path, rows):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet

    pyarrow.parquet.write_table(rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(rows), path)


def arrow(path, new):
    pa = pytest.importorskip("pyarrow")
    table = pa.Table.from_pylist(RECORDS)
    with new(pa)(str(path), table.schema) as writer:
        writer.write_table(table)


def zst(data):
    zstandard = pytest.importorskip("zstandard")
    half = len(data) // 2  # frames behind each other are one file
    return b"".join(zstandard.ZstdCompressor().compress(part) for part in (data[:half], data[half:]))


def table(path, delimiter):
    with path.open("w", newline="", encoding="utf-8-sig") as stream:
        writer = csv.DictWriter(stream, RECORDS[0], delimiter=delimiter)
        writer.writeheader()
        writer.writerows(RECORDS)


PACK = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zst": zst}
MAKE = {
    "a.jsonl": lambda path: path.write_bytes(LINES),
    "bom.jsonl": lambda path: path.write_bytes(b"\xef\xbb\xbf" + LINES.replace(b"\n", b"\r\n")),
    **{f"a.jsonl{end}": lambda path, end=end: path.write_bytes(PACK[end](LINES)) for end in PACK},
    "named_otherwise": lambda path: path.write_bytes(lzma.compress(LINES)),
    "a.json": lambda path: path.write_text(json.dumps(RECORDS, indent=1)),
    "bom.json.gz": lambda path: path.write_bytes(gzip.compress(b"\xef\xbb\xbf" + json.dumps(RECORDS).encode())),
    "lines.json": lambda path: path.write_bytes(LINES),
    "a.csv": lambda path: table(path, ","),
    "a.tsv": lambda path: table(path, "\t"),
    "a.parquet": lambda path: parquet(path, RECORDS),
    "parquet_without_its_ending": lambda path: parquet(path, RECORDS),
    "a.arrow": lambda path: arrow(path, lambda pa: pa.ipc.new_file),
    "stream.arrow": lambda path: arrow(path, lambda pa: pa.ipc.new_stream),
    "saved": lambda path: pytest.importorskip("datasets").Dataset.from_list(RECORDS).save_to_disk(str(path)),
}


@pytest.mark.parametrize("name", MAKE)
def test_every_format_gives_the_same_records(tmp_path, name):
    MAKE[name](tmp_path / name)
    records = list(jsonl.read([str(tmp_path / name)]))
    text = name.endswith(("csv", "tsv"))  # where every value is text
    assert records == [{k: str(v) if text else v for k, v in record.items()} for record in RECORDS]
    assert all(record.place.startswith(str(tmp_path / name)) for record in records)
    assert len({record.place for record in records}) == len(records)


def test_a_set_with_several_splits_asks_for_one(tmp_path):
    datasets = pytest.importorskip("datasets")
    one = datasets.Dataset.from_list(RECORDS)
    datasets.DatasetDict(train=one, test=one.select(range(2))).save_to_disk(str(tmp_path / "both"))
    with pytest.raises(InputError, match=r"several splits; name one: .*both/test, .*both/train"):
        list(jsonl.read([str(tmp_path / "both")]))
    assert list(jsonl.read([str(tmp_path / "both" / "test")])) == RECORDS[:2]
    datasets.DatasetDict(train=one).save_to_disk(str(tmp_path / "alone"))
    assert list(jsonl.read([str(tmp_path / "alone")])) == RECORDS


@pytest.fixture
def hub_cache(tmp_path, monkeypatch):
    """A data set owner/name in the cache of `datasets`, and no hub."""
    datasets = pytest.importorskip("datasets")
    parquet(tmp_path / "a.parquet", RECORDS)
    cache = tmp_path / "cache"
    datasets.load_dataset("parquet", data_files={"train": str(tmp_path / "a.parquet")}, cache_dir=str(cache))
    about = next(cache.rglob("dataset_info.json"))
    there = cache / "owner___name" / "default" / "0.0.0" / ("a" * 40)
    shutil.copytree(about.parent, there)
    (there / "parquet-train.arrow").rename(there / "name-train.arrow")
    info = json.loads(about.read_text()) | {"dataset_name": "name"}
    info["splits"]["train"]["dataset_name"] = "name"
    (there / "dataset_info.json").write_text(json.dumps(info))
    return {"HF_DATASETS_CACHE": str(cache), "HF_HUB_OFFLINE": "1"}


def test_a_data_set_of_the_hub_is_read_from_its_cache_while_the_hub_is_away(fgit, hub_cache):
    def ids(name):
        done = fgit("diff", name, env=hub_cache)
        return [json.loads(line)["n"] for line in done.out.split("\n")[:-1]] or done.err

    assert ids("hf://owner/name") == ids("hf://owner/name:train") == ids("hf://owner/name/default:train") == [*range(5)]
    assert "hf://owner/name:test: no split test; name one: hf://owner/name:train" in ids("hf://owner/name:test")
    assert "hf://owner/none: cannot be opened: ConnectionError" in ids("hf://owner/none")
    assert "no data set of the hub; give it as hf://owner/name" in ids("hf://a/b/c/d")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=8) | st.sampled_from('"\\[]{},'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


class Slowly(io.BytesIO):
    """Gives a few bytes at a time."""

    def __init__(self, data, size):
        super().__init__(data)
        self.few = size

    def read1(self, size=-1):
        return self.read(self.few)


@given(st.lists(JSON, max_size=5), st.integers(1, 9), st.sampled_from([None, 1]), st.booleans())
@example([], 1, None, False)
@example([{"a": '\\"'}], 1, None, True)
def test_the_items_of_an_array_are_those_of_json(items, size, indent, ascii_only):
    text = json.dumps(items, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    found = [json.loads(item) for item in texts._items(Slowly(b" \n" + text + b"\n ", size), "a", 1 << 20)]
    assert found == items


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[{"a":1}, 2]', "item 2: not a JSON object; each item of the array must be one"),
        ('[{"a":1}, {"b": NaN}]', "item 2: NaN is not JSON"),
        ('[{"a":1},]', "item 2: not JSON"),
        ('[{"a":1} {"b":2}]', "item 1: not JSON"),
        ('[{"a":1}', "item 1: the JSON array has no end"),
        ('[{"a":1}] {"b":2}', "something follows the end of the JSON array"),
        ('[{"a":"' + "x" * 300 + '"},{"b":2}]', "item 1: longer than"),
    ],
)
def test_what_is_wrong_in_an_array_has_its_place(tmp_path, text, said):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(InputError) as refused:
        list(jsonl.read([str(path)], longest=100))
    assert said in str(refused.value)
    assert str(refused.value).startswith(str(path))


def test_an_item_that_is_too_long_is_passed_over_and_the_next_is_read(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{"a": "x" * 200_000}, {"b": "]"}, {"c": "y" * 200_000}, {"d": 1}]))
    said = []
    assert list(jsonl.read([str(path)], said.append, 1000)) == [{"b": "]"}, {"d": 1}]
    assert [e.place for e in said] == [f"{path}, item 1", f"{path}, item 3"]


def test_values_of_columns_become_those_of_json(tmp_path):
    pa = pytest.importorskip("pyarrow")
    path = tmp_path / "a.parquet"
    day = datetime.date(2024, 2, 29)
    moment = datetime.datetime(2024, 2, 29, 12, 30, tzinfo=datetime.UTC)
    row = {
        "day": day, "moment": moment, "price": decimal.Decimal("1.50"), "big": 2**63 - 1, "count": None, "share": 0.5,
        "deep": {"days": [day, None], "n": 1}, "tags": ["a", None], "yes": True,
    }  # fmt: skip
    schema = pa.Table.from_pylist([row, {"count": 7}]).schema
    schema = schema.set(schema.get_field_index("count"), pa.field("count", pa.int32()))
    schema = schema.append(pa.field("map", pa.map_(pa.string(), pa.date32())))
    schema = schema.append(pa.field("word", pa.dictionary(pa.int8(), pa.string())))
    row |= {"map": [("k", day)], "word": "x"}
    parquet(path, pa.Table.from_pylist([row, {"count": 7}], schema=schema))
    first, second = jsonl.read([str(path)])
    assert first == {
        "day": "2024-02-29", "moment": "2024-02-29T12:30:00+00:00", "price": "1.50", "big": 2**63 - 1, "count": None,
        "share": 0.5, "deep": {"days": ["2024-02-29", None], "n": 1}, "tags": ["a", None], "yes": True,
        "map": {"k": "2024-02-29"}, "word": "x",
    }  # fmt: skip
    assert second == {**dict.fromkeys(first), "count": 7}
    assert type(second["count"]) is int


def test_bytes_are_refused_by_the_name_of_their_column(tmp_path):
    path = tmp_path / "a.parquet"
    parquet(path, [{"a": 1, "image": {"raw": [b"x"]}}])
    with pytest.raises(InputError, match=r"a\.parquet: column `image\.raw` holds bytes, which JSON cannot carry"):
        list(jsonl.read([str(path)]))


def test_a_row_that_json_cannot_carry_is_one_bad_line(tmp_path):
    path = tmp_path / "a.parquet"
    parquet(path, [{"a": 1.0}, {"a": float("nan")}, {"a": 2.0}])
    said = []
    assert list(jsonl.read([str(path)], said.append)) == [{"a": 1.0}, {"a": 2.0}]
    assert [str(e) for e in said] == [f"{path}, row 2: column `a` holds NaN, which is not JSON; make it a null"]


def test_what_columns_may_hold_beyond_python_is_kept_or_named(tmp_path):
    pa = pytest.importorskip("pyarrow")
    big = pa.array([10**17, 4 * 10**17, None], type=pa.timestamp("us"))
    path = tmp_path / "a.parquet"
    parquet(path, pa.table({"n": [1, 2, 3], "when": big}))
    said = []
    found = list(jsonl.read([str(path)], said.append))
    assert found == [{"n": 1, "when": "5138-11-16T09:46:40"}, {"n": 3, "when": None}]
    assert [str(e).partition(" (")[0] for e in said] == [
        f"{path}, row 2: column `when` holds a timestamp[us] that has no form in JSON"
    ]
    bad = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"a\xff")])
    parquet(path, pa.table({"text": bad}))
    with pytest.raises(InputError, match=r"row 1: column `text` holds text that is not UTF-8 \(byte 1\)"):
        list(jsonl.read([str(path)]))
    times = pa.array([3_661_000_000_001, 3_661_120_000_000, 3_661_000_000_000, None], type=pa.time64("ns"))
    parquet(path, pa.table({"time": times}))
    wanted = ["01:01:01.000000001", "01:01:01.120000", "01:01:01", None]
    assert [r["time"] for r in jsonl.read([str(path)])] == wanted
    parquet(path, pa.table({"time": pa.array([[1]], type=pa.list_(pa.time64("ns")))}))
    with pytest.raises(InputError, match=r"column `time` holds values of Arrow's type time64\[ns\]"):
        list(jsonl.read([str(path)]))


def test_the_keys_of_a_map_are_texts_and_different(tmp_path):
    pa = pytest.importorskip("pyarrow")
    path = tmp_path / "a.parquet"
    for keys in (pa.string(), pa.large_string()):
        column = pa.array([[("k", 1)], [("k", 1), ("k", 2)]], type=pa.map_(keys, pa.int64()))
        parquet(path, pa.table({"x": column}))
        said = []
        assert list(jsonl.read([str(path)], said.append)) == [{"x": {"k": 1}}]
        assert [str(e) for e in said] == [f"{path}, row 2: column `x` holds a map with the key 'k' more than once"]


def test_rows_of_csv_that_do_not_fit_the_header_are_bad_lines(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('a,b\n1,"two\nlines"\n3\n\n4,5\n')
    said = []
    assert list(jsonl.read([str(path)], said.append)) == [{"a": "1", "b": "two\nlines"}, {"a": "4", "b": "5"}]
    assert [str(e) for e in said] == [f"{path}:4: 1 values, but the header names 2 columns"]
    for text, what in (("a,a\n", "two columns are named 'a'"), ('a\n"x', "not CSV"), ("a\n\udcff\n", "not UTF-8")):
        path.write_text(text, errors="surrogateescape")
        with pytest.raises(InputError, match=what):
            list(jsonl.read([str(path)]))


@pytest.mark.parametrize(
    ("name", "text", "rows"),
    [
        ("a.csv", "a;b\n1;2,5\n", [{"a": "1", "b": "2,5"}]),
        ("a.csv", '\ufeff"a;x";"b"\r\n"1";"2\r\n3"\r\n', [{"a;x": "1", "b": "2\r\n3"}]),
        ("a.csv", "a\tb\n1\t2\n", [{"a": "1", "b": "2"}]),
        ("a.tsv", "a,b\n1,2\n", [{"a": "1", "b": "2"}]),
        ("a.csv", '"a;b"\n1;2\n', [{"a;b": "1;2"}]),
        ("a.csv", "a,b;c\n1,2;3\n", [{"a": "1", "b;c": "2;3"}]),
        ("a.csv", "sep=;\n\na;b\n1;2\n", [{"a": "1", "b": "2"}]),
        ("a.csv", "", []),
        ("a.csv", "\ufeff", []),
        ("a.csv", "a,b\n", []),
    ],
)
def test_the_delimiter_of_csv_is_what_its_first_line_has(tmp_path, name, text, rows):
    (tmp_path / name).write_bytes(text.encode())
    assert list(jsonl.read([str(tmp_path / name)])) == rows


def test_lines_of_csv_have_their_numbers_behind_empty_ones(tmp_path):
    (tmp_path / "a.csv").write_text("sep=;\n\na;b\n1\n")
    with pytest.raises(InputError, match=r"a\.csv:4: 1 values, but the header names 2 columns"):
        list(jsonl.read([str(tmp_path / "a.csv")]))
    (tmp_path / "a.csv").write_bytes(b"a,b\r1,2\r")
    with pytest.raises(InputError, match=r"a\.csv:1: not CSV: a carriage return is no end of a line"):
        list(jsonl.read([str(tmp_path / "a.csv")]))


@pytest.mark.parametrize("text", ['{\n "a": 1\n}\n', '{"a": [\n1]}\n', '{"a": "x\n', '{"a":\n1}\n'])
def test_an_object_over_several_lines_is_named(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(InputError, match=r"a\.json:1: the object goes on behind its line"):
        list(jsonl.read([str(tmp_path / "a.json")]))


@pytest.mark.parametrize(
    ("name", "begins", "said"),
    [
        ("a.jsonl", b"\n <html>", "a page of the web"),
        ("a.jsonl", "[]".encode("utf-32"), "UTF-32"),
        ("a.jsonl", '{"a": 1}'.encode("utf-16-le"), "UTF-16"),
        ("a.jsonl", b"\x08\0\0\0\0\0\0\0{}", "neither text nor a table"),
        ("a.jsonl.gz", gzip.compress(gzip.compress(b"{}", mtime=0), mtime=0), "packed twice, inside by gzip"),
        ("a.jsonl.lzma", lzma.compress(b"{}", format=lzma.FORMAT_ALONE), "packed by lzma"),
        ("a.zip", b"PK\x03\x04", "a zip archive"),
        ("a.jsonl", b"SQLite format 3\x00", "an SQLite database"),
        ("a.jsonl", b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        ("a.jsonl", b"<!DOCTYPE html>", "a page of the web"),
        ("a.jsonl", "[]".encode("utf-16"), "UTF-16"),
        ("a.pkl", b"\x80\x04\x95", "a Python pickle"),
        ("a.tar", b"name" + b"\0" * 253 + b"ustar\x0000", "a tar archive"),
        ("a.parquet", b"{}", "its name says Parquet"),
        ("a.arrow", b"{}", "its name says Arrow"),
        ("a.jsonl.gz", b"{}", "its name ends with .gz, but it is not packed by gzip"),
    ],
)
def test_what_is_no_file_of_records_is_named(tmp_path, name, begins, said):
    path = tmp_path / name
    path.write_bytes(begins)
    with pytest.raises(InputError, match=said):
        list(jsonl.read([str(path)]))


def test_a_folder_of_files_says_what_to_give(tmp_path):
    for name in ("b.jsonl", "a.jsonl"):
        (tmp_path / name).write_bytes(LINES[: LINES.index(b"\n") + 1])
    with pytest.raises(InputError, match=r"a folder with 2 \.jsonl files; give the files themselves: .*/\*\.jsonl"):
        list(jsonl.read([str(tmp_path)]))
    places = [record.place for record in jsonl.read([str(tmp_path / "*.jsonl")])]
    assert places == [f"{tmp_path}/a.jsonl:1", f"{tmp_path}/b.jsonl:1"]
    with pytest.raises(InputError, match="no file fits this pattern"):
        list(jsonl.read([str(tmp_path / "*.csv")]))


@pytest.mark.parametrize("end", PACK)
def test_packed_files_behind_each_other_are_one_whatever_pads_them(tmp_path, end):
    first, second = LINES[: len(LINES) // 2], LINES[len(LINES) // 2 :]
    between = b"\x5a\x2a\x4d\x18\x03\0\0\0abc" if end == ".zst" else b"\0" * 8  # a frame that holds no content
    begins = between if end == ".zst" else b""
    path = tmp_path / f"a.jsonl{end}"
    path.write_bytes(begins + PACK[end](first) + between + PACK[end](second) + between)
    assert list(jsonl.read([str(path)])) == RECORDS


@pytest.mark.parametrize("end", PACK)
def test_a_packed_file_that_is_cut_off_gives_what_is_whole_and_says_so(tmp_path, end):
    path = tmp_path / f"a.jsonl{end}"
    path.write_bytes(PACK[end](LINES)[:-3])
    read = []
    with pytest.raises(InputError, match=rf"{packing.NAMES[end]} packing is (cut off|damaged)"):
        read.extend(jsonl.read([str(path)]))
    path.write_bytes(PACK[end](LINES)[:30] + b"not packed at all" * 9)
    with pytest.raises(InputError, match=r"packing is (damaged|cut off)"):
        list(jsonl.read([str(path)]))


WRITTEN = ["a.jsonl", *(f"a.jsonl{end}" for end in PACK), "a.json", "a.parquet", "a.arrow"]


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("records", [RECORDS, []], ids=["records", "none"])
def test_what_is_written_is_read_again(tmp_path, name, records):
    for package in {"t": ["pyarrow"], "w": ["pyarrow"], "st": ["zstandard"]}.get(name[-2:].lstrip("e"), []):
        pytest.importorskip(package)
    out = tmp_path / "new" / name
    writer = jsonl.Writer(str(out))
    for record in records:
        writer.write(record)
    assert not out.exists()
    writer.close()
    assert list(jsonl.read([str(out)])) == records
    assert [p.name for p in out.parent.iterdir()] == [name]


@pytest.mark.parametrize("name", WRITTEN)
def test_a_file_that_is_not_whole_keeps_what_was_written(tmp_path, name):
    writer = jsonl.Writer(str(tmp_path / name))
    for record in RECORDS:
        writer.write(record)
    writer.close(whole=False)
    assert [p.name for p in tmp_path.iterdir()] == [f"{name}.partial"]
    read = []
    with pytest.raises(InputError, match="no end") if name == "a.json" else contextlib.nullcontext():
        read.extend(jsonl.read([writer.partial]))
    assert read == (RECORDS[:-1] if name == "a.json" else RECORDS)


SHAPES = {
    "text": st.text(max_size=3), "number": st.integers(-(2**63), 2**63 - 1), "yes": st.booleans(),
    "list": st.lists(st.integers(0, 9), max_size=2),
    "deep": st.fixed_dictionaries({"a": st.none() | st.text(max_size=2)}),
}  # fmt: skip


@settings(max_examples=25)
@given(st.lists(st.fixed_dictionaries({"id": st.text(max_size=1)}, optional=SHAPES), max_size=6))
def test_a_table_gives_the_records_back_but_for_nulls_where_fields_were_absent(tmp_path_factory, records):
    pytest.importorskip("pyarrow")
    path = tmp_path_factory.mktemp("table") / "a.parquet"
    writer = jsonl.Writer(str(path))
    for record in records:
        writer.write(record)
    writer.close()
    names = list(dict.fromkeys(name for record in records for name in record))
    assert list(jsonl.read([str(path)])) == [{**dict.fromkeys(names), **record} for record in records]


@pytest.mark.parametrize(
    ("records", "field"),
    [
        ([{"b": 0, "a": 1}, {"a": "x"}], "a"),
        ([{"a": [1]}, {"a": {"x": 1}}], "a"),
        ([{"a": 2**70}], "a"),
        ([{"a": {}}], "a"),
        ([{}], "id"),
    ],
)
def test_records_that_fit_no_table_are_kept_as_lines(tmp_path, records, field):
    pytest.importorskip("pyarrow")
    writer = jsonl.Writer(str(tmp_path / "a.parquet"))
    for record in records:
        writer.write(record)
    with pytest.raises(AnswerIsNo, match=rf"field `{field}` .* a table cannot hold; all records are in .*\.partial"):
        writer.close()
    assert list(jsonl.read([str(tmp_path / "a.parquet.partial")])) == records
    assert not (tmp_path / "a.parquet").exists()


def test_columns_that_differ_between_groups_are_brought_together(tmp_path, monkeypatch):
    pytest.importorskip("pyarrow")
    from fgit_cli.formats import writing

    monkeypatch.setattr(writing, "ROWS", 2)
    records = [{"a": 1}, {"a": None}, {"a": 2, "b": [1]}, {"b": []}, {"c": {"x": None}}, {"c": {"x": "t"}}]
    writer = jsonl.Writer(str(tmp_path / "a.parquet"))
    for record in records:
        writer.write(record)
    writer.close()
    assert list(jsonl.read([str(tmp_path / "a.parquet")])) == [{"a": None, "b": None, "c": None, **r} for r in records]
    writer = jsonl.Writer(str(tmp_path / "b.parquet"))
    for record in ({"a": 1}, {"a": 1}, {"a": "text"}):
        writer.write(record)
    with pytest.raises(AnswerIsNo, match="field `a` is int64 in some records and string in others"):
        writer.close()


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.parquet.gz", "a.csv.zst"])
def test_a_name_by_which_records_cannot_be_kept_is_refused_at_once(tmp_path, name):
    with pytest.raises(UsageError, match="give a name with"):
        jsonl.Writer(str(tmp_path / name))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["memory://box/in.jsonl.gz", "memory://box/in.json", "memory://box/in.parquet"])
def test_an_address_is_read_and_written(name):
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    writer = jsonl.Writer(name)
    for record in RECORDS:
        writer.write(record)
    writer.close()
    assert list(jsonl.read([name])) == RECORDS
    assert list(jsonl.read(["memory://box/in.*"])) == RECORDS
    import fsspec

    system = fsspec.filesystem("memory")
    assert system.ls("/box", detail=False) == [name.removeprefix("memory:/")]
    system.rm("/box", recursive=True)
    with pytest.raises(InputError, match="cannot be opened"):
        list(jsonl.read([name]))


def test_a_file_address_is_this_machine(tmp_path):
    writer = jsonl.Writer(f"file://{tmp_path}/a.jsonl")
    writer.write(RECORDS[0])
    writer.close()
    assert list(jsonl.read([f"file://{tmp_path}/a.jsonl"])) == [jsonl.loads((tmp_path / "a.jsonl").read_text())]


def test_an_address_without_its_package_or_its_protocol_says_what_is_missing():
    with pytest.raises(UsageError, match="no address that fsspec knows"):
        list(jsonl.read(["bogus://box/a.jsonl"]))


def test_without_the_packages_of_the_extra_one_line_names_it(fgit, tmp_path):
    (tmp_path / "a.jsonl").write_bytes(LINES)
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    (tmp_path / "a.jsonl.zst").write_bytes(packing.BEGINNINGS[".zst"])
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "state.json").write_text("{}")
    (tmp_path / "away").mkdir()
    for package in ("pyarrow", "zstandard", "datasets"):
        (tmp_path / "away" / f"{package}.py").write_text(f"raise ImportError('no {package}')")
    env = {"PYTHONPATH": f"{tmp_path / 'away'}:{reading.__file__.removesuffix('/fgit_cli/formats/reading.py')}"}
    for words in (
        ["a.parquet"], ["a.jsonl.zst"], ["saved"], ["hf://owner/name"], ["a.jsonl", "-o", "b.parquet"],
        ["a.jsonl", "-o", "b.jsonl.zst"],
    ):  # fmt: skip
        done = fgit("diff", *words, env=env)
        assert (done.code, done.out) == (2, "")
        assert str(MissingExtra("", "data")).partition("that are")[2] in done.err
        assert len(done.err.splitlines()) == 1
