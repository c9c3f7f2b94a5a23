"""Warnings are told, and good points stay good where Python makes errors of them."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings

import pytest

from replica.cli import main
from replica.errors import Notice
from replica.tables import Table
from simulations.cli import main as simulate

SIMULATE = "--colors 3 --lam 0.1 --alpha 2 --sites 5 --test-samples 20 --workers 1"
SWEEP = "sweep --colors 2 --lam 0.1 --alpha 1,2"

#: Commands whose every point is good, and some of them in workers or with nothing to learn.
COMMANDS = {
    "no couplings": ("simulations", f"{SIMULATE} --beta 0 --burn-in 10"),
    "no couplings, two losses": (
        "simulations",
        f"{SIMULATE} --beta 0 --loss squared-error,cross-entropy --estimator naive-mean-field",
    ),
    "no true row": ("simulations", f"{SIMULATE} --data independent --coupling-norm 0"),
    "workers": ("simulations", f"{SIMULATE} --beta 1 --seeds 2".replace("ers 1", "ers 2")),
    "gaussian": (
        "simulations",
        "--data gaussian --shift 3 --lam 0.1 --alpha 2 --sites 6 --workers 1",
    ),
    "theory": ("replica", f"{SWEEP} --beta 0"),
    "theory in workers": ("replica", f"{SWEEP} --beta 1 --workers 2"),
}

#: Those that do what another one does, in workers or twice.
ALIKE = {"no couplings, two losses", "workers", "theory in workers"}

#: Those that differ from another one of their program in what is computed, not in how it begins.
BEGUN = {"no true row", "gaussian"}


@pytest.mark.usefixtures("without_workers")
@pytest.mark.parametrize("name", sorted(BEGUN))
def test_commands_compute_where_warnings_are_errors(tmp_path, name):
    out = tmp_path / "table.csv"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert simulate([*COMMANDS[name][1].split(), "--out", str(out)]) == 0
    assert set(Table.from_csv(out)["status"]) == {"converged"}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name in ALIKE else ())
        for name in COMMANDS
        if name not in BEGUN
    ],
)
def test_commands_where_warnings_are_errors(tmp_path, name):
    module, words = COMMANDS[name]
    out = tmp_path / "table.csv"
    done = subprocess.run(
        [sys.executable, "-m", module, *words.split(), "--out", str(out)],
        env={**os.environ, "PYTHONWARNINGS": "error"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert set(Table.from_csv(out)["status"]) == {"converged"}


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_what_a_command_says_is_no_error(tmp_path, capsys, workers):
    """A paramagnet that may have ended, and chains that have not mixed."""
    out = tmp_path / "table.csv"
    line = [*SWEEP.split(), "--beta", "1.99", "--workers", workers, "--out", str(out)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert main(line) == 0
    assert set(Table.from_csv(out)["status"]) == {"converged"}
    told = capsys.readouterr().err
    assert told.startswith("replica: warning: beta = 1.99: ")
    assert told.count("\n") == 1


@pytest.mark.parametrize("workers", [pytest.param("1", marks=pytest.mark.slow), "2"])
def test_unmixed_chains_are_no_error(tmp_path, capsys, workers):
    out = tmp_path / "table.csv"
    words = "--colors 3 --beta 2.5 --lam 0.1 --alpha 4 --sites 60 --burn-in 1 --rows 1"
    line = [*words.split(), "--workers", workers, "--test-samples", "2", "--out", str(out)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert simulate(line) == 0
    assert set(Table.from_csv(out)["status"]) == {"converged"}
    assert "warning: burn_in = 1 sweeps is too short" in capsys.readouterr().err


def test_every_warning_of_the_package_is_a_notice():
    import replica
    import simulations
    from replica.errors import MountWarning, UncachedWarning

    public = [replica.ParamagnetWarning, simulations.MixingWarning, UncachedWarning, MountWarning]
    assert all(issubclass(kind, Notice) for kind in public)
