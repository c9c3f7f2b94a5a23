"""Every public name has an example in its docstring, which runs as it stands."""

from __future__ import annotations

import doctest
import inspect
import warnings

import pytest

import figures
import replica
import simulations

PACKAGES = (replica, simulations, figures)

#: Those of a transformer, which take JAX, and seconds to compile.
ENCODER = {"EncoderLearning", "TrainedEncoder", "learn_encoder"}

#: Names without docstrings of their own, which those of their packages show.
CONSTANTS = {"LOOKS", "ONE_COLUMN", "TWO_COLUMNS"}


def documented(package, name):
    return package if name in CONSTANTS else getattr(package, name)


def shows(package, name):
    shown = " ".join(one.source for one in examples(documented(package, name), name).examples)
    return name in shown or (inspect.isclass(getattr(package, name)) and "import" in shown)


def examples(thing, name):
    """Return the examples of a docstring, to be run with no name but their own."""
    told = inspect.getdoc(thing) or ""
    return doctest.DocTestParser().get_doctest(told, {}, name, None, None)


def run(test):
    """Run examples, and return what they wrote where it is not what they show."""
    said = []
    with warnings.catch_warnings():
        doctest.DocTestRunner().run(test, out=said.append)
    return "".join(said)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_every_public_name_has_an_example(package):
    """Of a class that other functions make, the example is one of these."""
    lacking = [name for name in package.__all__ if not shows(package, name)]
    assert lacking == []


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_examples_run(package):
    wrong = [run(examples(package, package.__name__))]
    for name in sorted(set(package.__all__) - CONSTANTS - ENCODER):
        wrong.append(run(examples(getattr(package, name), name)))
        for method in methods(getattr(package, name)):
            wrong.append(run(examples(method, f"{name}.{method.__name__}")))
    assert "".join(wrong) == ""


@pytest.mark.slow
def test_examples_of_the_transformer_run():
    for module in ("jax", "optax"):
        pytest.importorskip(module, reason=f"{module}, of the extra 'transformer', is missing")
    assert "".join(run(examples(getattr(simulations, name), name)) for name in ENCODER) == ""


def methods(thing):
    """Return the public methods of a class that are written in it."""
    if not inspect.isclass(thing):
        return []
    plain = (getattr(value, "__func__", value) for value in vars(thing).values())
    return [value for value in plain if inspect.isfunction(value) and value.__name__[0] != "_"]


def test_an_example_that_is_wrong_is_told():
    test = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, None)
    assert "Expected" in run(test)
