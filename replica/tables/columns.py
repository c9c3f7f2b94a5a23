"""The columns of all tables, each described once, and the text of their cells."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from replica.validation import numeral

Kind = Literal["text", "integer", "number", "numbers"]


@dataclass(frozen=True)
class Column:
    """What is known of a column; a new one is an entry of `EVERY`, and the line that fills it.

    Parameters
    ----------
    name : str
        In the first line of a table.
    kind : "text", "integer", "number" or "numbers"
        What a cell holds; "numbers" is one, or one per colour mode.
    tables : str, optional
        The tables that have it behind the others; every table where there is none.
    meaning : str, optional
        What it says, of columns that not every table has.
    data : str, optional
        The name of the data model whose parameter it is.
    parameter : bool
        Whether it tells points apart.
    finite : bool
        Whether only systems of finite length have it.
    observable : bool
        Whether it is measured of every system, and averaged over seeds.
    label, unit : str, optional
        Of an axis; the unit of a loss is that of the cross-entropy, others have none.
    form : str, optional
        How a legend shows a value, for `str.format`.
    usual : str, optional
        What an empty cell stands for, on lines of `data` if that is given.
    """

    name: str
    kind: Kind = "number"
    tables: str = ""
    meaning: str = ""
    data: str = ""
    parameter: bool = False
    finite: bool = False
    observable: bool = False
    label: str = ""
    unit: str = ""
    form: str = ""
    usual: str = ""

    @property
    def axis(self) -> str:
        """The label of an axis with its unit."""
        return f"{self.label} ({self.unit})" if self.unit else self.label


def _parameter(name: str, kind: Kind = "number", **known: Any) -> Column:
    return Column(name, kind, parameter=True, **known)


def _observable(
    name: str, label: str, kind: Kind = "number", unit: str = "", **known: Any
) -> Column:
    return Column(name, kind, observable=True, label=label, unit=unit, **known)


_INDEPENDENT: dict[str, Any] = {"data": "independent", "tables": "independent tokens"}
_GAUSSIAN: dict[str, Any] = {"data": "gaussian", "tables": "Gaussian tokens"}
_MASKED = "`--masking`, `masking-rate`"
_MASKED_THEORY = "theory of the cross-entropy with `--masking`, `masking-rate`"
_AVERAGED = "`--ensemble`"
_LEFT_OUT = "simulations with `--leave-one-out`"
_WHOLE = "simulations with `--whole-matrix`"
_SHOWN = _WHOLE + ", `attention-spectrum`"
_PATTERNED = _WHOLE + ", `spectrum`, `attention-spectrum`"
_COURSES = "courses of training"
_SAMPLED = "simulations, except of Gaussian tokens"

#: All columns, in the order in which a legend names what tells curves apart.
EVERY = (
    _parameter("source", "text"),
    _parameter("data", "text", form="{}"),
    _parameter("loss", "text", form="{}"),
    _parameter("colors", "integer", label="number of colours $C$", form="$C={:g}$"),
    _parameter("beta", label="inverse temperature $\\beta$", form="$\\beta={:g}$"),
    _parameter("coupling_norm", meaning="norm of the true row", form="$|w^*|={:g}$",
               **_INDEPENDENT),
    _parameter("similarity", "text", tables="Potts tokens with U ≠ I",
               meaning="U, a circulant by its first row and any other by a digest",
               data="potts", form="$U=${}", usual="I"),
    _parameter("couplings", "text",
               tables="Potts tokens of other than Gaussian couplings, given couplings",
               meaning="their ensemble, or a digest of the matrix", data="potts",
               form="{} couplings", usual="gaussian"),
    _parameter("spike", tables="Potts tokens with a pattern in their couplings",
               meaning="θ, the strength of the pattern", data="potts",
               label="strength of the pattern $\\theta$", form="$\\theta={:g}$", usual="0"),
    _parameter("tokens", "text", tables="given sequences",
               meaning="name of their file, and a digest of what it says", form="{}"),
    _parameter("moments", "text", tables="rows of given moments",
               meaning="a digest of them", form="moments {}"),
    _parameter("covariances", "text", tables="given sequences with `--covariances common`",
               meaning="common", form="{} covariance", usual="class"),
    _parameter("shift", meaning="κ of the precision matrix", form="$\\kappa={:g}$", **_GAUSSIAN),
    _parameter("joint", "integer", meaning="whether sequences are drawn whole",
               form="joint = {:g}", **_GAUSSIAN),
    _parameter("lam", label="weight decay $\\lambda$", form="$\\lambda={:g}$"),
    _parameter("alpha", label="sample ratio $\\alpha = M/L$", form="$\\alpha={:g}$"),
    _parameter("row", "integer",
               tables="rows of one model, of given sequences or of moments, `rows`, `recovery`, "
               "`attention-spectrum`",
               meaning="which, from 0, or that of an entry of a matrix", form="row {:g}"),
    _parameter("bias", "integer", tables="rows with a bias", meaning="whether rows have a bias",
               form="bias = {:g}", usual="0"),
    _parameter("masking", "text", tables=_MASKED,
               meaning="kind and rate of the masks of training, and their draws where several",
               form="{}", usual="one"),
    _parameter("estimator", "text",
               tables="simulations with `--estimator`, courses as `training-time`",
               meaning="how rows are estimated", form="{}", usual="minimiser"),
    _parameter("ensemble", tables=_AVERAGED, meaning="K, of the layers whose average it is",
               form="{:g} layers", usual="1"),
    _parameter("rate", tables=_COURSES, meaning="learning rate η, the largest of a schedule",
               label="learning rate $\\eta$", form="$\\eta={:g}$"),
    _parameter("schedule", "text", tables="courses whose rate changes",
               meaning="how, as 1/t:2", form="{}", usual="constant"),
    _parameter("momentum", tables="descents with `--momentum`",
               meaning="share of a step that the next one repeats", form="momentum {:g}",
               usual="0"),
    _parameter("time", tables="gradient flow",
               meaning="rate times steps, of infinitely many", label="time $t$", form="$t={:g}$"),
    _parameter("step", "integer", tables=_COURSES + ", `order-parameters`, `training-time`",
               meaning="steps of training so far, or iterations of message passing",
               label="step", form="step {:g}"),
    _parameter("sites", "integer", finite=True, form="$L={:g}$"),
    _parameter("samples", "integer", finite=True),
    _parameter("rows", "integer", tables="simulations", finite=True,
               meaning="rows that were trained per system", form="{:g} rows"),
    _parameter("test_samples", "integer", tables=_SAMPLED, finite=True,
               meaning="sequences of the test", form="{:g} test sequences"),
    _parameter("burn_in", "integer", tables=_SAMPLED, finite=True,
               meaning="sweeps before a sequence is taken", form="burn-in {:g}"),
    _parameter("confidence", tables="`calibration`", label="confidence",
               meaning="largest probability of a prediction, the middle of a bin"),
    Column("seed", "integer", finite=True),
    _observable("test_loss", "test loss", unit="nats"),
    _observable("train_loss", "training loss", unit="nats"),
    _observable("optimal_loss", "optimal loss", unit="nats"),
    _observable("excess_loss", "test loss − optimal loss", unit="nats"),
    _observable("error_rate", "error rate"),
    _observable("coupling_error", "coupling error $|w-w^*|^2/|w^*|^2$"),
    _observable("m", "$m$", "numbers"),
    _observable("q", "$q$", "numbers"),
    Column("V", "numbers"),
    _observable("masked_test_loss", "masked test loss", unit="nats", tables=_MASKED,
                meaning="loss on fresh sequences with such masks"),
    _observable("masked_error_rate", "masked error rate", tables=_MASKED,
                meaning="error rate with such masks"),
    _observable("probability_loss", "test loss of average probabilities", unit="nats",
                tables=_AVERAGED, meaning="test loss of their average probabilities"),
    _observable("logit_bias", "bias of logits", "numbers", tables=_AVERAGED,
                meaning="squared distance of mean logits from the true ones"),
    _observable("logit_variance", "variance of logits", "numbers", tables=_AVERAGED,
                meaning="variance of logits over training sequences, both per component, as q"),
    _observable("right", "share of right predictions", tables="`calibration`",
                meaning="how many predictions of this confidence are right"),
    _observable("loo_test_loss", "test loss, left out", unit="nats", tables=_LEFT_OUT, finite=True,
                meaning="test loss from the training sequences, each left out"),
    _observable("loo_error_rate", "error rate, left out", tables=_LEFT_OUT, finite=True,
                meaning="error rate from them"),
    _observable("loo_temperature", "best temperature, left out", tables=_LEFT_OUT, finite=True,
                meaning="best temperature from them"),
    _observable("outlier", "outlier of $A$", tables=_PATTERNED,
                meaning="largest eigenvalue of (A + Aᵀ)/2, the least if β < 0 (in theory the edge "
                        "where none stands out)"),
    _observable("overlap", "overlap with the pattern $(u\\cdot v)^2/|v|^2$", tables=_PATTERNED,
                meaning="that of its eigenvector u with the planted pattern v, (u·v)²/v²"),
    _observable("pca_outlier", "outlier of the covariance", tables=_PATTERNED,
                meaning="the same eigenvalue of the covariance of the sequences, of diagonal 1/C"),
    _observable("pca_overlap", "overlap of principal component", tables=_PATTERNED,
                meaning="the overlap of its eigenvector"),
    _observable("symmetrised_error", "coupling error of $(A+A^T)/2$", tables=_SHOWN,
                meaning="coupling error of (A + Aᵀ)/2"),
    _observable("precision", "precision of pairs", tables=_SHOWN,
                meaning="share of the strongest 5 % of pairs that are among those of J"),
    Column("edges", "numbers", tables="`spectrum`",
           meaning="ends of the intervals of the spectrum of A, in ascending order"),
    Column("atom", tables="`spectrum`",
           meaning="eigenvalue of the directions that no sequence has shown"),
    Column("atom_share", tables="`spectrum`", meaning="their share"),
    Column("onehot_outlier", tables="`spectrum`",
           meaning="as `pca_outlier`, of the covariance of one-hot tokens with a component for "
           "each colour"),
    Column("onehot_overlap", tables="`spectrum`, `attention-spectrum`",
           meaning="as `pca_overlap`, of that covariance"),
    Column("spike_threshold", tables="`spectrum`", label="threshold of the pattern $\\theta_c$",
           meaning="θ from which on a pattern stands out of A, and of the covariance"),
    Column("onehot_threshold", tables="`spectrum`",
           meaning="θ from which on it stands out of the covariance of one-hot tokens"),
    Column("alpha_threshold", tables="`spectrum`",
           meaning="α from which on this pattern stands out of A"),
    Column("uniform_outlier", tables="`spectrum`",
           meaning="eigenvalue of A along (1, …, 1), with more than four colours"),
    Column("uniform_overlap", tables="`spectrum`",
           meaning="squared overlap of its eigenvector with that direction"),
    Column(
        "moment_2",
        tables="`spectrum`",
        meaning="tr A²/L, with the squared error the mean squared norm of a row",
    ),
    Column("moment_3", tables="`spectrum`", meaning="tr A³/L"),
    Column("moment_4", tables="`spectrum`", meaning="tr A⁴/L"),
    _parameter("eigenvalue", tables="`spectrum --density`, `attention-spectrum`",
               label="eigenvalue of $A$", meaning="a point of the spectrum of A"),
    Column("density", tables="`spectrum --density`, `attention-spectrum`", label="density",
           meaning="density of eigenvalues there"),
    Column("cumulative", tables="`spectrum --density`", label="share of smaller eigenvalues",
           meaning="share of smaller ones"),
    Column("status", "text"),
    Column("residual"),
    Column("evaluations", "integer"),
    _observable("temperature", "best temperature $T$", tables="the cross-entropy",
                meaning="T with which softmax(z/T) predicts best"),
    _observable("calibrated_loss", "test loss at the best temperature", unit="nats",
                tables="the cross-entropy", meaning="test loss with it"),
    Column("masked_temperature", tables=_MASKED_THEORY,
           meaning="T that predicts best with such masks"),
    Column("masked_calibrated_loss", tables=_MASKED_THEORY,
           meaning="masked test loss with it"),
    Column("NAME_stderr", tables=_SAMPLED + ", sweeps of given sequences, and descents",
           meaning="standard error of NAME over the rows of one system, or over seeds; in sweeps "
           "that of measured moments; in descents that of the paths"),
    Column("memory", tables="simulated Potts tokens", meaning="what the chains remember of half "
           "a burn-in ago: 0 if all is forgotten"),
    Column("seeds", "integer", tables="averages over seeds", meaning="systems in the mean"),
    Column("quadrature_error",
           tables="`threshold`, `bayes`, `stability`, `baseline`, `evolve`, `spectrum`, sweeps "
           "that are not finished",
           meaning="that of the theory, which other tables leave to their sidecar"),
    Column("part", "integer",
           tables="`regularisation`, `calibration`, `masking-rate`, `recovery`, `training-time` "
           "and `attention-spectrum`",
           meaning="the panel, or the matrix"),
    Column("column", "integer", tables="`recovery`, `attention-spectrum`",
           meaning="the column of the entry"),
    Column("learnt", tables="`recovery`, `attention-spectrum`", meaning="its estimate"),
    Column("true", tables="`recovery`", meaning="its true value"),
    Column("layers", "integer", tables="`transformers`",
           meaning="those of the transformer, 0 for factored attention"),
    Column("parameters", "integer", tables="`transformers`", meaning="numbers that are trained"),
    Column("epoch", "integer", tables="`transformers`", meaning="passes over the sequences so far"),
    Column("epochs", "integer", tables="`transformers`", meaning="their number in all"),
    Column("held_out_loss", tables="`transformers`", label="held-out loss", unit="nats",
           meaning="loss of the sequences that choose the epoch"),
    Column("held_out_optimal", tables="`transformers`",
           meaning="that of the true conditional law"),
)  # fmt: skip

#: By name.
KNOWN = {column.name: column for column in EVERY}

#: The first columns of every table, in this order.
COLUMNS = tuple(column.name for column in EVERY if not column.tables)

#: Columns that tell points apart: of every table, and where a line has them.
POINT = tuple(c.name for c in EVERY if c.parameter and not c.tables)
FURTHER = tuple(c.name for c in EVERY if c.parameter and c.tables)

#: What is measured of a system.
OBSERVABLES = tuple(column.name for column in EVERY if column.observable)

#: What a spectrum says of each of its points.
SPECTRAL = ("density", "cumulative")

TEXT = frozenset(column.name for column in EVERY if column.kind == "text")

INTEGER = frozenset(column.name for column in EVERY if column.kind == "integer")

_KINDS: dict[str, Kind] = {column.name: column.kind for column in EVERY}

_COMMON = frozenset(COLUMNS)

#: How the status of a point begins that could not be computed; the error follows.
FAILED = "failed"


def columns_of(lines: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the columns of a table of these lines.

    Points that failed, and lack most columns, do not change the order of the others'.
    """
    ordered = sorted(lines, key=failed)
    extra = dict.fromkeys(name for line in ordered for name in line if name not in _COMMON)
    return COLUMNS + tuple(extra)


def failed(line: Mapping[str, Any]) -> bool:
    """Return whether a line is that of a point which could not be computed."""
    return str(line.get("status", "")).startswith(FAILED)


def as_cell(value: Any) -> str:
    """Return a value as it stands in a table: numbers to full precision, NaN as nothing."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    # Nearly all are floats, and long sweeps write many.
    if type(value) is float:
        return repr(value) if value == value else ""
    if isinstance(value, (Sequence, np.ndarray)) and np.ndim(value) == 1:
        return ";".join(as_cell(v) for v in value)
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    number = float(value)
    return "" if math.isnan(number) else repr(number)


def as_json(value: Any) -> Any:
    """Return a value as JSON can hold it: None for NaN and infinity, lists for arrays."""
    if isinstance(value, Mapping):
        return {name: as_json(each) for name, each in value.items()}
    if isinstance(value, np.ndarray):
        return as_json(value.tolist())
    if isinstance(value, (list, tuple)):
        return [as_json(each) for each in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value


def from_cell(column: str, cell: str) -> Any:
    """Return what a cell holds, None if it is empty."""
    if cell == "":
        return None
    # What nobody has described may be one number or several.
    kind = _KINDS.get(column, "numbers")
    if kind == "text":
        return cell
    if kind == "numbers" and ";" in cell:
        return [float(_number(column, part)) for part in cell.split(";")]
    number = _number(column, cell)
    # A float is written with a point or an exponent, in any column.
    if kind == "integer" and isinstance(number, float):
        if not number.is_integer():
            raise ValueError(f"{column} = {cell[:40]!r} is no integer of 300 digits at most")
        return int(number)
    return number


def _number(column: str, cell: str) -> int | float:
    """Return a number, but not NaN, nor one that overflows."""
    number = numeral(cell)
    if (
        number is None
        or number != number
        or (number in (math.inf, -math.inf) and "inf" not in cell)
    ):
        raise ValueError(f"{column} = {cell[:40]!r} is no number")
    return number
