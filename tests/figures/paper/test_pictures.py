"""What pictures say of what they show, and what they mark."""

from __future__ import annotations

import numpy as np
import pytest

from figures.drawing.style import LOOKS, journal
from figures.paper import (
    finite_size,
    masking_rate,
    order_parameters,
    phase_diagram,
    recovery,
    regularisation,
)
from figures.paper.contents import ANY
from replica import PottsTokens, Problem, Table, solve


def systems(failed: int | None = None) -> Table:
    """A table of `finite-size`, of which one size has a seed that did not converge."""
    rng = np.random.default_rng(1)
    lines = []
    for problem in finite_size.FIGURE.family:
        common = {"loss": problem.loss_name, **problem.data.columns(), "status": "converged"}
        common |= {"lam": problem.lam, "alpha": problem.alpha}
        lines.append(common | {"source": "theory", "test_loss": 1.0, "train_loss": 0.5})
        for sites in (10, 15, 25, 30, 50):
            for seed in range(3):
                noise = 0.01 * rng.standard_normal(2)
                lost = {"status": "max-steps"} if (sites, seed) == (failed, 0) else {}
                numbers = {"test_loss": 1.1 + noise[0], "train_loss": 0.4 + noise[1]}
                size = {"sites": sites, "samples": 2 * sites, "seed": seed}
                lines.append(common | {"source": "simulation"} | size | numbers | lost)
    return Table(lines)


def test_sizes_that_did_not_converge_are_marked_and_left_out_of_the_fit():
    with journal():
        figure = finite_size.FIGURE.draw(systems(failed=15))
        without = finite_size.FIGURE.draw(
            Table(s for s in systems().lines() if s.get("sites") != 15)
        )
    for axes, other in zip(figure.axes, without.axes, strict=True):
        marked = [line for line in axes.get_lines() if line.get_gid() == "not converged"]
        assert [list(line.get_xdata()) for line in marked] == [[1 / 15], [1 / 15]]
        for gid in ("fit", "simulation"):
            drawn, expected = (
                [line.get_xydata() for line in panel.get_lines() if line.get_gid() == gid]
                for panel in (axes, other)
            )
            assert len(drawn) == len(expected) > 0
            assert all(np.array_equal(a, b) for a, b in zip(drawn, expected, strict=True))
    for one, told in ((figure, True), (without, False)):
        labels = [text.get_text() for text in one.legends[0].get_texts()]
        assert ("not converged" in labels) == told


def test_larger_symbols_are_in_the_legend():
    with journal():
        figure = finite_size.FIGURE.draw(systems())
    (axes, _) = figure.axes
    sizes = {line.get_markersize() for line in axes.get_lines() if line.get_gid() == "simulation"}
    (handle,) = (h for h in figure.legends[0].legend_handles if "infty" in h.get_label())
    assert handle.get_markersize() == max(sizes) > min(sizes)


def _recovery():
    common = {
        "source": "simulation",
        **recovery.FIGURE.data.columns(),
        "sites": 20,
        "status": "converged",
    }
    lines = [
        common | {"part": part, "seed": seed, "samples": samples, "row": i, "column": j}
        | {"true": i - j, "learnt": i - j + 0.1 * seed * (i + j) / samples}
        for part in (0, 1) for seed in (0, 1) for samples in (60, 100)
        for i in range(20) for j in range(20)
    ]  # fmt: skip
    with journal():
        return recovery.FIGURE.draw(Table(lines))


def test_the_line_of_exact_entries_has_a_colour_of_its_own():
    figure = _recovery()
    panels = [axes for axes in figure.axes if axes.get_legend() is not None]
    assert len(panels) == 2
    for axes in panels:
        handle = axes.get_legend().legend_handles[-1]
        assert handle.get_label() == "exact"
        assert handle.get_color() not in {look.color for look in LOOKS}
    shown = [axes.get_xlabel() for axes in figure.axes if axes.images]
    assert shown == ["site $j$"] * 2 + ["colour $j$"] * 2


def test_maps_of_matrices_are_white_at_zero_and_tell_signs_in_grey():
    images = [image for axes in _recovery().axes for image in axes.images]
    (lightness, *others) = (
        image.cmap(np.linspace(0, 1, 101))[:, :3] @ (0.2126, 0.7152, 0.0722) for image in images
    )
    assert all(image.norm.vmin == -image.norm.vmax for image in images)
    assert lightness[50] == pytest.approx(1.0, abs=0.02)
    assert (np.diff(lightness[:51]) > 0).all()
    assert (np.diff(lightness[50:]) < 0).all()
    assert (lightness[:45] < lightness[:55:-1] - 0.01).all()
    assert all(np.array_equal(lightness, other) for other in others)


def test_captions_say_the_parameters_and_the_systems():
    kinds = regularisation.FIGURE.CONTENTS
    lines = [{k: 1.0 if v is ANY else v for k, v in kind.items()} for kind in kinds]
    lines = [
        one | {"sites": 80, "seed": seed} if one["source"] == "simulation" else one
        for one in lines
        for seed in range(2)
    ]
    told = regularisation.FIGURE.caption(Table(lines))
    assert "$C=3$, $\\beta=1.5$. " in told
    assert told.endswith(
        "over 2 systems of $L=80$ sites; along $\\lambda$ they share their sequences."
    )


def test_the_caption_of_masks_tells_both_numbers_of_systems():
    lines = [
        {"source": "simulation", "part": part, "sites": 80, "seed": seed}
        for part, seeds in ((masking_rate.ALONG, 2), (masking_rate.BEST, 5))
        for seed in range(seeds)
    ]
    told = masking_rate.FIGURE.caption(Table(lines))
    assert "over 2 systems of $L=80$ sites in (a) and (c); in (b)" in told
    assert told.endswith("five rates of 5 systems of $L=80$ sites.")


def test_the_caption_of_the_fit_says_how_good_it_is():
    """Parabolas through points that lie on one but for a residual that is known."""
    sites, exact = np.array([10, 15, 25, 30, 50]), {"test_loss": 1.0, "train_loss": 0.5}
    lines = []
    for problem in finite_size.FIGURE.family:
        common = {"loss": problem.loss_name, **problem.data.columns(), "status": "converged"}
        common |= {"lam": problem.lam, "alpha": problem.alpha}
        lines.append(common | {"source": "theory"} | exact)
        for length in sites.tolist():
            for seed, noise in enumerate((-0.01, 0.0, 0.01)):
                own = {name: value + 1 / length + noise for name, value in exact.items()}
                own["test_loss"] += 0.03 * (length == 30 and problem.loss_name == "cross-entropy")
                system = {"sites": length, "samples": 2 * length, "seed": seed}
                lines.append(common | {"source": "simulation"} | system | own)
    told = finite_size.FIGURE.caption(Table(lines))
    # The same errors everywhere: an ordinary fit of the residual alone.
    off = 0.03 * (sites == 30)
    left = (off - np.polyval(np.polyfit(1 / sites, off, 2), 1 / sites)) / (0.01 / np.sqrt(3))
    assert f"order 2, $\\chi^2={left @ left:.1f}$ for 2 degrees of freedom" in told
    assert "order 2, $\\chi^2=0.0$ for 2 degrees of freedom ($p=1.00$)" in told
    largest = left[np.argmax(np.abs(left))]
    assert f"The largest of 20 residuals is ${largest:.1f}$ standard errors" in told


def test_losses_have_one_name():
    assert [axes.get_title() for axes in _order_parameters().axes[:2]] == [
        "cross-entropy",
        "squared error",
    ]


def _order_parameters():
    common = {"alpha": 1.0, "seed": 0, "m": 0.2, "q": 0.3, "V": 0.4, "status": "converged"}
    kinds = order_parameters.FIGURE.CONTENTS
    lines = [common | {"seed": seed} | kind for kind in kinds for seed in (0, 1)]
    for one in lines:
        if one["source"] == "simulation":
            one["sites"] = 160 if one["step"] is None else 320
    with journal():
        return order_parameters.FIGURE.draw(Table(lines))


def test_contours_follow_the_theory_between_the_points_of_the_grid():
    """Along the ridge, where straight lines between neighbours are wrong by three per cent."""
    b = 0.15
    data = [PottsTokens(3, 3 * value) for value in np.linspace(b - 0.1, b + 0.1, 5)]
    alphas = np.geomspace(*phase_diagram._RANGE, phase_diagram.FIGURE.FULL.alphas)[12:22]
    plane = [
        [solve(Problem(alpha, phase_diagram.FIGURE.lam, one)).excess_loss for alpha in alphas]
        for one in data
    ]
    fine_alphas, fine_b, fine = phase_diagram._smooth(
        alphas, np.array([one.b for one in data]), np.array(plane)
    )
    for row, column in ((9, 15), (10, 21), (11, 27)):
        exact = solve(
            Problem(fine_alphas[column], phase_diagram.FIGURE.lam, PottsTokens(3, 3 * fine_b[row]))
        )
        assert fine[row, column] == pytest.approx(exact.excess_loss, rel=3e-3)


def test_a_map_with_gaps_is_left_as_it_is():
    plane = np.array([[1.0, np.nan], [2.0, 3.0]])
    axes = np.array([1.0, 2.0]), np.array([0.1, 0.2])
    assert phase_diagram._smooth(*axes, plane)[2] is plane
