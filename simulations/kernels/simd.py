"""Sums of rows in whole vector registers, for loops that Numba alone would not make fast.

In a loop over a few dozen numbers Numba spends as much time on finding out whether the arrays
overlap as on the sum. Here they are known not to.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic

#: Bytes of the widest vector register. Lengths of rows are multiples of it.
BYTES = 64


def _summing(signature: Any) -> Any:
    """Return the generator of code for target[place + k] += Σ rows[source + k], k < length."""
    item = signature.args[0].dtype
    lanes = BYTES * 8 // item.bitwidth
    sources = slice(3, len(signature.args) - 1)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vector = ir.VectorType(context.get_value_type(item), lanes)
        target, rows = (
            context.make_array(signature.args[k])(context, builder, arguments[k]).data
            for k in (0, 2)
        )
        length, step = arguments[-1], ir.Constant(arguments[-1].type, lanes)

        def pointer(base: Any, offset: Any, shift: Any) -> Any:
            place = builder.gep(base, [builder.add(offset, shift)])
            return builder.bitcast(place, vector.as_pointer())

        def load(place: Any) -> Any:
            value = builder.load(place)
            value.align = item.bitwidth // 8
            return value

        with cgutils.for_range_slice(
            builder, ir.Constant(length.type, 0), length, step, length.type
        ) as (shift, _):
            terms = [load(pointer(rows, source, shift)) for source in arguments[sources]]
            while len(terms) > 1:
                terms = [builder.fadd(*terms[k : k + 2]) for k in range(0, len(terms), 2)]
            place = pointer(target, arguments[1], shift)
            store = builder.store(builder.fadd(load(place), terms[0]), place)
            store.align = item.bitwidth // 8
        return context.get_dummy_value()

    return generate


def _typed_one(typing: Any, target: Any, place: Any, rows: Any, p0: Any, length: Any) -> Any:
    signature = types.void(target, types.int64, rows, types.int64, types.int64)
    return signature, _summing(signature)


def _typed_four(
    typing: Any, target: Any, place: Any, rows: Any,
    p0: Any, p1: Any, p2: Any, p3: Any, length: Any,
) -> Any:  # fmt: skip
    signature = types.void(target, types.int64, rows, *(types.int64,) * 5)
    return signature, _summing(signature)


def _plain(target: Any, place: int, rows: Any, *sources_and_length: int) -> None:
    *sources, length = sources_and_length
    terms = [rows[source : source + length] for source in sources]
    while len(terms) > 1:
        terms = [terms[k] + terms[k + 1] for k in range(0, len(terms), 2)]
    target[place : place + length] += terms[0]


# NUMBA_DISABLE_JIT is set by those who look for a fault, and knows no intrinsics.
_disabled = getattr(config, "DISABLE_JIT", 0)

#: add_one(target, place, rows, source, length) adds one row to target[place : place + length].
add_one: Any = _plain if _disabled else intrinsic(_typed_one)

#: add_four(target, place, rows, p0, p1, p2, p3, length) adds four, as (0 + 1) + (2 + 3).
add_four: Any = _plain if _disabled else intrinsic(_typed_four)
