"""What the figures must show, read off their tables with nothing of the package's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from replica.tables import Table

Line = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Curve:
    """Points of one artist; curves of the same name are drawn in the same panel and colour."""

    name: tuple[Any, ...]
    points: np.ndarray
    errors: np.ndarray | None = None

    @property
    def measured(self) -> bool:
        return self.errors is not None


def groups(table: Table, source: str, *names: str) -> Iterator[tuple[tuple[Any, ...], list[Line]]]:
    found: dict[tuple[Any, ...], list[Line]] = {}
    for line in table.lines():
        if line["source"] == source:
            found.setdefault(tuple(line.get(name) for name in names), []).append(line)
    yield from found.items()


def theory(lines: Iterable[Line], x: str, y: str) -> np.ndarray:
    points = [(line[x], line[y] if line["status"] == "converged" else np.nan) for line in lines]
    return np.array(sorted(points))


def average(lines: Iterable[Line], x: str, y: str) -> tuple[np.ndarray, np.ndarray]:
    """Points and symmetric error bars: mean and standard error over lines of equal x."""
    values: dict[float, list[float]] = {}
    for line in lines:
        values.setdefault(line[x], []).append(line[y])
    points = np.array([(place, np.mean(found)) for place, found in values.items()])
    errors = [np.std(found, ddof=1) / np.sqrt(len(found)) for found in values.values()]
    return points, np.array(errors)


def both(table: Table, x: str, y: str, *names: str) -> Iterator[Curve]:
    """The theory's lines and the simulation's markers of y over x, one pair per group."""
    for key, lines in groups(table, "theory", *names):
        yield Curve((*key, y), theory(lines, x, y))
    for key, lines in groups(table, "simulation", *names):
        yield Curve((*key, y), *average(lines, x, y))


def losses(table: Table, *names: str) -> Iterator[Curve]:
    exact = dict(groups(table, "theory", *names))
    for y in ("test_loss", "train_loss"):
        yield from both(table, "alpha", y, *names)
        for key, lines in groups(table, "simulation", *names):
            points, errors = average(lines, "alpha", y)
            predicted = {line["alpha"]: line[y] for line in exact[key]}
            points[:, 1] -= [predicted[alpha] for alpha in points[:, 0]]
            points[:, 1] /= errors
            yield Curve((*key, y, "strip"), points, np.ones(len(points)))
    for key, lines in exact.items():
        yield Curve((*key, "optimal"), theory(lines, "alpha", "optimal_loss"))


def own_couplings(table: Table, *names: str) -> Iterator[Curve]:
    """Losses of the longer systems, and L (simulation / theory - 1) of each with its own theory."""
    longest = max(line["sites"] for line in table.lines() if line.get("sites"))
    curve = Table(line for line in table.lines() if line.get("sites") in (None, longest))
    for y in ("test_loss", "train_loss"):
        for key, lines in groups(curve, "theory", *names):
            ensemble = [line for line in lines if line.get("sites") is None]
            yield Curve((*key, y), theory(ensemble, "alpha", y))
            if y == "test_loss":
                yield Curve((*key, "optimal"), theory(ensemble, "alpha", "optimal_loss"))
        for key, lines in groups(curve, "simulation", *names):
            yield Curve((*key, y), *average(lines, "alpha", y))
        own: dict[tuple[Any, ...], float] = {}
        known = (*names, "sites", "alpha", "seed")
        for line in table.where(source="theory").lines():
            own[tuple(line.get(name) for name in known)] = line[y]
        for key, lines in groups(table, "simulation", *names, "sites"):
            aside = 1.035 if key[-1] == longest else 1 / 1.035
            gaps = [
                {"x": line["alpha"] * aside}
                | {"y": key[-1] * (line[y] / own[tuple(line.get(name) for name in known)] - 1)}
                for line in sorted(lines, key=lambda line: line["alpha"])
            ]
            yield Curve((*key[:-1], y, "strip"), *average(gaps, "x", "y"))


def double_descent(table: Table) -> Iterator[Curve]:
    for y in ("test_loss", "train_loss"):
        yield from both(table, "alpha", y, "lam")
    # The same at every weight decay.
    (least, *_) = sorted({line["lam"] for line in table.lines()})
    lines = table.where(source="theory", lam=least).lines()
    yield Curve(("optimal",), theory(lines, "alpha", "optimal_loss"))


def order_parameters(table: Table) -> Iterator[Curve]:
    solved = table.where(step=None)
    yield from both(solved, "alpha", "m", "loss")
    yield from both(solved, "alpha", "q", "loss")
    for key, lines in groups(solved, "theory", "loss"):
        yield Curve((*key, "V"), theory(lines, "alpha", "V"))
    course = Table(line for line in table.lines() if line.get("step") is not None)
    # All are zero at the start, which no logarithmic axis shows.
    later = Table(line for line in course.lines() if line["step"])
    for name in "mqV":
        yield from both(later, "step", name, "data")


def regularisation(table: Table) -> Iterator[Curve]:
    yield from both(table.where(part=0), "lam", "excess_loss", "alpha")
    solved = table.where(part=1, source="theory").lines()
    best = {line["alpha"]: line for line in solved if line.get("lam")}
    for alpha in (0.5, 1.0, 2.0, 4.0):
        star = np.array([(best[alpha]["lam"], best[alpha]["excess_loss"])])
        yield Curve((alpha, "excess_loss"), star)
    right = table.where(part=1)
    bound = {line["alpha"]: line["excess_loss"] for line in right.where(lam=None).lines()}
    gap = Table(
        line | {"gap": line["excess_loss"] - bound[line["alpha"]]}
        for line in right.lines() if line.get("lam")
    )  # fmt: skip
    yield from both(gap, "alpha", "gap", "data")


def training_time(table: Table) -> Iterator[Curve]:
    passed = table.where(part=0)
    yield from both(passed.where(estimator="one-pass"), "alpha", "excess_loss", "rate")
    minimum = passed.where(estimator=None).lines()
    yield Curve(("minimiser",), theory(minimum, "alpha", "excess_loss"))
    course = table.where(part=1)
    for y in ("test_loss", "train_loss"):
        yield from both(course, "step", y, "part")
    best = min(course.where(source="theory").lines(), key=lambda line: line["test_loss"])
    yield Curve((1, "test_loss"), np.array([(best["step"], best["test_loss"])]))
    right = table.where(part=2)
    yield Curve(("end",), theory(right.where(lam=0.01).lines(), "alpha", "excess_loss"))
    others = Table(line for line in right.lines() if line["lam"] != 0.01)
    yield from both(others, "alpha", "excess_loss", "part", "estimator")


def finite_size(table: Table) -> Iterator[Curve]:
    exact = dict(groups(table, "theory", "loss"))
    for key, lines in groups(table, "simulation", "loss"):
        for y, aside in (("test_loss", 0.01), ("train_loss", -0.01)):
            points, errors = average([line | {"x": 1 / line["sites"]} for line in lines], "x", y)
            points[:, 1] -= exact[key][0][y]
            yield Curve((*key, y), points, errors)
            fit, covariance = np.polyfit(*points.T, 2, w=1 / errors, cov="unscaled")
            largest = points[:, 0].max()
            grid = np.linspace(0, 1.05 * largest, 100)
            yield Curve((*key, y), np.column_stack([grid, np.polyval(fit, grid)]))
            limit = np.array([(aside * largest, fit[-1])])
            yield Curve((*key, y), limit, np.sqrt(covariance[-1:, -1]))


def threshold(table: Table) -> Iterator[Curve]:
    for (colors,), lines in groups(table, "theory", "colors"):
        points = theory([line | {"b": line["beta"] / colors} for line in lines], "b", "alpha")
        # Three and fewer colours are safe up to 0.95, where the lines end.
        ends = {2: None, 3: None, 5: 0.778, 10: 0.422}[colors]
        if ends is None:
            yield Curve((colors,), points)
        else:
            split = int(np.argmin(np.abs(points[:, 0] - ends)))
            yield Curve((colors,), points[: split + 1])
            yield Curve((colors,), points[split:])
    (exact,) = table.where(source="theory", colors=3, beta=1.5)["alpha"]
    for key, lines in groups(table, "simulation", "sites"):
        places = np.array([0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4])
        counts = [sum(line["alpha"] >= place * exact for line in lines) for place in places]
        share = np.array(counts) / len(lines)
        # The ends solve (p - share)² = p (1 - p)/n.
        ends = [np.roots([1 + 1 / len(lines), -2 * s - 1 / len(lines), s * s]) for s in share]
        errors = np.abs(np.sort(ends, axis=1).T - share)
        yield Curve(key, np.column_stack([places, share]), errors)


def phase_diagram(table: Table) -> Iterator[Curve]:
    for (colors, lam), lines in groups(table, "theory", "colors", "lam"):
        if lam == 0.0:
            points = [(line["alpha"], line["beta"] / colors) for line in lines]
            yield Curve((colors, "threshold"), np.array(points))
        else:
            plane = {(line["beta"], line["alpha"]): line["excess_loss"] for line in lines}
            betas, alphas = (sorted({key[axis] for key in plane}) for axis in (0, 1))
            values = [[plane[beta, alpha] for alpha in alphas] for beta in betas]
            yield Curve((colors, "map"), np.array(values))


def recovery(table: Table) -> Iterator[Curve]:
    most = max(table["samples"])
    upper = [line for line in table.where(part=1).lines() if line["row"] <= line["column"]]
    edges = np.linspace(*(f([line["learnt"] for line in upper]) for f in (min, max)), 81)
    for (part, samples), lines in groups(table, "simulation", "part", "samples"):
        entries: dict[tuple[int, int], list[Line]] = {}
        for line in lines:
            entries.setdefault((line["row"], line["column"]), []).append(line)
        learnt = {key: [line["learnt"] for line in found] for key, found in entries.items()}
        true = {key: found[0]["true"] for key, found in entries.items()}
        shown = [(i, j) for i, j in entries if i < j or (part == 1 and i == j)]
        if part == 0:
            points = np.array([(true[key], np.mean(learnt[key])) for key in shown])
            errors = [np.std(learnt[key], ddof=1) / np.sqrt(len(learnt[key])) for key in shown]
            yield Curve((part, samples), points, np.array(errors))
        else:
            every = np.array([learnt[key] for key in shown]).ravel()
            share = np.histogram(every, edges)[0] / every.size
            bars = [(edges[k + side], share[k]) for k in range(80) for side in (0, 1)]
            yield Curve((part, samples), np.array(bars))
        if samples == most:
            for name, value in (("true", true), ("learnt", learnt)):
                grid = [[np.mean(value[i, j]) for j in range(20)] for i in range(20)]
                yield Curve((part, name), np.array(grid))


def attention_spectrum(table: Table) -> Iterator[Curve]:
    picture, spectra, pattern, pairs = (table.where(part=part) for part in range(4))
    size = int(max(picture["row"])) + 1
    entries = {(line["row"], line["column"]): line["learnt"] for line in picture.lines()}
    yield Curve(("A",), np.array([[entries[i, j] for j in range(size)] for i in range(size)]))
    for (alpha,), lines in groups(spectra, "simulation", "alpha"):
        values = np.array([line["eigenvalue"] for line in lines])
        edges = np.linspace(values.min(), values.max(), 37)
        density = np.histogram(values, edges)[0] / values.size / (edges[1] - edges[0])
        bars = [(edges[k + side], density[k]) for k in range(36) for side in (0, 1)]
        yield Curve((alpha, "eigenvalues"), np.array(bars))
    for (alpha,), lines in groups(spectra, "theory", "alpha"):
        points = [line for line in lines if line.get("eigenvalue") is not None]
        yield Curve((alpha, "density"), theory(points, "eigenvalue", "density"))
        (outlier,) = {line["outlier"] for line in lines if line.get("eigenvalue") is None}
        yield Curve((alpha, "density"), np.array([(outlier, 0.06)]))
    for y in ("outlier", "overlap"):
        yield from both(pattern, "spike", y, "loss")
        yield from both(pattern.where(loss="squared-error"), "spike", f"pca_{y}")
    for _, lines in groups(pattern, "theory", "loss"):
        if lines[0]["loss"] == "squared-error":
            yield Curve(("one-hot",), theory(lines, "spike", "onehot_overlap"))
    yield from both(pairs, "alpha", "precision", "data", "loss")


def calibration(table: Table) -> Iterator[Curve]:
    bins, along, across = (table.where(part=part) for part in (0, 1, 2))
    yield from both(bins, "confidence", "right", "lam")
    yield from both(along, "alpha", "temperature", "lam")
    for part, x, name in ((along, "alpha", "lam"), (across, "lam", "data")):
        rest = [
            line | {"scaled": line["calibrated_loss"] - line["optimal_loss"]}
            for line in part.lines()
        ]
        # Before and after scaling they differ in line and filling.
        yield from both(part, x, "excess_loss", name)
        for curve in both(Table(rest), x, "scaled", name):
            yield Curve((*curve.name[:-1], "excess_loss"), curve.points, curve.errors)
    exact = across.where(source="theory").lines()
    for y in ("test_loss", "calibrated_loss"):
        best = min(exact, key=lambda line: line[y])
        point = np.array([(best["lam"], best[y] - best["optimal_loss"])])
        yield Curve(("potts", "excess_loss"), point)


def rows(table: Table) -> Iterator[Curve]:
    (alike,) = (line["test_loss"] for line in table.lines() if line["data"] == "potts")
    given = groups(table.where(data="couplings"), "theory", "couplings", "row")
    exact = {key: line["test_loss"] for key, (line,) in given}
    for (couplings,), lines in groups(table, "simulation", "couplings"):
        points, errors = average(lines, "row", "test_loss")
        each = [exact[couplings, row] for row in points[:, 0]]
        for name, predicted in (("each", each), ("alike", np.full(len(each), alike))):
            yield Curve((couplings, name), np.column_stack([predicted, points[:, 1]]), errors)


def masking_rate(table: Table) -> Iterator[Curve]:
    told = []
    for line in table.lines():
        kind, rate = line["masking"].split(":")
        small, masked = line["lam"] == 0.01, line["masked_test_loss"]
        told.append(line | {"kind": kind, "p": float(rate), "small": small,
                            "cost": masked - line["test_loss"]})  # fmt: skip
    every = Table(line for line in told if line["part"] == 0)
    for source in ("theory", "simulation"):
        for key, lines in groups(every, source, "kind", "alpha", "small"):
            for name, y in ((key[0], "test_loss"), ("cost", "cost")):
                if y == "test_loss" or not key[2]:
                    found = (
                        (theory(lines, "p", y),) if source == "theory" else average(lines, "p", y)
                    )
                    yield Curve((name, key[1]), *found)
    best = Table(line for line in told if line["part"] == 1)
    for (beta, _), lines in groups(best, "theory", "beta", "kind"):
        yield Curve(("best", beta), theory(lines, "alpha", "p"))
    points, errors = [], []
    for (alpha,), lines in groups(best, "simulation", "alpha"):
        seeds, vertices = {line["seed"] for line in lines}, []
        for left_out in (None, *seeds):
            kept = [(line["p"], line["test_loss"]) for line in lines if line["seed"] != left_out]
            # a x³ + b x² + c x has its minimum there, whatever the sign of a.
            a, b, c, _ = np.polyfit(*np.transpose(kept), 3)
            root = np.sqrt(b * b - 3 * a * c)
            vertices.append((root - b) / (3 * a))
        points.append((alpha, vertices[0]))
        errors.append(np.sqrt((len(seeds) - 1) * np.var(vertices[1:])))
    yield Curve(("best", 1.0), np.array(sorted(points)), np.array(errors))


EXPECTED: dict[str, Callable[[Table], Iterable[Curve]]] = {
    "learning-curve": lambda table: own_couplings(table, "loss", "colors"),
    "learning-curve-similarity": lambda table: losses(table, "loss", "colors", "beta"),
    "learning-curve-gaussian": lambda table: losses(table, "shift", "colors"),
    "couplings": lambda table: (
        curve
        for y in ("test_loss", "coupling_error")
        for curve in both(table, "alpha", y, "couplings")
    ),
    "double-descent": double_descent,
    "order-parameters": order_parameters,
    "regularisation": regularisation,
    "masking-rate": masking_rate,
    "finite-size": finite_size,
    "threshold": threshold,
    "phase-diagram": phase_diagram,
    "recovery": recovery,
    "attention-spectrum": attention_spectrum,
    "calibration": calibration,
    "rows": rows,
    "training-time": training_time,
}
