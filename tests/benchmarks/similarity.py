"""Rows of Potts models with any similarity, with fields and biases: moments against training.

The theory takes the moments of a row measured on sequences of the model; training takes others of
the same model. Rows are compared one by one; the test loss also with what class means add to it at
this length.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.linalg import helmert

from replica import PottsTokens, Problem, RowTokens, finite_test_loss, solve
from simulations import Chains, PottsModel, measure, sample, train

#: Colours and seeds of the similarities.
SIMILARITIES = ((3, 0), (3, 1), (3, 2), (4, 0), (4, 1))

#: A row is left out if some colour is rarer: a training set may then lack it, and a bias of it
#: has no end.
RAREST = 0.05

LOSSES = ("test_loss", "train_loss")

#: Predictions, and what is measured of each.
MEASURED = {"finite_test_loss": "test_loss"} | {loss: loss for loss in LOSSES}


class Compared(NamedTuple):
    """One prediction of one row: of the theory and of training, with the standard error of each."""

    loss: str
    predicted: float
    moments_error: float
    measured: float
    error: float

    @property
    def score(self) -> float:
        return (self.measured - self.predicted) / np.hypot(self.error, self.moments_error)


def random_similarity(colors: int, seed: int) -> np.ndarray:
    """A symmetric U of normal entries whose strongest mode has the eigenvalue 1."""
    U = np.random.default_rng((colors, seed)).standard_normal((colors, colors))
    U = (U + U.T) / 2
    K0 = np.eye(colors) - 1 / colors
    return U / np.abs(np.linalg.eigvalsh(K0 @ U @ K0)).max()


def random_model(colors: int, seed: int, sites: int, pull: float) -> PottsModel:
    """Gaussian couplings at b = 1/2, half way to the end of the paramagnet of a uniform model."""
    rng = np.random.default_rng((colors, seed, sites))
    J = np.triu(rng.standard_normal((sites, sites)) / np.sqrt(sites), 1)
    fields = pull * rng.standard_normal((sites, colors)) if pull else None
    return PottsModel(J + J.T, colors, colors / 2, random_similarity(colors, seed), fields)


def sequences(model: PottsModel, count: int, seed: int) -> np.ndarray:
    """Ten from each chain, ten sweeps apart."""
    chains = Chains(model, count // 10, seed)
    chains.burn_in()
    return np.concatenate([chains.run(10) for _ in range(10)])


class Sums(NamedTuple):
    """Sums over sequences, by masked token, of the inputs of a row and of their products."""

    counts: np.ndarray
    first: np.ndarray
    second: np.ndarray

    @classmethod
    def of(cls, model: PottsModel, tokens: np.ndarray, row: int) -> Sums:
        basis = helmert(model.colors) @ model.values
        masked, others = tokens[:, row], np.delete(tokens, row, axis=1)
        first, second = [], []
        for a in range(model.colors):
            inputs = basis.T[others[masked == a]].reshape(np.sum(masked == a), -1)
            first.append(inputs.sum(axis=0))
            second.append(inputs.T @ inputs)
        return cls(np.bincount(masked, minlength=model.colors), np.array(first), np.array(second))

    def plus(self, other: Sums) -> Sums:
        return Sums(*(a + b for a, b in zip(self, other, strict=True)))

    def row(self, model: PottsModel, row: int) -> RowTokens:
        """The row of these moments, with one covariance for each token."""
        colors, sites = model.colors, model.sites
        basis = helmert(colors)
        n = self.counts[:, None]
        means = self.first / n
        covariance = self.second / n[..., None] - means[:, :, None] * means[:, None, :]
        shape = (colors, sites - 1, colors - 1)
        wide = covariance.reshape(*shape, *shape[1:])
        return RowTokens.from_moments(
            self.counts / self.counts.sum(),
            means.reshape(shape) @ basis,
            np.einsum("ajckd,cx,dy->ajxky", wide, basis, basis, optimize=True),
            np.delete(model.teacher[row], row),
            None if model.teacher_bias is None else model.teacher_bias[row],
        )


def predicted(
    model: PottsModel, halves: list[Sums], row: int, problem: Problem
) -> dict[str, tuple[float, float]]:
    """Losses and their errors; what few sequences add, in proportion to 1/N, is taken off."""
    whole, *parts = (
        solve(problem.at(data=each.row(model, row)))
        for each in (halves[0].plus(halves[1]), *halves)
    )
    found = {}
    for loss in LOSSES:
        two = np.array([getattr(part, loss) for part in parts])
        found[loss] = 2 * getattr(whole, loss) - two.mean(), abs(np.diff(two)[0]) / 2
    test_loss, error = found["test_loss"]
    added = finite_test_loss(whole) - whole.test_loss
    return found | {"finite_test_loss": (test_loss + added, error)}


def compare(
    model: PottsModel, rows: int, alpha: float, lam: float, sets: int, moments: int, seed: int
) -> Iterator[tuple[bool, list[Compared]]]:
    """Yield without and with a bias what rows say, theory and training."""
    tokens = sequences(model, moments, seed)
    colors = range(model.colors)
    rarest = np.min([np.mean(tokens == a, axis=0) for a in colors], axis=0)
    chosen = np.nonzero(rarest >= RAREST)[0][:rows]
    pair = np.array_split(tokens, 2)
    known = {row: [Sums.of(model, part, int(row)) for part in pair] for row in chosen}
    fresh = sample(model, 4000, seed + 1)
    drawn = [sample(model, round(alpha * model.sites), seed + 2 + k) for k in range(sets)]
    for bias in (False, True):
        problem = Problem(alpha, lam, PottsTokens(2, 1.0), bias=bias)
        observed = []
        for each in drawn:
            training = train(
                each, model.colors, lam, similarity=model.similarity, rows=chosen, bias=bias
            )
            assert training.status == "converged"
            observed.append(measure(model, training, each, fresh, "cross-entropy"))
        lines = []
        for place, row in enumerate(chosen):
            theory = predicted(model, known[row], int(row), problem)
            for loss, measured in MEASURED.items():
                values = np.array([getattr(each, measured)[place] for each in observed])
                error = values.std(ddof=1) / np.sqrt(sets)
                lines.append(Compared(loss, *theory[loss], values.mean(), error))
        yield bias, lines


def told(lines: list[Compared]) -> str:
    """Mean square distance, mean relative deviation and relative error, for every prediction."""
    parts = []
    for loss in MEASURED:
        of = [line for line in lines if line.loss == loss]
        scores = np.array([line.score for line in of])
        gaps = np.array([line.measured / line.predicted - 1 for line in of])
        errors = np.mean([np.hypot(x.error, x.moments_error) / x.predicted for x in of])
        parts.append(
            f"{len(of)} rows, {loss}: mean square distance {np.mean(scores**2):.2f}, largest "
            f"{np.abs(scores).max():.1f}, mean deviation {100 * gaps.mean():+.2f} ± "
            f"{100 * gaps.std() / np.sqrt(len(of)):.2f} %, error {100 * errors:.2f} %"
        )
    return "; ".join(parts)


def identity(sites: int = 100, rows: int = 10, moments: int = 100_000) -> None:
    """U = I: rows through moments beside rows of the couplings, and the analytic curve."""
    data = PottsTokens(3, 1.5)
    model = PottsModel.random(data, sites, 5)
    pair = np.array_split(sequences(model, moments, 6), 2)
    given = RowTokens.rows_from_couplings(model.couplings, range(rows), 3, data.beta)
    known = {row: [Sums.of(model, part, row) for part in pair] for row in range(rows)}
    for alpha in (1.0, 2.0, 4.0):
        problem = Problem(alpha, 0.1, data)
        curve, through, errors, own = solve(problem), [], [], []
        for row in range(rows):
            theory = predicted(model, known[row], row, problem)
            through.append([theory[loss][0] for loss in LOSSES])
            errors.append([theory[loss][1] for loss in LOSSES])
            solved = solve(problem.at(data=given[row]))
            own.append([getattr(solved, loss) for loss in LOSSES])
        through, errors, own = np.array(through), np.array(errors), np.array(own)
        spread = through.std(axis=0, ddof=1) / np.sqrt(rows)
        for k, loss in enumerate(LOSSES):
            print(
                f"U = I, alpha = {alpha:g}, {loss}: analytic curve {getattr(curve, loss):.4f}, "
                f"moments {through[:, k].mean():.4f} ± {spread[k]:.4f} over rows; row by row "
                f"less the theory of the couplings {np.mean((through - own)[:, k]):+.5f}, "
                f"root mean square {np.sqrt(np.mean((through - own)[:, k] ** 2)):.5f}, error of "
                f"the moments {np.sqrt(np.mean(errors[:, k] ** 2)):.5f}",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sites", type=int, nargs="+", default=[50, 100])
    parser.add_argument("--rows", type=int, default=4)
    parser.add_argument("--sets", type=int, default=24)
    parser.add_argument("--moments", type=int, default=100_000)
    options = parser.parse_args()
    identity(moments=options.moments)
    for sites in options.sites:
        every: dict[bool, list[Compared]] = {False: [], True: []}
        for pull in (0.0, 0.5):
            for colors, seed in SIMILARITIES:
                model = random_model(colors, seed, sites, pull)
                for bias, lines in compare(
                    model, options.rows, 3.0, 0.05, options.sets, options.moments, 100 * seed
                ):
                    name = f"L = {sites}, C = {colors}, U {seed}, fields {pull:g}, bias {bias}"
                    print(f"{name}: {told(lines)}", flush=True)
                    every[bias] += lines
        for bias, lines in every.items():
            print(f"L = {sites}, all, bias {bias}: {told(lines)}", flush=True)


if __name__ == "__main__":
    main()
