"""Whatever is asked for is answered, refused or flagged; `tests/benchmarks/fuzz.py` asks more."""

from __future__ import annotations

import pytest
import strategies
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import figures.cli
import replica.cli
import simulations.cli

#: Derandomised: the same examples in every run.
FUZZ = settings(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@pytest.mark.parametrize(
    ("model", "examples"),
    [
        ("potts", 12),
        pytest.param("potts", 24, marks=pytest.mark.slow),
        pytest.param("independent", 20, marks=pytest.mark.slow),
        ("gaussian", 20),
        pytest.param("custom", 20, marks=pytest.mark.slow),
        ("similar", 12),
    ],
)
@pytest.mark.parametrize("spread", [True, False])
def test_no_silent_failure(model, examples, spread):
    @settings(FUZZ, max_examples=examples // 2)
    @given(st.data())
    def check(data):
        status, found = strategies.attempt(model, data.draw, spread)
        if status == "refused":
            assert "is not allowed" in found
        elif status == "converged":
            assert strategies.violations(found) == []
            if model in ("potts", "similar"):
                assert strategies.beyond_bayes(found) == []
        else:
            assert status in ("below-threshold", "max-steps", "diverged", "not-finite")

    check()


@pytest.mark.parametrize(
    ("program", "main", "examples"),
    [
        ("replica", replica.cli.main, 40),
        pytest.param("replica", replica.cli.main, 120, marks=pytest.mark.slow),
        pytest.param("replica-simulate", simulations.cli.main, 60, marks=pytest.mark.slow),
        ("replica-figures", figures.cli.main, 30),
    ],
)
@pytest.mark.usefixtures("without_workers")
def test_no_command_line_ends_in_a_traceback(
    tmp_path, monkeypatch, capsys, program, main, examples
):
    monkeypatch.chdir(tmp_path)
    mains = {"replica": replica.cli.main, "replica-simulate": simulations.cli.main}
    if program == "replica-figures":
        for name, (maker, line) in strategies.TABLES.items():
            assert mains[maker]([*line, "--out", name]) == 0

    @settings(FUZZ, max_examples=examples)
    @given(strategies.command_lines(program))
    def check(words):
        try:
            status = main(words)
        except SystemExit as stopped:
            status = stopped.code
        output = capsys.readouterr()
        strategies.clear(tmp_path)
        assert status in (0, 1, 2)
        assert "Traceback" not in output.err
        if status == 1:
            assert output.err.strip()
        if status == 2:
            assert output.err.count("\n") == 1
            assert output.out == ""

    check()
