"""Linear algebra whose last digits do not depend on how many threads there are."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from threadpoolctl import threadpool_limits

Function = TypeVar("Function", bound=Callable[..., Any])


def one_thread(function: Function) -> Function:
    """Return a function that lets BLAS and LAPACK use one thread while it runs.

    With more of them sums are split elsewhere, and tables would depend on whether they were made
    in this process or in workers, which have one each.
    """

    @wraps(function)
    def limited(*args: Any, **kwargs: Any) -> Any:
        # Anew every time: libraries may have been loaded since.
        with threadpool_limits(limits=1, user_api="blas"):
            return function(*args, **kwargs)

    return cast(Function, limited)
