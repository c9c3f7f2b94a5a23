"""Sequences of files: four kinds of text, and whatever is wrong with them refused by its line."""

from __future__ import annotations

import codecs
import re
import string

import numpy as np
import pytest

from replica import RowTokens
from replica.tables.sequences import read_sequences

FASTA = b">one\nAC-\nGU\n\n>two and more\nACGUU\n>one\n--.GA\n"

#: The same sequences of every kind, and their tokens in the alphabet "-ACGU".
KINDS = {
    "x.fasta": FASTA,
    "x.a3m": b">one\nACacgu-\nGuU\n>two\nA.CGUU\n>one\n---.GA.\n",
    "x.txt": b"AC-GU\nACGUU\n\n---GA\n",
}
TOKENS = [[1, 2, 0, 3, 4], [1, 2, 3, 4, 4], [0, 0, 0, 3, 1]]

#: What is wrong, and what is said of it, by the name of the file.
WRONG = [
    ("x.fasta", b">a\nACG\n>b\nAC\n", "line 3 has the length 2, that of line 1 3"),
    ("x.fasta", b">a\nACG\n>b\n>c\nACC\n", "the header in line 3 has no sequence"),
    ("x.fasta", b">a\nACG\n>b\n", "the header in line 3 has no sequence"),
    ("x.a3m", b"ACG\n>b\nACC\n", "line 1 stands before the first header"),
    ("x.fasta", b">a\nAC G\n>b\nACCC\n", "line 2 has ' ' among its letters"),
    ("x.fasta", b">a\nACG\n>b\nACa\n", "line 3 has 'a', another one 'A'"),
    ("x.fasta", b">a\nACG\n", "it has one sequence, in line 1"),
    ("x.fasta", b">a\nAAA\n>b\nAAA\n", "all of its tokens are the same, 'A'"),
    ("x.fasta", b"", "it is empty"),
    ("x.txt", b" \n\r\n\n", "it is empty"),
    ("x.txt", b"AC\nCA\n", "line 1 has the length 2, and 3 is the least"),
    ("x.txt", b"ACG\n\nAC\x07\n", r"line 3 has '\x07' among its letters"),
    ("x.txt", "ACG\nAC\u0301\n".encode(), r"line 2 has '\u0301' among its letters"),
    ("x.txt", b"0.25\n0.75\n", "line 1 is the number 0.25"),
    ("x.txt", b"nan\ninf\n", "line 1 is the number nan"),
    ("x.txt", b"ACG\xff\nACGG\n", "can't decode byte 0xff"),
    ("x.txt", "ACG\nAAC\n".encode("utf-16"), "it is in UTF-16, not in UTF-8"),
    ("x.txt", "ACG\nAAC\n".encode("utf-16-le"), "it is no text in UTF-8"),
    ("x.csv", b"0,1,2\n0,1\n", "line 2 has the length 2, that of line 1 3"),
    ("x.csv", b"0,1,2\n0,-1,1\n", "line 2 has '-1', which is no integer from 0 to 2147483647"),
    ("x.csv", b"0 1 2\n0 1 nan\n", "line 2 has 'nan', which is no integer"),
    ("x.csv", b"0;1;2\n0;1.0;1\n", "line 2 has '1.0', which is no integer"),
    ("x.csv", b"0,1,2\n0 1 2\n", "line 2 has blanks between its integers, line 1 commas"),
    ("x.csv", b"0;1;2\n0,1,2\n", "line 2 has commas between its integers, line 1 semicolons"),
    ("x.csv", b"0,1,2\n0,,1\n", "line 2 has an empty cell, which is no integer"),
    ("x.csv", b"s1,s2,s3\n0,1,1\n", "line 1 has 's1', which is no integer"),
    ("x.csv", b"0,1,99999999999\n0,1,1\n", "line 1 has '99999999999', which is no integer"),
    ("x.csv", "0,1,\u0662\n0,1,1\n".encode(), r"which is no integer"),
    ("x.csv", b"1,1,1\n1,1,1\n", "all of its tokens are the same, 1"),
]


def written(folder, name, content):
    file = folder / name
    file.write_bytes(content)
    return file


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_file_holds_the_same(tmp_path, name):
    found = read_sequences(written(tmp_path, name, KINDS[name]))
    assert found.alphabet == tuple("-ACGU")
    assert found.tokens.tolist() == TOKENS
    assert (found.colors, found.name) == (5, name)
    assert not found.tokens.flags.writeable


@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
@pytest.mark.parametrize("ends", [b"\n", b"\r\n", b"\r"])
def test_marks_and_ends_of_lines_change_nothing(tmp_path, mark, ends):
    plain = read_sequences(written(tmp_path, "x.fasta", FASTA))
    file = written(tmp_path, "y.fasta", mark + FASTA.replace(b"\n", ends))
    assert read_sequences(file).digest == plain.digest


def test_tables_number_their_integers_in_increasing_order(tmp_path):
    for content in (b"10,2,3\n2,2,10\n", b"10 2\t3\n  2 2 10\n", b"10; 2 ;3\n2;2;10"):
        found = read_sequences(written(tmp_path, "x.csv", content))
        assert found.alphabet == ("2", "3", "10")
        assert found.tokens.tolist() == [[2, 0, 1], [0, 0, 2]]
    for alphabet in ("10,1,2,3", [10, 1, 2, 3], np.array([10, 1, 2, 3])):
        found = read_sequences(written(tmp_path, "x.csv", content), alphabet=alphabet)
        assert found.tokens.tolist() == [[0, 2, 3], [2, 2, 0]]


def test_the_alphabet_orders_the_letters_and_refuses_others(tmp_path):
    file = written(tmp_path, "x.fasta", FASTA)
    found = read_sequences(file, alphabet="UGCAN-")
    assert found.tokens.tolist() == [[3, 2, 5, 1, 0], [3, 2, 1, 0, 0], [5, 5, 5, 1, 3]]
    with pytest.raises(ValueError, match="line 1 has 'U', which is not in the alphabet"):
        read_sequences(file, alphabet="ACG-")
    two = written(tmp_path, "y.fasta", b">a\nACa\n>b\nCCA\n")
    assert read_sequences(two, alphabet="aAC").tokens.tolist() == [[1, 2, 0], [2, 2, 1]]


def test_gaps_can_be_missing_tokens(tmp_path):
    for name, content in KINDS.items():
        found = read_sequences(written(tmp_path, name, content), gaps="missing")
        assert found.alphabet == tuple("ACGU")
        assert found.tokens.tolist() == [[0, 1, 4, 2, 3], [0, 1, 2, 3, 3], [4, 4, 4, 2, 0]]
    with pytest.raises(ValueError, match='alphabet must be without "-", which means missing'):
        read_sequences(tmp_path / "x.txt", alphabet="-ACGU", gaps="missing")


def test_letters_of_every_script_are_letters(tmp_path):
    found = read_sequences(written(tmp_path, "x", "βα𝔞\nααβ\n".encode()))
    assert found.alphabet == ("α", "β", "𝔞")
    assert found.tokens.tolist() == [[1, 0, 2], [0, 0, 1]]


@pytest.mark.parametrize(("name", "content", "why"), WRONG)
def test_what_is_wrong_is_refused_by_its_line(tmp_path, name, content, why):
    with pytest.raises(ValueError, match=re.escape(why)) as refusal:
        read_sequences(written(tmp_path, name, content), name="tokens")
    told = str(refusal.value)
    assert told.startswith("tokens = ")
    assert "\n" not in told


def test_a_name_that_breaks_lines_is_told_in_one(tmp_path):
    found = read_sequences(written(tmp_path, "a\nb\t.txt", KINDS["x.txt"]))
    assert found.name == "a?b?.txt"
    assert RowTokens.from_tokens(np.tile(found.tokens, (9, 1)), 0, 5, name=found.name)
    with pytest.raises(ValueError, match=r"name = 'a\\nb' is not allowed: name must be a text in "):
        RowTokens.from_tokens(np.tile(found.tokens, (9, 1)), 0, 5, name="a\nb")


def test_what_cannot_be_opened_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "none", None, "a\0b"):
        with pytest.raises(ValueError, match="path must be a file of aligned sequences"):
            read_sequences(path)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"alphabet": "AA"}, "2 to 255 different letters"),
        ({"alphabet": "A"}, "2 to 255 different letters"),
        ({"alphabet": ["AC", "G"]}, "2 to 255 different letters"),
        ({"alphabet": 5}, "2 to 255 different letters"),
        ({"alphabet": "0,x", "kind": "table"}, "an integer from 0 to"),
        ({"alphabet": [0.5, 1], "kind": "table"}, "an integer from 0 to"),
        ({"gaps": "none"}, "one of letter, missing"),
        ({"kind": "clustal"}, "one of fasta, a3m, text, table"),
    ],
)
def test_wrong_options_are_refused(tmp_path, options, why):
    with pytest.raises(ValueError, match=why):
        read_sequences(written(tmp_path, "x.txt", b"ACG\nGCA\n"), **options)


def test_more_letters_than_a_byte_holds_are_refused(tmp_path):
    letters = "".join(chr(0x4E00 + i) for i in range(258))
    for count, good in ((255, True), (258, False)):
        half = letters[:count][::-1]
        file = written(tmp_path, "x", f"{letters[:count]}\n{half}\n".encode())
        if good:
            assert read_sequences(file).tokens[0].tolist() == list(range(255))
        else:
            with pytest.raises(ValueError, match="258 different letters, and 255 are the most"):
                read_sequences(file)


def test_whatever_a_file_holds_is_read_again_the_same_or_refused_in_a_line(tmp_path):
    """Files that are damaged in a few places, each read by its kind and then written plainly."""
    rng, refusals, read = np.random.default_rng(7), [], 0
    sources = [*KINDS.values(), b"0,1,2\n2,1,0\n1,1,1\n", b"0 1 12\n12 1 0\n"]
    pool = [bytes([b]) for b in range(256)] + [m.encode() for m in "é𝔞\u2028\u00a0"]
    pool += [b"\r\n", b">", b"-", b".", b",", b" ", b"nan", b"-1", b"1e3", codecs.BOM_UTF8] * 12
    pool += [x.encode() for x in string.ascii_letters]
    for _ in range(1500):
        content = bytearray(sources[rng.integers(len(sources))])
        for _ in range(rng.integers(0, 4)):
            first = rng.integers(len(content) + 1)
            last = min(len(content), first + rng.integers(0, 3))
            content[first:last] = pool[rng.integers(len(pool))]
        name = ("x.fasta", "x.a3m", "x.csv")[rng.integers(3)]
        gaps = ("letter", "missing")[rng.integers(2)]
        file = written(tmp_path, name, bytes(content))
        try:
            found = read_sequences(file, gaps=gaps)
        except ValueError as refusal:
            refusals.append(str(refusal))
            continue
        read += 1
        signs = (*found.alphabet, "-")
        lines = [[signs[token] for token in sequence] for sequence in found.tokens]
        kind, between = ("table", ",") if max(map(len, found.alphabet)) > 1 else ("text", "")
        plain = "\n".join(between.join(line) for line in lines)
        again = read_sequences(written(tmp_path, "y", plain.encode()), gaps=gaps, kind=kind)
        assert np.array_equal(again.tokens, found.tokens)
        assert again.alphabet == found.alphabet
    assert min(read, len(refusals)) > 300
    assert not any("\n" in told for told in refusals)
    assert all(re.search(r"line \d|empty|UTF-8|decode|same", told) for told in refusals)
