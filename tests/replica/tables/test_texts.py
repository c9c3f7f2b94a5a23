"""Text files of every kind that a user brings, as other programs leave them."""

from __future__ import annotations

import codecs
import json

import pytest

from replica.cli import main
from replica.tables import Table

MARK = codecs.BOM_UTF8
SOLVE = ["solve", "--lam", "0.1", "--alpha", "2"]
CUSTOM = [*SOLVE, "--data", "custom", "--colors", "2"]
SWEEP = ["sweep", "--colors", "2", "--beta", "1.2", "--lam", "0.1", "--alpha", "1,2"]

#: What a file may be instead, and what is said of it.
OTHERS = [
    ("1 2\n".encode("utf-16"), "it is in UTF-16, not in UTF-8"),
    (codecs.BOM_UTF16_BE + "1 2\n".encode("utf-16-be"), "it is in UTF-16, not in UTF-8"),
    ("1 2\n".encode("utf-32"), "it is in UTF-32, not in UTF-8"),
    ("1 2\n".encode("utf-16-le"), "it is no text in UTF-8"),
    (bytes(range(256)), "it is no text in UTF-8"),
    (b"1 2 \xe9\n", "can't decode byte 0xe9"),
]


def matrices(folder, mark: bytes, ends: bytes = b"\n"):
    """Options that name files, whose text is marked or not."""
    files = {"u": b"1 0.2\n0.2 1\n", "g": b"0.5 0.1\n0.1 0.5\n", "w": b"1\n0.5\n"}
    for name, text in files.items():
        (folder / name).write_bytes(mark + text.replace(b"\n", ends))
    custom = [*CUSTOM, "--covariance", str(folder / "g"), "--teacher", str(folder / "w")]
    return [*SOLVE, "--colors", "2", "--beta", "1", "--similarity", str(folder / "u")], custom


@pytest.mark.parametrize("which", [0, 1], ids=["similarity", "custom"])
def test_a_mark_of_the_byte_order_changes_nothing(tmp_path, capsys, which):
    told = set()
    for mark, ends in ((b"", b"\n"), (MARK, b"\n"), (MARK, b"\r\n"), (b"", b"\r")):
        assert main([*matrices(tmp_path, mark, ends)[which], "--json"]) == 0
        told.add(capsys.readouterr().out)
    assert len(told) == 1


@pytest.mark.parametrize(("content", "why"), OTHERS)
@pytest.mark.parametrize("name", ["similarity", "covariance", "teacher"])
def test_other_files_are_refused_in_a_line(tmp_path, capsys, content, why, name):
    with_similarity, custom = matrices(tmp_path, b"")
    line = with_similarity if name == "similarity" else custom
    (tmp_path / {"similarity": "u", "covariance": "g", "teacher": "w"}[name]).write_bytes(content)
    assert main(line) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"replica: {name} = ")
    assert why in error
    assert error.count("\n") == 1


def test_a_table_and_its_sidecar_with_a_mark_go_on(tmp_path, capsys):
    """Finished, with a point lost, and unfinished: always the same table in the end."""
    out = tmp_path / "curve.csv"
    assert main([*SWEEP, "--out", str(out)]) == 0
    whole, beside = out.read_bytes(), out.with_suffix(".json")
    first = whole[: whole[:-1].rfind(b"\n") + 1]
    header = first[: first.find(b"\n") + 1]
    for content in (whole, whole.replace(b"\n", b"\r\n"), first, header, first[:-5]):
        out.write_bytes(MARK + content)
        beside.write_bytes(MARK + beside.read_bytes().removeprefix(MARK))
        if content.count(b"\n") > 1:
            assert len(Table.from_csv(out)) == content.count(b"\n") - 1
        assert main([*SWEEP, "--out", str(out)]) == 0
        assert out.read_bytes() == whole
        assert json.loads(beside.read_text())["parameters"]["alpha"] == "1,2"
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("content", "why"), OTHERS)
def test_tables_and_sidecars_of_another_kind(tmp_path, content, why, capsys):
    out = tmp_path / "curve.csv"
    out.write_bytes(content)
    with pytest.raises(ValueError, match=r"must be a readable table \(.*" + why):
        Table.from_csv(out)
    out.unlink()
    assert main([*SWEEP, "--out", str(out)]) == 0
    out.with_suffix(".json").write_bytes(content)
    assert main([*SWEEP, "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"curve.json cannot be read ({why.lower()}" in error or "can't decode" in error
