"""Figures are drawn in their own settings alone, and leave those of the user as they were."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import matplotlib
import pytest
from lines import line
from matplotlib import pyplot
from matplotlib.figure import Figure

from figures import cli, journal
from figures.output.publish import publish
from replica.errors import Unwritable
from replica.tables import Table

#: What a matplotlibrc may hold, each kind far from what figures of the package look like.
HOSTILE = {
    "artists": {
        "lines.marker": "o", "lines.linewidth": 9, "lines.markersize": 20, "errorbar.capsize": 9,
        "axes.prop_cycle": matplotlib.cycler(color=["r"]), "axes.grid": True, "legend.loc": 10,
        "legend.frameon": True, "axes.xmargin": 0.4, "axes.autolimit_mode": "round_numbers",
        "path.sketch": (1, 100, 2), "path.simplify": False, "agg.path.chunksize": 3,
        "image.cmap": "jet", "xtick.top": True, "axes.spines.top": True,
    },
    "text": {
        "text.usetex": True, "font.family": ["No Such Font", "serif"], "font.size": 30,
        "mathtext.fontset": "cm", "axes.unicode_minus": False, "axes.formatter.use_locale": True,
    },
    "files": {
        "figure.dpi": 31, "figure.facecolor": "g", "figure.autolayout": True,
        "savefig.bbox": "tight", "savefig.pad_inches": 3, "savefig.transparent": True,
        "savefig.facecolor": "r", "savefig.format": "svg", "savefig.dpi": 10, "pdf.fonttype": 3,
        "pdf.compression": 0, "pdf.use14corefonts": True, "interactive": True,
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def tables(tmp_path_factory) -> list[str]:
    folder = tmp_path_factory.mktemp("tables")
    theory = [line("theory", alpha=a, test_loss=1 / a) for a in (0.5, 1.0, 2.0)]
    systems = [line("simulation", alpha=a, sites=50, seed=s, test_loss=1 / a + 0.1 * s)
               for a in (0.5, 2.0) for s in range(3)]  # fmt: skip
    named = {"theory": Table(theory), "simulation": Table(systems)}
    return [str(table.to_csv(folder / f"{name}.csv")) for name, table in named.items()]


def words(tables: list[str], out: Path) -> list[str]:
    out.mkdir()
    return ["overlay", *tables, "--y", "test_loss", "--log", "--out", str(out)]


def pictures(out: Path) -> list[bytes]:
    return [(out / f"overlay.{ending}").read_bytes() for ending in ("pdf", "png")]


@pytest.fixture(scope="module")
def clean(tables, tmp_path_factory) -> list[bytes]:
    out = tmp_path_factory.mktemp("clean") / "out"
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        assert cli.main(words(tables, out)) == 0
    return pictures(out)


@pytest.mark.parametrize("kind", HOSTILE)
def test_settings_of_the_user_do_not_reach_the_pictures(kind, tables, clean, tmp_path):
    with matplotlib.rc_context(HOSTILE[kind]):
        before = dict(matplotlib.rcParams)
        assert cli.main(words(tables, tmp_path / "out")) == 0
        assert dict(matplotlib.rcParams) == before
    assert pictures(tmp_path / "out") == clean


def test_nor_does_what_keeps_matplotlib_from_being_imported(tables, clean, tmp_path):
    """A backend that does not exist, and settings that are no text, wherever they are."""
    settings = tmp_path / "matplotlibrc"
    settings.write_bytes(b"\xff\xfe\x00lines.marker: o\n")
    done = subprocess.run(
        [sys.executable, "-m", "figures", *words(tables, tmp_path / "out")],
        env={**os.environ, "MPLBACKEND": "nonsense", "MATPLOTLIBRC": str(settings)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert pictures(tmp_path / "out") == clean


def state() -> tuple[object, ...]:
    stores = (matplotlib.rcParams, matplotlib.rcParamsDefault, matplotlib.rcParamsOrig)
    return (*map(dict, stores), matplotlib.get_backend(), pyplot.get_fignums())


@pytest.fixture(params=["svg", "template"])
def own_backend(request):
    """A backend, a setting and a figure of the user's own."""
    first = matplotlib.get_backend()
    pyplot.switch_backend(request.param)
    pyplot.figure()
    with matplotlib.rc_context({"lines.linewidth": 7}):
        yield request.param
    pyplot.close("all")
    pyplot.switch_backend(first)


def test_the_style_ends_with_its_block(own_backend):
    before = state()
    with journal():
        figure = pyplot.figure()
        assert matplotlib.get_backend() == "agg"
        assert type(figure.canvas).__name__ == "FigureCanvasAgg"
        assert matplotlib.rcParams["lines.linewidth"] == 1.3
        pyplot.close(figure)
    assert state() == before
    assert type(pyplot.figure().canvas).__module__.endswith(own_backend)


def test_also_by_an_error_or_where_the_block_changes_them(own_backend):
    def change():
        with journal():
            matplotlib.rcParams.update({"lines.linewidth": 3, "backend": "pdf"})
            matplotlib.rcParams["font.serif"].append("No Such Font")
            raise ZeroDivisionError

    before = state()
    with pytest.raises(ZeroDivisionError):
        change()
    assert state() == before


def test_also_nested_and_in_generators_that_end_in_any_order(own_backend):
    def drawing():
        with journal():
            yield

    before = state()
    with journal():
        matplotlib.rcParams["lines.linewidth"] = 3
        with journal():
            assert matplotlib.rcParams["lines.linewidth"] == 1.3
        assert matplotlib.rcParams["lines.linewidth"] == 3
    assert state() == before
    first, second = drawing(), drawing()
    next(first)
    next(second)
    first.close()
    assert matplotlib.rcParams["lines.linewidth"] == 1.3
    second.close()
    assert state() == before


def test_the_style_does_not_load_the_backend_of_the_user():
    """One that needs a display, say."""
    code = (
        "import matplotlib, sys\n"
        "from figures import journal\n"
        "with journal():\n"
        "    from matplotlib import pyplot\n"
        "    assert type(pyplot.figure().canvas).__name__ == 'FigureCanvasAgg'\n"
        "assert matplotlib.get_backend().lower() == 'tkagg'\n"
        "assert 'tkinter' not in sys.modules\n"
        "pyplot.switch_backend('svg')\n"
        "assert type(pyplot.figure().canvas).__name__ == 'FigureCanvasSVG'\n"
    )
    environment = {**os.environ, "MPLBACKEND": "tkagg"}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


TABLES = [Table([{"source": "theory", "alpha": alpha, "status": "converged"}]) for alpha in (1, 2)]


@pytest.mark.parametrize("trouble", [ValueError("no"), OSError("no"), KeyboardInterrupt()])
@pytest.mark.parametrize("ending", ["pdf", "png"])
def test_a_set_is_replaced_as_a_whole(trouble, ending, tmp_path, monkeypatch):
    """A picture that cannot be drawn leaves the old set; for want of room, the new table alone."""
    publish(Figure(figsize=(1, 1)), TABLES[0], tmp_path, "some")
    old = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    draw = Figure.savefig

    def torn(figure, stream, format, **options):
        draw(figure, stream, format=format, **options)
        if format == ending:
            raise trouble

    monkeypatch.setattr(Figure, "savefig", torn)
    lost = isinstance(trouble, OSError)
    with pytest.raises(Unwritable if lost else type(trouble)):
        publish(Figure(figsize=(2, 2)), TABLES[1], tmp_path, "some")
    left = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    if lost:
        assert left.keys() == {"some.csv", "some.json"}
        assert Table.from_csv(tmp_path / "some.csv")["alpha"].tolist() == [2]
    else:
        assert left == old
