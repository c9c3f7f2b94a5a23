"""Tables of the user's own: what is drawn, what is said, what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from drawn import curves, same
from expectations import both
from lines import line
from matplotlib.figure import Figure

import figures
import replica.cli
from figures import cli
from figures.drawing.style import journal
from figures.output.overlay import caption, draw_overlay
from figures.output.publish import publish
from replica.tables import Table


@pytest.fixture
def tables() -> tuple[Table, Table]:
    rng = np.random.default_rng(0)
    theory = [
        line("theory", alpha=alpha, lam=lam, test_loss=1 / alpha + lam)
        for lam in (0.1, 0.3)
        for alpha in (0.5, 1.0, 2.0, 4.0)
    ]
    simulation = [
        line("simulation", alpha=alpha, lam=lam, sites=50, samples=int(50 * alpha), seed=seed,
             test_loss=1 / alpha + lam + 0.1 * rng.standard_normal())
        for lam in (0.1, 0.3)
        for alpha in (1.0, 2.0)
        for seed in range(4)
    ]  # fmt: skip
    return Table(theory), Table(simulation)


def test_groups_are_drawn_in_one_colour_with_the_error_over_seeds(tables):
    with journal():
        figure = draw_overlay(*tables, "alpha", "test_loss")
    shown = curves(figure)
    whole = Table([*tables[0].lines(), *tables[1].lines()])
    expected = list(both(whole, "alpha", "test_loss", "lam"))
    assert len(shown) == len(expected) == 4
    colors: dict[object, set[object]] = {}
    for curve in expected:
        (found,) = (one for one in shown if same(one, curve))
        colors.setdefault(curve.name, set()).add(found.name)
    assert [len(found) for found in colors.values()] == [1, 1]
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == [
        "$\\lambda=0.1$",
        "$\\lambda=0.3$",
        "line: theory",
        "marker: simulation",
    ]


def test_along_lam_the_sample_ratio_tells_curves_apart(tables):
    with journal():
        figure = draw_overlay(*tables, "lam", "test_loss", "xy")
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels[:4] == [f"$\\alpha={alpha}$" for alpha in ("0.5", "1", "2", "4")]
    assert figure.axes[0].get_xscale() == figure.axes[0].get_yscale() == "log"


def test_the_best_weight_decay_is_one_curve(tmp_path, tables):
    """As its sidecar tells; the table beside the picture keeps every weight decay."""
    best, measured = tmp_path / "best.csv", tmp_path / "measured.csv"
    sweep = "sweep --colors=3 --beta=1.5 --lam=optimal --loss=squared-error --alpha=1,2,3"
    assert replica.cli.main([*sweep.split(), f"--out={best}"]) == 0
    lines = [each | {"loss": "squared-error"} for each in tables[1].lines()]
    Table(lines).to_csv(measured)
    command = [
        "overlay",
        str(best),
        str(measured),
        "--y=test_loss",
        "--format=png",
        f"--out={tmp_path}",
    ]
    assert cli.main(command) == 0
    drawn, theory = Table.from_csv(tmp_path / "overlay.csv"), Table.from_csv(best)
    np.testing.assert_array_equal(drawn.where(source="theory")["lam"], theory["lam"])
    assert len(set(theory["lam"])) == 3
    with journal():
        figure = draw_overlay(theory, Table(lines), "alpha", "test_loss", best_lam=True)
    assert [len(one.points) for one in curves(figure)] == [3, 2, 2]
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels[:3] == ["$\\lambda=\\mathrm{optimal}$", "$\\lambda=0.1$", "$\\lambda=0.3$"]


@pytest.mark.parametrize("estimator", [{}, {"estimator": "amp"}, {"estimator": "quadratic"}])
def test_systems_at_the_best_weight_decay_are_on_its_curve(tables, estimator):
    """All of them: where one has another, each weight decay is a curve, as it always was."""
    theory = Table(
        one | {"lam": 0.2 + 0.1 * one["alpha"]} for one in tables[0].where(lam=0.1).lines()
    )
    systems = [one | {"lam": (0.2 + 0.1 * one["alpha"]) * (1 + 1e-8)} | estimator
               for one in tables[1].where(lam=0.1).lines()]  # fmt: skip
    other = [one | {"lam": 0.25} if one["alpha"] == 1.0 else one for one in systems]
    with journal():
        both_best, not_all = (
            draw_overlay(theory, Table(lines), "alpha", "test_loss", best_lam=True)
            for lines in (systems, other)
        )
    quadratic = estimator == {"estimator": "quadratic"}
    assert [len(one.points) for one in curves(both_best)] == ([4, 1, 1] if quadratic else [4, 2])
    assert len({one.name for one in curves(both_best)}) == (3 if quadratic else 1)
    assert len({one.name for one in curves(not_all)}) == 3
    said = both_best.legends[0].get_title().get_text()
    assert ("$\\lambda=\\mathrm{optimal}$" in said) == (not quadratic)


def test_a_point_of_theory_alone_is_seen(tables):
    theory = Table(one | {"lam": one["alpha"]} for one in tables[0].where(lam=0.1).lines())
    with journal():
        figure = draw_overlay(theory, tables[1].where(lam=0.1), "lam", "test_loss", best_lam=True)
        joined = draw_overlay(*tables, "alpha", "test_loss")
    for one, dashes in ((figure, 4), (joined, 0)):
        lines = [line for line in one.axes[0].get_lines() if line.get_gid() == "theory"]
        found = [line for line in lines if line.get_marker() == "_"]
        assert [line.get_markevery() for line in found] == dashes * [[True]]


def test_sizes_share_the_colour_of_their_line(tables):
    theory, simulation = tables
    larger = [one | {"sites": 100, "samples": 2 * one["samples"]} for one in simulation.lines()]
    with journal():
        shown = curves(
            draw_overlay(theory, Table([*simulation.lines(), *larger]), "alpha", "test_loss")
        )
    assert len(shown) == 6
    assert len({curve.name for curve in shown}) == 2


@pytest.mark.parametrize(
    ("data", "change", "told"),
    [
        ({"data": "independent", "beta": None, "coupling_norm": 1.0}, {"coupling_norm": 2.0},
         ["$|w^*|=1$", "$|w^*|=2$"]),
        ({"data": "gaussian", "beta": None, "shift": 2.6, "joint": 0}, {"joint": 1},
         ["joint = 0", "joint = 1"]),
        ({}, {"similarity": "circulant:1;0.5;0.5"}, ["$U=$I", "$U=$circ(1, 0.5, 0.5)"]),
        ({"similarity": "circulant:1;-0.5;-0.5"}, {"similarity": "circulant:1;-0.5000001;-0.5"},
         ["$U=$circulant:1;-0.5;-0.5", "$U=$circulant:1;-0.5000001;-0.5"]),
        ({}, {"couplings": "hopfield:0.5"}, ["gaussian couplings", "hopfield:0.5 couplings"]),
        ({"beta": 1.5}, {"beta": 1.50000001}, ["$\\beta=1.5$", "$\\beta=1.50000001$"]),
    ],
    ids=["coupling_norm", "joint", "similarity", "entries", "couplings", "digits"],
)  # fmt: skip
def test_ensembles_are_curves_of_their_own(tables, data, change, told):
    theory, simulation = (table.where(lam=0.1).lines() for table in tables)
    whole = [[one | data for one in lines] for lines in (theory, simulation)]
    changed = [[one | change | {"test_loss": 2 * one["test_loss"]} for one in lines]
               for lines in whole]  # fmt: skip
    with journal():
        figure = draw_overlay(
            *(Table([*a, *b]) for a, b in zip(whole, changed, strict=True)), "alpha", "test_loss"
        )
        # One of the theory alone, and the other of the simulation.
        apart = draw_overlay(Table(whole[0]), Table(changed[1]), "alpha", "test_loss")
    shown = curves(figure)
    table = Table([*whole[0], *whole[1], *changed[0], *changed[1]])
    expected = list(both(table, "alpha", "test_loss", *change))
    assert len(shown) == len(expected) == 4
    assert all(any(same(one, curve) for one in shown) for curve in expected)
    for one in (figure, apart):
        assert [text.get_text() for text in one.legends[0].get_texts()][:2] == told
    assert len({curve.name for curve in curves(apart)}) == 2


@pytest.mark.parametrize(
    ("theory_has", "simulation_has", "told"),
    [
        ({}, {"estimator": "quadratic"}, ["minimiser", "quadratic"]),
        ({"data": "custom", "beta": None}, {"data": "independent", "beta": None,
          "coupling_norm": 2.0}, ["custom", "independent, $|w^*|=2$"]),
        ({"lam": None}, {}, ["no lam", "$\\lambda=0.1$"]),
    ],
    ids=["estimator", "data", "lam"],
)  # fmt: skip
def test_what_one_source_lacks_is_another_curve(tables, theory_has, simulation_has, told):
    theory, simulation = (table.where(lam=0.1).lines() for table in tables)
    lines = Table(one | theory_has for one in theory)
    with journal():
        figure = draw_overlay(
            lines, Table(one | simulation_has for one in simulation), "alpha", "test_loss"
        )
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()][:2] == told
    assert len({curve.name for curve in curves(figure)}) == 2
    said = legend.get_title().get_text()
    assert not any(name in said for name in told[1].split(", "))


def test_message_passing_shares_the_curve_of_the_minimiser(tables):
    theory, simulation = (table.where(lam=0.1) for table in tables)
    passing = [one | {"estimator": "amp"} for one in simulation.lines()]
    for lines, told in (
        (passing, ["minimiser", "amp"]),
        ([*simulation.lines(), *passing], ["minimiser", "amp"]),
    ):
        with journal():
            figure = draw_overlay(theory, Table(lines), "alpha", "test_loss")
        assert [text.get_text() for text in figure.legends[0].get_texts()][:2] == told
        assert len({curve.name for curve in curves(figure)}) == 1
    # Markers of both can be told apart.
    shown = [one for one in figure.axes[0].get_lines() if one.get_gid() == "simulation"]
    assert len({one.get_marker() for one in shown}) == 2


def test_data_in_whole_sequences_are_named_where_there_are_some(tables):
    data = {"data": "gaussian", "beta": None, "shift": 2.6}
    for joint in (0, 1):
        lines = [
            Table(one | data | {"joint": joint} for one in table.where(lam=0.1).lines())
            for table in tables
        ]
        with journal():
            figure = draw_overlay(*lines, "alpha", "test_loss")
        said = figure.legends[0].get_title().get_text()
        assert ("joint = 1" in said, "joint = 0" in said) == (joint == 1, False)


def test_settings_are_told_where_the_size_does_not_tell_them(tables):
    theory, simulation = (table.where(lam=0.1).lines() for table in tables)
    larger = [one | {"sites": 100, "rows": 100} for one in simulation]
    smaller = [one | {"rows": 50} for one in simulation]
    fewer = [one | {"rows": 10, "test_loss": 1.0} for one in simulation]
    found = []
    for lines in ([*smaller, *larger], [*smaller, *fewer]):
        with journal():
            figure = draw_overlay(Table(theory), Table(lines), "alpha", "test_loss")
        found.append([text.get_text() for text in figure.legends[0].get_texts()][:-2])
        assert len({curve.name for curve in curves(figure)}) == 1
    assert found == [["$L=50$", "$L=100$"], ["50 rows", "10 rows"]]


def test_ten_curves_have_looks_of_their_own():
    lines = [line("theory", alpha=a, lam=0.1 * i, test_loss=a + i) for i in range(1, 11)
             for a in (1.0, 2.0)]  # fmt: skip
    marks = [one | {"source": "simulation", "seed": seed} for one in lines for seed in (0, 1)]
    with journal():
        figure = draw_overlay(Table(lines), Table(marks), "alpha", "test_loss")
    drawn = [one for one in figure.axes[0].get_lines() if one.get_gid()]
    for gid, looks in (
        ("theory", [(one.get_color(), one.get_linestyle()) for one in drawn]),
        ("simulation", [(one.get_marker(), one.get_markerfacecolor()) for one in drawn]),
    ):
        own = {look for one, look in zip(drawn, looks, strict=True) if one.get_gid() == gid}
        assert len(own) == 10
    handles = figure.legends[0].legend_handles[:10]
    assert len({(one.get_color(), one.get_linestyle(), one.get_marker()) for one in handles}) == 10


def test_one_curve_says_what_it_is(tables):
    theory, simulation = (table.where(lam=0.1) for table in tables)
    with journal():
        figure = draw_overlay(theory, simulation, "alpha", "test_loss")
        plain = draw_overlay(
            *(Table(one | {"loss": "squared-error"} for one in table.lines()) for table in tables),
            "alpha", "test_loss",
        )  # fmt: skip
    assert figure.axes[0].get_ylabel() == "test loss (nats)"
    assert plain.axes[0].get_ylabel() == "test loss"
    said = figure.legends[0].get_title().get_text()
    assert said == "cross-entropy, $C=3$, $\\beta=1.5$, $\\lambda=0.1$, $L=50$"


def test_lines_that_failed_and_empty_seeds_are_drawn_around(tables, tmp_path, capsys):
    theory, simulation = ([dict(one) for one in table.lines()] for table in tables)
    numbers = dict.fromkeys(("test_loss", "residual", "evaluations"))
    theory[0].update(numbers, status="failed: ValueError: no")
    simulation[0].update(numbers, status="failed: ValueError: no")
    simulation[1]["seed"] = None
    paths = [Table(lines).to_csv(tmp_path / f"{name}.csv")
             for name, lines in (("theory", theory), ("sim", simulation))]  # fmt: skip
    command = ["overlay", *map(str, paths), "--y=test_loss", "--format=png", "--out", str(tmp_path)]
    assert cli.main(command) == 1
    told = capsys.readouterr().err
    assert "1 of 16 lines of the simulation did not converge" in told
    assert json.loads((tmp_path / "overlay.json").read_text())["seeds"] == [0, 1, 2, 3]


def test_points_that_did_not_converge_are_crosses_and_mentioned(tables, tmp_path, capsys):
    theory, simulation = ([dict(one) for one in table.lines()] for table in tables)
    theory[2]["status"] = "diverged"
    simulation[0]["status"] = "max-steps"
    with journal():
        figure = draw_overlay(Table(theory), Table(simulation), "alpha", "test_loss")
    (axes,) = figure.axes
    crosses = [one for one in axes.get_lines() if one.get_gid() == "not converged"]
    assert [one.get_xdata().tolist() for one in crosses] == [[2.0], [1.0]]
    marked = [c for c in curves(figure) if c.measured]
    assert sorted(len(c.points) for c in marked) == [1, 2]
    gap = next(c for c in curves(figure) if np.isnan(c.points).any())
    assert np.isnan(gap.points[2, 1])
    assert "not converged" in [text.get_text() for text in figure.legends[0].get_texts()]

    paths = [Table(lines).to_csv(tmp_path / f"{name}.csv")
             for name, lines in (("theory", theory), ("sim", simulation))]  # fmt: skip
    command = ["overlay", *map(str, paths), "--y", "test_loss", "--out", str(tmp_path)]
    assert cli.main(command) == 1
    told = capsys.readouterr()
    assert "1 of 8 lines of the theory did not converge" in told.err
    assert "1 of 16 lines of the simulation did not converge" in told.err
    assert told.out.split() == [
        str(tmp_path / f"overlay.{ending}") for ending in ("csv", "json", "pdf", "png", "txt")
    ]
    assert len(Table.from_csv(tmp_path / "overlay.csv")) == 24


def test_a_single_seed_is_mentioned(tables, tmp_path, capsys):
    theory, simulation = tables
    theory.to_csv(tmp_path / "theory.csv")
    simulation.where(seed=0).to_csv(tmp_path / "sim.csv")
    command = ["overlay", str(tmp_path / "theory.csv"), str(tmp_path / "sim.csv")]
    assert cli.main([*command, "--y=test_loss", "--format=png", "--out", str(tmp_path)]) == 0
    assert "4 of 4 points have one seed, no error bar" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["{theory}", "{sim}", "--y", "V"], "y = 'V' is not allowed"),
        (["{theory}", "{sim}", "--y", "m"], "TABLE = '{theory}' is not allowed"),
        (["{theory}", "{sim}", "--y", "m", "--x", "seed"], "x = 'seed' is not allowed"),
        (["{theory}", "{here}/no.csv", "--y", "test_loss"], "TABLE = '{here}/no.csv'"),
        (["{empty}", "{sim}", "--y", "test_loss"], "lines of source theory or simulation"),
        (["--y", "test_loss"], "TABLE"),
        (["{theory}", "{sim}"], "--y"),
        (["{theory}", "--y", "density", "--x", "alpha"], "x must be one of eigenvalue"),
        (["{theory}", "--y", "density"], "TABLE = '{theory}' is not allowed"),
        (["{many}", "{sim}", "--y", "test_loss"], "differ in lam"),
    ],
)
def test_refusals(arguments, told, tables, tmp_path, capsys):
    here = tmp_path / "tables"
    here.mkdir()
    places = {name: str(here / f"{name}.csv") for name in ("theory", "sim", "many", "empty")}
    many = [line("theory", alpha=1.0 + i, lam=0.01 * i, test_loss=1.0) for i in range(1, 13)]
    for name, table in zip(places, (*tables, Table(many), Table([])), strict=True):
        table.to_csv(places[name])
    places["here"] = str(here)
    out = tmp_path / "out"
    out.mkdir()
    words = [word.format(**places) for word in arguments]
    try:
        status = cli.main(["overlay", *words, "--out", str(out)])
    except SystemExit as leaving:
        status = leaving.code
    assert status == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    # Long paths are shortened.
    assert told.format(**places)[:60] in message
    assert list(out.iterdir()) == []


def drawn(theory, simulation, out, *options) -> tuple[int, list[str]]:
    """Exit status of the command, and the files that it wrote."""
    out.mkdir()
    paths = [Table(lines).to_csv(out.parent / f"{out.name}-{name}.csv")
             for name, lines in (("theory", theory), ("sim", simulation))]  # fmt: skip
    status = cli.main(["overlay", *map(str, paths), "--out", str(out), *options])
    return status, sorted(path.name for path in out.iterdir())


WHOLE = [f"overlay.{ending}" for ending in ("csv", "json", "pdf", "png", "txt")]


def test_tables_put_together_count_each_system_once(tables, tmp_path, capsys):
    theory, simulation = (list(table.lines()) for table in tables)
    several = [one for one in simulation if one["seed"] < 2]
    failed = simulation[0] | {"status": "failed: ValueError: no", "test_loss": None}
    twice = [*theory, *theory[:3]], [failed, *several, *simulation]
    assert drawn(*twice, tmp_path / "out", "--y=test_loss") == (0, WHOLE)
    told = capsys.readouterr().err.splitlines()
    assert told == [
        "replica-figures overlay: 3 lines of the theory stand twice and count once",
        "replica-figures overlay: 9 lines of the simulation stand twice and count once",
    ]
    with journal():
        once, again = (
            curves(draw_overlay(*map(Table, each), "alpha", "test_loss"))
            for each in ((theory, simulation), twice)
        )
    assert len(once) == len(again) == 4
    assert all(any(same(one, other) for other in again) for one in once)


@pytest.mark.parametrize("source", ["theory", "simulation"])
def test_two_results_of_one_system_are_refused(source, tables, tmp_path, capsys):
    both = [list(table.lines()) for table in tables]
    lines = both[source == "simulation"]
    lines.append(lines[-1] | {"test_loss": 5.0})
    assert drawn(*both, tmp_path / "out", "--y=test_loss") == (2, [])
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "TABLE = " in told
    assert f"test_loss = {lines[-2]['test_loss']} and 5.0" in told
    assert "lam = 0.3, alpha = " in told


@pytest.mark.parametrize("y", [1.0, -0.002])
def test_zeros_and_negative_values_are_shown_on_logarithmic_axes(y, tmp_path, capsys):
    common = {"alpha": 1.0, "sites": 50}
    theory = [line("theory", alpha=1.0, lam=lam, m=y + lam) for lam in (0.0, 0.01, 1.0)]
    systems = [line("simulation", lam=lam, seed=seed, m=y + lam + 1e-4 * seed, **common)
               for lam in (0.0, 1.0) for seed in (0, 1)]  # fmt: skip
    options = ["--x=lam", "--y=m", "--log", "--log-y"]
    assert drawn(theory, systems, tmp_path / "out", *options) == (0, WHOLE)
    told = capsys.readouterr().err
    end = "only, as some values are not positive\n"
    assert f"overlay: the x axis is logarithmic above 0.01 {end}" in told
    assert (f"overlay: the y axis is logarithmic above 0.001 {end}" in told) == (y < 0)
    with journal():
        figure = draw_overlay(Table(theory), Table(systems), "lam", "m", "xy")
        figure.draw_without_rendering()
    (axes,) = figure.axes
    for curve in curves(figure):
        shown = axes.transAxes.inverted().transform(axes.transData.transform(curve.points))
        assert ((shown >= 0) & (shown <= 1)).all()


@pytest.mark.parametrize(
    ("change", "options", "told"),
    [
        ({"lam": 0.0}, ["--x=lam", "--log"], "x = 'lam' is not allowed: x must be a column with p"),
        ({"m": -1.0}, ["--log-y"], "y = 'm' is not allowed: y must be a column with positive"),
        ({"m": float("nan")}, [], "TABLE = "),
        ({"m": float("inf")}, [], "TABLE = "),
        ({"status": None}, [], "TABLE = "),
        ({"beta": None}, ["--x=beta"], "TABLE = "),
    ],
)
def test_no_picture_is_empty(change, options, told, tmp_path, capsys):
    theory = [line("theory", alpha=a, m=a) | change for a in (1.0, 2.0)]
    systems = [line("simulation", alpha=1.0, sites=50, seed=s, m=1.0) | change for s in (0, 1)]
    assert drawn(theory, systems, tmp_path / "out", "--y=m", *options) == (2, [])
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert told in message


def test_values_that_are_never_at_one_point_make_no_picture(tmp_path, capsys):
    theory = [line("theory", alpha=a, m=a) for a in (1.0, 2.0)]
    systems = [line("simulation", sites=50, seed=s, m=1.0) | {"alpha": None} for s in (0, 1)]
    systems.append(line("simulation", sites=50, seed=0, alpha=1.0, m=None))
    assert drawn(theory, systems, tmp_path / "first", "--y=m") == (2, [])
    assert "converged values in columns alpha and m at once" in capsys.readouterr().err
    # A mean over seeds of which one has no value is none.
    systems = [
        line("simulation", alpha=1.0, sites=50, seed=s, m=m) for s, m in enumerate((1, None))
    ]
    assert drawn(theory, systems, tmp_path / "second", "--y=m") == (2, [])
    assert "y must be a column with a value of every seed of some" in capsys.readouterr().err


def test_points_without_a_value_are_told(tmp_path, capsys):
    theory = [line("theory", alpha=a, m=m) for a, m in ((1.0, 1.0), (2.0, float("nan")), (3, 1))]
    systems = [line("simulation", alpha=a, sites=50, seed=s, m=None if a == s else 1.0)
               for s in (0, 1) for a in (1.0, 2.0)]  # fmt: skip
    assert drawn(theory, systems, tmp_path / "out", "--y=m") == (0, WHOLE)
    told = capsys.readouterr().err
    assert "warning: 1 of 3 points have no finite m over alpha and are left out\n" in told
    assert "warning: 1 of 2 points have no finite m over alpha and are left out\n" in told


def of_families(tables, *names: str) -> list[Table]:
    """Tables of as many data sets as there are names, each moved by a little."""
    return [
        Table(
            one | {"data": "tokens", "beta": None, "row": 3, "tokens": f"{name}:{number:012}"}
            | {"test_loss": one["test_loss"] + number}
            for number, name in enumerate(names)
            for one in table.where(lam=0.1).lines()
        )
        for table in tables
    ]  # fmt: skip


def test_legends_of_several_data_sets_are_whole(tables):
    names = [f"a_family_with_a_long_name_{number}.fasta" for number in range(5)]
    with journal():
        figure = draw_overlay(*of_families(tables, *names), "alpha", "test_loss")
        few = draw_overlay(*of_families(tables, "a.txt"), "alpha", "test_loss")
        figure.canvas.draw()
    (legend,) = figure.legends
    frame, whole = legend.get_window_extent(), figure.bbox
    assert min(frame.x0 - whole.x0, whole.x1 - frame.x1) >= 0
    assert min(frame.y0 - whole.y0, whole.y1 - frame.y1) >= 0
    assert [text.get_text().split(",")[0] for text in legend.get_texts()[:5]] == names
    # The panel keeps its height, whatever stands above.
    heights = [each.axes[0].get_window_extent().height for each in (figure, few)]
    assert heights[0] > 0.8 * heights[1]
    # Two states of one file are told by their digests.
    with journal():
        twice = draw_overlay(*of_families(tables, "a.txt", "a.txt"), "alpha", "test_loss")
    assert "a.txt:000000000001" in twice.legends[0].get_texts()[1].get_text()


def test_theory_of_other_data_than_the_markers_is_told(tables, tmp_path, capsys):
    theory, simulation = tables
    other = Table(one | {"beta": 1.25} for one in simulation.lines())
    for table, told in ((simulation, False), (other, True)):
        for name, each in (("theory", theory), ("sim", table)):
            each.to_csv(tmp_path / f"{name}.csv")
        command = ["overlay", str(tmp_path / "theory.csv"), str(tmp_path / "sim.csv")]
        assert cli.main([*command, "--y=test_loss", "--format=png", "--out", str(tmp_path)]) == 0
        error = capsys.readouterr().err
        assert ("no line is the theory of any marker: they differ in beta\n" in error) == told


def test_any_number_of_tables_is_one_picture(tables, tmp_path, capsys):
    """In any order, each with lines of either source."""
    theory, simulation = tables
    parts = [theory.where(lam=0.1), simulation.where(lam=0.3), theory.where(lam=0.3)]
    parts.append(Table([*simulation.where(lam=0.1).lines(), *theory.where(lam=0.3).lines()]))
    paths = [part.to_csv(tmp_path / f"{number}.csv") for number, part in enumerate(parts)]
    command = ["overlay", *map(str, paths), "--y=test_loss", "--format=png", "--out", str(tmp_path)]
    assert cli.main(command) == 0
    told = capsys.readouterr().err
    assert told == "replica-figures overlay: 4 lines of the theory stand twice and count once\n"
    drawn = Table.from_csv(tmp_path / "overlay.csv")
    for source, whole in (("theory", theory), ("simulation", simulation)):
        assert sorted(drawn.where(source=source)["test_loss"]) == sorted(whole["test_loss"])
    assert "4 systems of $L=50$ sites." in (tmp_path / "overlay.txt").read_text().replace("\n", " ")
    # One source alone is a picture, too.
    for path in paths[:2]:
        command = ["overlay", str(path), "--y=test_loss", "--format=png", "--out", str(tmp_path)]
        assert cli.main(command) == 0
        assert capsys.readouterr().err == ""


def test_captions_are_latex(tables, tmp_path):
    """No line ends within a word, and names of files are text."""
    told = caption(*of_families(tables, "a_family_of_tokens.txt"), "alpha", "test_loss")
    assert told == (
        "Test loss against the sample ratio $\\alpha = M/L$: tokens, cross-entropy, $C=3$, "
        "a\\_family\\_of\\_tokens.txt, $\\lambda=0.1$, row 3. Lines: replica theory; markers: "
        "simulation, mean and standard error over 4 systems of $L=50$ sites."
    )
    figure = Figure(figsize=(1, 1))
    long = "cross-entropy and weight-decay " * 20
    publish(figure, tables[0], tmp_path, "some", ["png"], long)
    lines = (tmp_path / "some.txt").read_text().splitlines()
    assert len(lines) > 5
    assert not any(line.endswith("-") for line in lines)


def test_residuals_stand_below_where_theory_and_simulation_meet(tables):
    """In standard errors, also between points of a line that is smooth, but not across a gap."""
    _, simulation = tables
    places = np.geomspace(0.4, 6.0, 25)
    smooth = [line("theory", alpha=a, lam=lam, test_loss=1 / a + lam)
              for lam in (0.1, 0.3) for a in places]  # fmt: skip
    coarse = [one for one in smooth if one["alpha"] in places[::6]]
    gap = [one | ({"status": "max-steps"} if 1.8 < one["alpha"] < 2.3 else {}) for one in smooth]
    for lines, met in ((smooth, {1.0, 2.0}), (coarse, set()), (gap, {1.0})):
        with journal():
            figure = draw_overlay(
                Table(lines), simulation, "alpha", "test_loss", "x", residuals=True
            )
        assert len(figure.axes) == 1 + bool(met)
        strips = [one for one in curves(figure) if one.name[0] == 1]
        assert {tuple(one.points[:, 0]) for one in strips} == (
            {tuple(sorted(met))} if met else set()
        )
        for strip, lam in zip(strips, (0.1, 0.3), strict=bool(met)):
            for alpha, score in strip.points:
                losses = simulation.where(lam=lam, alpha=alpha)["test_loss"]
                error = np.std(losses, ddof=1) / 2
                # The spline is good to a sixteenth of what is asked of it.
                assert score == pytest.approx((losses.mean() - 1 / alpha - lam) / error, abs=0.02)
            np.testing.assert_allclose(strip.errors, 1.0)


def test_points_of_the_line_itself_are_met_whatever_their_number(tables):
    theory, simulation = tables
    with journal():
        figure = draw_overlay(theory, simulation, "alpha", "test_loss", residuals=True)
    (first, _) = (one for one in curves(figure) if one.name[0] == 1)
    losses = simulation.where(lam=0.1, alpha=1.0)["test_loss"]
    expected = (losses.mean() - 1.1) / (np.std(losses, ddof=1) / 2)
    assert first.points[0] == pytest.approx([1.0, expected])


def test_markers_that_a_strip_leaves_out_are_told(tables, tmp_path, capsys):
    """Those at 1 and 4 are points of the line, between which it is too coarse for those at 2."""
    theory, simulation = tables
    ends = [one for one in theory.lines() if one["alpha"] != 2.0]
    assert drawn(ends, simulation.lines(), tmp_path / "some", "--y", "test_loss")[0] == 0
    told = "the strip of distances leaves out 2 of 4 markers between points of the theory"
    assert told in capsys.readouterr().err
    assert "strip has 2 of 4 markers" in " ".join(
        (tmp_path / "some" / "overlay.txt").read_text().split()
    )
    none = [one for one in ends if one["alpha"] != 1.0]
    words = ("--y", "test_loss")
    assert drawn(none, simulation.lines(), tmp_path / "none", *words)[0] == 0
    assert "strip of distances is not drawn: that is all 4 markers" in capsys.readouterr().err
    for lines, more in ((theory.lines(), ()), (ends, ("--no-residuals",))):
        assert drawn(lines, simulation.lines(), tmp_path / f"all{len(more)}", *words, *more)[0] == 0
        assert "strip" not in capsys.readouterr().err


def test_the_density_of_a_spectrum_is_drawn_over_its_eigenvalues(tmp_path):
    density, out = tmp_path / "density.csv", tmp_path / "out"
    out.mkdir()
    asked = "spectrum --colors=3 --beta=1.5 --lam=0.1 --alpha=2,4"
    assert replica.cli.main([*asked.split(), f"--density={density}"]) == 0
    table = Table.from_csv(density)
    assert cli.main(["overlay", str(density), "--y=density", f"--out={out}"]) == 0
    assert Table.from_csv(out / "overlay.csv").lines() == table.lines()
    for figure in (figures.plot(table, y="density"), figures.plot(table, y="cumulative")):
        lines = curves(figure)
        assert [len(one.points) for one in lines] == [len(table.where(alpha=a)) for a in (2, 4)]
        assert figure.axes[0].get_xlabel() == "eigenvalue of $A$"
    # The share of smaller eigenvalues is the integral of the density.
    for one in lines:
        assert one.points[0, 1] == pytest.approx(0, abs=1e-6)
        assert one.points[-1, 1] == pytest.approx(1, abs=1e-6)
