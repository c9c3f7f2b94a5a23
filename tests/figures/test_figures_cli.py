"""The command replica-figures: bad arguments, the list."""

from __future__ import annotations

import pytest

from figures import cli


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["learning-curve", "--out", "{missing}"], "out = '{missing}' is not allowed"),
        (["learning-curve", "--out", "{here}", "--workers", "0"], "workers = 0 is not allowed"),
        (["learning-curve", "--out", "{here}", "--table", "{missing}"], "path = '{missing}'"),
        (["learning-curve"], "--out"),
        (["no-such-figure"], "no-such-figure"),
    ],
)
def test_bad_command_line(arguments, told, tmp_path, capsys):
    places = {"missing": str(tmp_path / "missing"), "here": str(tmp_path)}
    try:
        status = cli.main([argument.format(**places) for argument in arguments])
    except SystemExit as leaving:
        status = leaving.code
    assert status == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert told.format(**places) in message
    assert list(tmp_path.iterdir()) == []


def test_list_names_every_figure(capsys):
    assert cli.main(["list"]) == 0
    assert capsys.readouterr().out.startswith("learning-curve  ")
