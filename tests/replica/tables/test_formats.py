"""Tables in other files than plain CSV, read back by what others wrote to read them."""

from __future__ import annotations

import gzip
import json

import polars
import pytest

from replica import Table
from replica.cli import main
from replica.errors import MissingExtra
from simulations.cli import main as simulate

DATA = ["--colors", "3", "--beta", "1.5", "--lam", "0.1"]
SIMULATION = [*DATA, "--alpha", "1", "--sites", "10", "--test-samples", "20", "--workers", "1"]


def written(tmp_path, words, ending, run=main):
    out = tmp_path / "new" / "folder" / f"table{ending}"
    assert run([*words, "--out", str(out)]) == 0
    return out


@pytest.mark.parametrize("command", ["sweep", "bayes"])
def test_every_kind_of_file_holds_the_same_table(command, tmp_path):
    words = [command, *(DATA if command == "sweep" else DATA[:-2]), "--alpha", "1,2"]
    plain, packed, frame = (
        written(tmp_path, words, ending) for ending in (".csv", ".csv.gz", ".parquet")
    )
    assert gzip.decompress(packed.read_bytes()) == plain.read_bytes()
    assert Table.from_csv(packed).lines() == Table.from_csv(plain).lines()
    read = polars.read_parquet(frame)
    assert read.equals(polars.DataFrame(Table.from_csv(plain)), null_equal=True)
    beside = plain.with_suffix(".json"), *(p.with_name(f"{p.name}.json") for p in (packed, frame))
    told = [json.loads(path.read_text()) for path in beside]
    for one in told:
        del one["date"], one["command"]
    assert told[0] == told[1] == told[2]
    assert told[0]["parameters" if command == "sweep" else "version"]


def test_similarity_has_a_column_per_mode(tmp_path):
    words = ["sweep", "--colors", "4", "--beta", "1", "--lam", "0.1", "--alpha", "1,2"]
    words += ["--similarity", "circulant:1,0.5,0,0.5"]
    read = polars.read_parquet(written(tmp_path, words, ".parquet"))
    assert {"m_1", "m_2"} <= set(read.columns)


@pytest.mark.parametrize("ending", [".csv.gz", ".parquet"])
def test_what_does_not_grow_is_not_gone_on_with(ending, tmp_path, capsys):
    words = ["sweep", *DATA, "--alpha", "1,2"]
    out = written(tmp_path, words, ending)
    before = out.read_bytes()
    assert main([*words, "--out", str(out)]) == 2
    assert "only tables that end in .csv grow" in capsys.readouterr().err
    assert out.read_bytes() == before


def test_what_is_done_is_kept(tmp_path, monkeypatch, capsys):
    from replica.tables.collected import Collected

    append = Collected.append

    def stopped(self, lines):
        append(self, lines)
        raise KeyboardInterrupt

    monkeypatch.setattr("replica.cli.sweep_chunks._TOGETHER", -1.0)
    monkeypatch.setattr(Collected, "append", stopped)
    out = tmp_path / "table.csv.gz"
    assert main(["sweep", *DATA, "--alpha", "1,2", "--out", str(out)]) == 130
    assert "1 of 2 points are done and kept" in capsys.readouterr().err
    assert Table.from_csv(out)["alpha"].tolist() == [1.0]


def test_without_a_library_it_is_said_before_anything_is_computed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("replica.tables.formats._LIBRARIES", ("no_such_library",))
    out = tmp_path / "table.parquet"
    assert main(["sweep", *DATA, "--alpha", "1", "--out", str(out)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.endswith("neither is installed: pip install polars\n")
    with pytest.raises(MissingExtra, match="pip install polars"):
        Table([]).to_csv(out)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["x/table.txt", "x/.parquet", "x/.csv.gz", "x/table.gz"])
def test_no_folder_is_made_for_a_name_that_is_refused(name, tmp_path, capsys):
    assert main(["sweep", *DATA, "--alpha", "1", "--out", str(tmp_path / name)]) == 2
    assert "ends in .csv, .csv.gz or .parquet" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_files_that_are_no_such_tables(tmp_path):
    for name, content in (("a.csv.gz", b"source"), ("b.csv.gz", gzip.compress(b"x" * 99)[:-9])):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match="a readable table"):
            Table.from_csv(tmp_path / name)
    (tmp_path / "c.parquet").write_bytes(b"PAR1")
    with pytest.raises(ValueError, match=r"pandas\.read_parquet"):
        Table.from_csv(tmp_path / "c.parquet")


@pytest.mark.usefixtures("without_workers")
def test_simulations_are_printed_and_written_alike(tmp_path, capsys):
    plain = written(tmp_path, SIMULATION, ".csv", simulate)
    assert capsys.readouterr().out == ""
    assert simulate([*SIMULATION, "--out", "-"]) == 0
    assert capsys.readouterr().out == plain.read_text()
    assert simulate([*SIMULATION, "--json"]) == 0
    (line,) = json.loads(capsys.readouterr().out)
    known = {k: v for k, v in Table.from_csv(plain).lines()[0].items() if v is not None}
    assert known.items() <= line.items()
    assert simulate([*SIMULATION, "--json", "--out", str(plain)]) == 0
    (again,) = json.loads(capsys.readouterr().out)
    assert known.items() <= again.items()


def test_the_best_weight_decay_is_asked_of_the_theory(capsys):
    words = [word if word != "0.1" else "optimal" for word in SIMULATION]
    assert simulate(words) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "`replica sweep --lam optimal --out best.csv`" in said
