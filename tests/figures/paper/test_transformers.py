"""The transformers figure: what it draws, how its work resumes, and what it says without JAX."""

from __future__ import annotations

import sys
from itertools import product

import numpy as np
import pytest

from figures import cli
from figures.drawing.style import journal
from figures.paper import transformer_courses, transformers
from replica.tables import Table

KEY = ("layers", "samples", "seed", "epoch")


def made_up(layers=(0, 1, 3), samples=((100, 4), (900, 2), (300, 3)), seeds=3) -> Table:
    rng = np.random.default_rng(0)
    lines = []
    for seed, (m, epochs), depth in product(range(seeds), samples, layers):
        best = int(rng.integers(epochs))
        for epoch in range(epochs):
            test = {"test_loss": 2.0 + rng.random(), "excess_loss": 0.1 + rng.random()}
            lines.append(
                {"source": "simulation", "samples": m, "seed": seed, "optimal_loss": 2.0,
                 "status": "converged", **(test if epoch == best else dict.fromkeys(test)),
                 "layers": depth, "epoch": epoch + 1, "epochs": epochs,
                 "held_out_loss": 2.3 + rng.random(), "held_out_optimal": 2.1 + 0.01 * seed}
            )  # fmt: skip
    return Table(lines)


def mean_and_error(values) -> tuple[float, float]:
    return float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(len(values)))


def test_drawn_data_are_the_table():
    table = made_up()
    with journal():
        figure = transformers.FIGURE.draw(table)
    left, middle, right = figure.get_axes()
    for axes, samples, epochs in ((left, 100, 4), (middle, 900, 2)):
        assert f"$M={samples}$, {epochs} epochs, 3 seeds" in axes.get_title("right")
        *curves, entropy = axes.get_lines()
        assert set(entropy.get_ydata()) == {2.0}
        assert len({(c.get_color(), str(c.get_linestyle())) for c in curves}) == 3
        for curve, band, layers in zip(curves, axes.collections, (0, 1, 3), strict=True):
            edges = band.get_paths()[0].vertices
            for epoch, drawn in curve.get_xydata():
                lines = table.where(samples=samples, layers=layers, epoch=epoch).lines()
                assert len(lines) == 3
                mean, error = mean_and_error(
                    [line["held_out_loss"] - line["held_out_optimal"] + 2.0 for line in lines]
                )
                assert drawn == pytest.approx(mean)
                heights = edges[edges[:, 0] == epoch, 1]
                assert heights.min() == pytest.approx(mean - error)
                assert heights.max() == pytest.approx(mean + error)
            assert len(curve.get_xdata()) == epochs
    for container, layers in zip(right.containers, (0, 1, 3), strict=True):
        line, _, (bars,) = container.lines
        assert list(line.get_xdata()) == [100, 300, 900]
        for (samples, drawn), ends in zip(line.get_xydata(), bars.get_segments(), strict=True):
            lines = table.where(samples=samples, layers=layers).lines()
            tested = [entry["excess_loss"] for entry in lines if entry["test_loss"] is not None]
            mean, error = mean_and_error(tested)
            assert drawn == pytest.approx(mean)
            np.testing.assert_allclose(ends[:, 1], [mean - error, mean + error])
    said = {text.get_text() for text in right.texts}
    assert said == {"4 ep.", "3 ep.", "2 ep."}


def test_lines_that_stand_twice_are_drawn_once():
    table = made_up()
    with journal():
        once, twice = (
            transformers.FIGURE.draw(Table(n * table.lines())).get_axes()[2].containers
            for n in (1, 2)
        )
    for one, other in zip(once, twice, strict=True):
        for a, b in zip(*(bars.lines[2][0].get_segments() for bars in (one, other)), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)
    lines = table.lines()
    changed = lines[0] | {"held_out_loss": 9.0}
    with pytest.raises(ValueError, match=r"seed = 0 has held_out_loss = .* and 9.0"):
        transformers.FIGURE.draw(Table([*lines, changed]))


def test_a_part_of_the_table_is_drawn():
    whole = made_up()
    part = Table(line for line in whole.lines() if line["samples"] == 100 and line["seed"] == 0)
    with journal():
        figure = transformers.FIGURE.draw(part)
    left, middle, right = figure.get_axes()
    assert len(left.get_lines()) == 4
    assert left.get_title("right").endswith("4 epochs, 1 seed")
    assert not middle.get_visible()
    assert len(right.containers) == 3


@pytest.mark.slow
def test_what_was_done_is_not_done_again(tmp_path, monkeypatch):
    for module in ("jax", "optax"):
        pytest.importorskip(module, reason=f"{module}, of the extra 'transformer', is missing")
    monkeypatch.setattr(
        transformers.FIGURE, "FULL", transformers.Size(((64, 2),), (0, 1), 1, 10, 20)
    )
    folder = tmp_path / "runs"
    whole = transformers.FIGURE.compute(False, 1, folder)
    found = [tuple(line[name] for name in KEY) for line in whole.lines()]
    assert found == [(0, 64, 0, 1), (0, 64, 0, 2), (1, 64, 0, 1), (1, 64, 0, 2)]
    for layers in (0, 1):
        lines = whole.where(layers=layers).lines()
        tested = [line["excess_loss"] for line in lines if line["test_loss"] is not None]
        # A mean Kullback-Leibler divergence.
        assert len(tested) == 1
        assert tested[0] > 0
    # As if stopped while the lines of the second training were written.
    lines_file = folder / "runs.csv"
    text = lines_file.read_text()
    lines_file.write_text(text[: len(text) - 150])
    again = transformers.FIGURE.compute(False, 1, folder)
    assert lines_file.read_text() == text
    assert again.columns == whole.columns
    np.testing.assert_array_equal(again["excess_loss"], whole["excess_loss"])
    # Nothing is missing now, and nobody is asked to work.
    monkeypatch.setattr(transformer_courses.Course, "run", None)
    transformers.FIGURE.compute(False, 1, folder)
    assert lines_file.read_text() == text


def test_without_the_extra_one_sentence(tmp_path, monkeypatch, capsys):
    for module in ("jax", "optax"):
        monkeypatch.setitem(sys.modules, module, None)
    assert cli.main(["transformers", "--out", str(tmp_path)]) == 2
    message = capsys.readouterr().err
    assert message == (
        "replica-figures: the transformer encoder takes JAX; jax is not installed: "
        "pip install '.[transformer]' in the project's folder brings it\n"
    )
    assert list(tmp_path.iterdir()) == []
    # What was computed elsewhere can be drawn.
    table = made_up().to_csv(tmp_path / "made.csv")
    assert cli.main(["transformers", "--out", str(tmp_path), "--table", str(table)]) == 0
