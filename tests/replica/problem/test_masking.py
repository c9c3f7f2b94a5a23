"""Descriptions of masks: their text, their ranges, and their place in a problem."""

from __future__ import annotations

import pickle

import pytest

from replica import Masking, PottsTokens, Problem


@pytest.mark.parametrize(
    ("masking", "text"),
    [
        (Masking(0.15), "dynamic:0.15"),
        (Masking(0.15, "static"), "static:0.15"),
        (Masking(0.4, "static", draws=8), "static:0.4:8"),
    ],
)
def test_text_goes_both_ways(masking, text):
    assert str(masking) == text
    assert Masking.from_text(text) == masking == pickle.loads(pickle.dumps(masking))


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        ((0.0,), "rate = 0.0 is not allowed"),
        ((1,), "rate = 1 is not allowed"),
        (("0.15",), "rate = '0.15' is not allowed"),
        ((0.15, "both"), "kind = 'both' is not allowed: kind must be one of static, dynamic"),
        ((0.15, "static", 0), "draws = 0 is not allowed"),
        ((0.15, "dynamic", 2), "draws = 2 is not allowed: draws must be left out with dynamic"),
    ],
)
def test_what_is_no_masking_is_refused(arguments, refusal):
    with pytest.raises(ValueError, match=refusal):
        Masking(*arguments)


@pytest.mark.parametrize("text", ["0.15", "static", "random:0.15", "static:x", "static:0.1:2:3"])
def test_a_text_that_tells_no_masking_is_refused(text):
    with pytest.raises(ValueError, match=r"^masking = '.*' is not allowed: masking must be "):
        Masking.from_text(text)


def test_a_problem_is_told_from_others_by_its_masking():
    bare = Problem(2.0, 0.1, PottsTokens(3, 1.5))
    masked = bare.at(masking=Masking(0.15))
    assert "masking" not in bare.columns()
    assert masked.columns() == bare.columns() | {"masking": "dynamic:0.15"}
    assert masked.at(masking=None) == bare
    with pytest.raises(ValueError, match=r"masking = 'dynamic:0\.15' is not allowed"):
        bare.at(masking="dynamic:0.15")
