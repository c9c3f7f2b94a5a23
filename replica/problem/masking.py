"""Which tokens are masked at once in training, and how often anew."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

from replica.errors import BadArgument
from replica.immutable import keep
from replica.validation import integer, invalid, numeral, one_of, real

#: When masks are drawn.
MaskKind = Literal["static", "dynamic"]

#: What describes a masking as text.
_TEXTS = (
    "static:RATE, dynamic:RATE or static:RATE:DRAWS, with a RATE between 0 and 1, both excluded, "
    "and DRAWS from 1 to 10000"
)

#: The most draws of masks per sequence; so many are told from the average over all by nothing.
MOST_DRAWS = 10_000


@dataclass(frozen=True)
class Masking:
    """A share of all tokens is masked at once, and adds nothing to the fields of the others.

    A sequence trains the row of a site in every draw of masks that hides this site. Whatever the
    masking, training minimises M times the mean loss per masked token of the row, plus
    (L λ/2) |w|², so that λ/α is the weight decay in units of that mean.

    Parameters
    ----------
    rate : float
        p, the probability that a token is masked, between 0 and 1.
    kind : str
        "static": the masks of a sequence are drawn before training and kept. "dynamic": they are
        drawn anew in every epoch, so that training minimises the average over all masks.
    draws : int, optional
        K, how often the masks of a sequence are drawn with "static" masks, 1 or greater. The row
        is trained on all of them.

    Raises
    ------
    ValueError
        If an argument is not allowed.

    Examples
    --------
    >>> from replica import Masking, PottsTokens, Problem, solve
    >>> problem = Problem(2.0, 0.1, PottsTokens(3, 1.5), masking=Masking(0.15))
    >>> solution = solve(problem)
    >>> round(solution.test_loss, 4), round(solution.masked_test_loss, 4)
    (1.0187, 1.0293)
    >>> str(Masking(0.15, "static", draws=8))
    'static:0.15:8'
    """

    rate: float
    kind: MaskKind = "dynamic"
    draws: int = 1

    kinds: ClassVar[tuple[MaskKind, ...]] = get_args(MaskKind)

    def __post_init__(self) -> None:
        allowed = "a number between 0 and 1, both excluded"
        rate = real("rate", self.rate, allowed)
        if not 0.0 < rate < 1.0:
            raise invalid("rate", self.rate, allowed)
        one_of("kind", self.kind, self.kinds)
        draws = integer("draws", self.draws, 1, MOST_DRAWS)
        if self.dynamic and draws != 1:
            raise invalid("draws", draws, "left out with dynamic masks, which never end")
        keep(self, rate=rate, draws=draws)

    @property
    def dynamic(self) -> bool:
        """Whether masks are drawn anew in every epoch."""
        return self.kind == "dynamic"

    @property
    def seen(self) -> float:
        """The share of the sequences that train a row, with masks that are drawn once; else 1.

        In units of the mean loss per masked token a row of static masks is trained on p M sequences
        with the weight decay pλ.
        """
        return 1.0 if self.dynamic or self.draws > 1 else self.rate

    def __str__(self) -> str:
        """Return the text of a command line and of tables, such as static:0.15 or static:0.15:8."""
        draws = f":{self.draws}" if self.draws > 1 else ""
        return f"{self.kind}:{self.rate!r}{draws}"

    @classmethod
    def from_text(cls, text: str, name: str = "masking") -> Masking:
        """Return the masking that a text describes.

        Parameters
        ----------
        text : str
            static:RATE, dynamic:RATE, or static:RATE:DRAWS.
        name : str
            What a refusal calls it.

        Raises
        ------
        ValueError
            If it is none of these, or a value is not allowed.
        """
        kind, *values = str(text).split(":")
        known: list[Any] = [numeral(value.strip()) for value in values]
        if kind in cls.kinds and 1 <= len(known) <= 2 and None not in known:
            # What is wrong with a part is told of the text, which is all that was given.
            with suppress(BadArgument):
                return cls(known[0], kind, *known[1:])
        raise invalid(name, text, _TEXTS)
