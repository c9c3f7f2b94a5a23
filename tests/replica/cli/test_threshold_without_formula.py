"""`replica threshold` for colours that resemble each other, and for sequences of a file."""

from __future__ import annotations

import numpy as np

from replica import PottsTokens, RowTokens, existence_threshold
from replica.cli import main


def test_a_similarity_of_several_modes(capsys):
    row = (1, 0.3, -0.5, 0.3)
    words = ["threshold", "--colors", "4", "--beta", "1"]
    words += ["--similarity", "circulant:1,0.3,-0.5,0.3"]
    assert main(words) == 0
    told = capsys.readouterr()
    U = [np.roll(row, shift) for shift in range(4)]
    assert float(told.out) == float(f"{existence_threshold(PottsTokens(4, 1.0, U)):.10g}")
    assert told.err == ""


def test_sequences_of_a_file(capsys, tmp_path):
    tokens = np.random.default_rng(1).integers(5, size=(900, 8)).astype(np.uint8)
    tokens[:, 1] %= 4
    file = tmp_path / "family.txt"
    file.write_text("\n".join("".join("ACGU-"[t] for t in line) for line in tokens))
    words = ["threshold", "--data", "tokens", "--tokens", str(file), "--alphabet", "ACGU-"]
    assert main([*words, "--rows", "0"]) == 0
    told = capsys.readouterr()
    data = RowTokens.from_tokens(np.unique(tokens, axis=0), 0, 5)
    assert abs(float(told.out) / existence_threshold(data) - 1) < 1e-6
    assert told.err.startswith("replica: the relative error of this threshold is ")
    assert told.err.count("\n") == 1
    # The second site never has a gap.
    assert main([*words, "--rows", "1", "--bias"]) == 0
    assert capsys.readouterr() == ("inf\n", "")
