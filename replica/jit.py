"""Compilation of the theory's kernels, and their cache on disk where one can be written."""

from __future__ import annotations

import functools
from collections.abc import Callable, Set
from glob import escape
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

from replica.errors import UncachedWarning, reason
from replica.notices import tell

Function = TypeVar("Function", bound=Callable[..., Any])

Compiled = TypeVar("Compiled", bound=Callable[..., Any])


def jit(function: Function) -> Function:
    """Compile a function of bare numbers and arrays, and keep the result on disk if possible.

    A kernel may call those of other files in folders named `kernels`: all are compiled again
    where one of them has changed. Sums may be reordered; NaN and infinity keep their meaning.
    """
    return _compiled(function)


def inlined(function: Function) -> Function:
    """Compile a function that only kernels call into every one of them.

    Called it would have two versions, rounded differently: its own, which a process that has
    just compiled it uses, and that in the code of its caller, which is what the disk keeps.
    """
    return _compiled(function, forceinline=True)


def within(function: Function) -> Function:
    """Compile as `inlined`, without a way in from Python, which would take time to compile."""
    return _within(_compiled(function, forceinline=True, no_cpython_wrapper=True))


def part(function: Function) -> Function:
    """Make a function part of the one kernel that calls it, in one place.

    As `inlined`, but it is compiled there only, which takes half the time.
    """
    return _compiled(function, inline="always")


def as_written(function: Function) -> Function:
    """Compile as `within`, but keep the order of sums, wherever the function is called."""
    return _within(_compiled(function, {"contract"}, forceinline=True, no_cpython_wrapper=True))


def _within(compiled: Compiled) -> Compiled:
    """Make a function that Python cannot call say so."""
    dispatcher: Any = compiled

    def add(result: Any) -> None:
        dispatcher.overloads[tuple(result.signature.args)] = result

    def refuse(*_: Any, **__: Any) -> None:
        raise TypeError(f"{dispatcher.__name__} is a part of kernels, which alone can call it")

    if hasattr(dispatcher, "overloads"):  # nothing is compiled under NUMBA_DISABLE_JIT
        dispatcher.add_overload, dispatcher._compile_for_args = add, refuse
    return compiled


def _compiled(
    function: Function, freedom: Set[str] = frozenset({"reassoc", "contract"}), **how: Any
) -> Function:
    # Threads of Python go on meanwhile; nobody calls a kernel from C.
    always: Any = {"error_model": "numpy", "nogil": True, "no_cfunc_wrapper": True}
    options = numba.njit(fastmath=set(freedom), **always, **how)
    return keeping(cast(Function, options(function)))


def keeping(compiled: Compiled) -> Compiled:
    """Return the compiled function, made to keep its code on disk where that can be done.

    A cache that cannot be read is emptied, and one that cannot be written is done without: the
    function is compiled again, and only time is lost.

    Warns
    -----
    UncachedWarning
        Once, at the first compilation whose result cannot be kept.
    """
    dispatcher: Any = compiled
    if not hasattr(dispatcher, "enable_caching"):  # nothing is compiled under NUMBA_DISABLE_JIT
        return compiled
    try:
        dispatcher.enable_caching()
    except (RuntimeError, OSError):  # the former where Numba finds no folder
        dispatcher._cache.save_overload = lambda *_: _tell("no folder for it can be written")
        return compiled
    index: Any = dispatcher._cache._cache_file
    index._source_stamp = (index._source_stamp, _stamp(dispatcher.py_func.__code__.co_filename))
    _guard(dispatcher._cache)
    return compiled


def _stamp(source: str) -> tuple[Any, ...]:
    """Return what changes with the kernels that a function in this file may call.

    Numba compares the file of a function with what it was, not those of the functions it calls,
    nor how they are compiled (numba/numba#1833).
    """
    package = Path(source).parent
    while (package.parent / "__init__.py").exists():
        package = package.parent
    return _stamps(package)


@functools.cache
def _stamps(package: Path) -> tuple[Any, ...]:
    kernels = [*package.glob("kernels/*.py"), *package.glob("*/kernels/*.py"), Path(__file__)]
    found = [(str(file), file.stat()) for file in sorted(kernels)]
    return tuple((name, status.st_mtime_ns, status.st_size) for name, status in found)


def _guard(cache: Any) -> None:
    load, save = cache.load_overload, cache.save_overload

    def load_or_forget(signature: Any, target: Any) -> Any:
        # A loss of power may leave a file empty or torn, and Numba lets through whatever error
        # unpickling it ends in.
        try:
            found = load(signature, target)
            if found is None or found.signature.args == tuple(signature):
                return found
            # Two processes that compiled for different types at once gave one name to both.
        except Exception:
            pass
        try:
            cache.flush()
        except OSError as error:
            _give_up(cache, error)
        return None

    def save_or_give_up(signature: Any, result: Any) -> None:
        try:
            _remove_outdated(cache)
            save(signature, result)
        except OSError as error:
            _give_up(cache, error)

    cache.load_overload, cache.save_overload = load_or_forget, save_or_give_up


def _remove_outdated(cache: Any) -> None:
    """Remove the code that no index of this source and this version of Numba lists.

    Numba gives its names to new code and writes the index first: where a full disk or a kill
    kept the code from following, the old code would be taken for the new.
    """
    files: Any = cache._cache_file
    if not files._load_index():
        for left in Path(cache.cache_path).glob(f"{escape(cache._impl.filename_base)}.*.nbc"):
            left.unlink(missing_ok=True)


def _give_up(cache: Any, error: OSError) -> None:
    cache.disable()
    cache.save_overload = lambda *_: None
    _tell(reason(error))


@functools.cache
def _tell(why: str) -> None:
    tell(
        f"compiled code cannot be kept ({why}) and is compiled again every time; "
        "NUMBA_CACHE_DIR names a folder for it",
        UncachedWarning,
    )
