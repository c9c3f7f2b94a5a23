"""Compiled code is kept where it can be, made anew where it is damaged, and never mistaken."""

from __future__ import annotations

import os
import pickle
import pkgutil
import resource
import shutil
import subprocess
import sys
import warnings
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import numba
import numpy as np
import pytest
from hazards import OBEDIENT
from numba.core.dispatcher import Dispatcher

import replica
import replica.jit
import simulations.kernels.jit
from replica import PottsTokens, Problem, solve
from replica.errors import UncachedWarning
from replica.jit import _stamps, _tell
from simulations import simulate

PROGRAM = """
{imports}

@jit
def square(x):
    return {square}

@jit
def quartic(x):
    return square(square(x))

@jit
def total(x):
    found = 0.0
    for i in range(len(x)):
        found += x[i]
    return found
"""

ALONE = PROGRAM + "\nprint(quartic(3.0), sum(quartic.stats.cache_hits.values()))\n"


JIT = {replica: replica.jit.jit, simulations: simulations.kernels.jit.jit}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The folder of compiled code."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def closed(tmp_path):
    """A folder that a test may close to those who obey permissions."""
    folder = tmp_path / "closed"
    folder.mkdir()
    yield folder
    for below in (folder, *folder.rglob("*")):
        below.chmod(0o755)


@pytest.fixture
def functions(tmp_path):
    """What makes the functions of a program as a new process has them, none compiled yet."""

    def made(package=replica, square="x * x") -> dict:
        program, source = tmp_path / "program.py", PROGRAM.format(imports="", square=square)
        # Older versions of Numba tell sources apart by the time of their last change.
        if not program.exists() or program.read_text() != source:
            program.write_text(source)
        names = {"__name__": "program", "jit": JIT[package]}
        exec(compile(source, str(program), "exec"), names)
        _tell.cache_clear()
        return names

    return made


def outcome(names) -> list[float]:
    """The value of a function and how often its code was found."""
    return [names["quartic"](3.0), sum(names["quartic"].stats.cache_hits.values())]


@contextmanager
def files_no_larger(size):
    """Let no file grow beyond this size, which ends a write as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(
    ("package", "kind", "damage"),
    [
        (replica, ".nbi", lambda content: b""),
        (replica, ".nbi", lambda content: b"neither a pickle nor of any version\n"),
        (replica, ".nbi", lambda content: pickle.dumps("0.1") + b"as another Numba has it"),
        (replica, ".nbc", lambda content: content[: len(content) // 2]),
        (simulations, ".nbc", lambda content: b""),
    ],
    ids=["index emptied", "index overwritten", "other Numba", "code torn", "code emptied"],
)
def test_damaged_files_are_made_anew(cache, functions, package, kind, damage):
    assert outcome(functions(package)) == [81.0, 0]
    files = list(cache.rglob(f"*{kind}"))
    assert files
    for file in files:
        file.write_bytes(damage(file.read_bytes()))
    assert outcome(functions(package)) == [81.0, 0]
    assert outcome(functions(package)) == [81.0, 1]


def test_code_of_an_older_source_is_not_taken_for_its_own(cache, functions):
    """Numba lists new code under the name of the old before it writes it."""
    assert outcome(functions()) == [81.0, 0]
    sizes = {kind: [p.stat().st_size for p in cache.rglob(f"*{kind}")] for kind in (".nbi", ".nbc")}
    assert max(sizes[".nbi"]) < 4096 < min(sizes[".nbc"])
    names = functions(square="2.0 * x")
    with files_no_larger(4096), pytest.warns(UncachedWarning):
        assert outcome(names) == [12.0, 0]
    assert outcome(functions(square="2.0 * x")) == [12.0, 0]
    assert outcome(functions(square="2.0 * x")) == [12.0, 1]


def test_code_for_other_arguments_is_not_taken_for_its_own(cache, functions):
    """Two processes that compile for different arguments at once may give one name to both."""
    numbers = np.arange(10.0)

    def sums() -> tuple[float, float, int]:
        total = functions()["total"]
        return total(numbers[::2]), total(numbers), sum(total.stats.cache_hits.values())

    assert sums() == (20.0, 45.0, 0)
    one, other = sorted(cache.rglob("*.nbc"))
    code = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(code)
    assert sums()[:2] == (20.0, 45.0)
    sums()
    assert sums() == (20.0, 45.0, 2)


#: A package whose kernels call each other across files: a square, its square, and a user of both.
PARTS = {
    "__init__.py": "",
    "kernels/__init__.py": "",
    "kernels/square.py": "@inlined\ndef square(x):\n    return x * x\n",
    "kernels/quartic.py": "from parts.kernels.square import square\n"
    "@jit\ndef quartic(x):\n    return square(square(x))\n",
    "kernels/cube.py": "@within\ndef cube(x):\n    return x * x * x\n",
    "kernels/ninth.py": "from parts.kernels.cube import cube\n"
    "@jit\ndef ninth(x):\n    return cube(cube(x))\n",
    "kernels/other.py": "@jit\ndef other(x):\n    return x\n",
    "room/__init__.py": "",
    "room/user.py": "from parts.kernels.square import square\n"
    "@jit\ndef user(x):\n    return 1.0 + square(x)\n",
}


@pytest.fixture
def parts(tmp_path, monkeypatch, cache):
    """What gives the values and cache hits of two kernels, as a new process finds them."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def write(name, text):
        file = tmp_path / "parts" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"from replica.jit import inlined, jit, within\n{text}")

    def found(**changes):
        for name, text in changes.items():
            write(f"{name}.py".replace("__", "/"), text)
        for name in [name for name in sys.modules if name.split(".")[0] == "parts"]:
            del sys.modules[name]
        _stamps.cache_clear()
        kernels = [
            getattr(import_module(f"parts.{name}"), name.split(".")[1])
            for name in ("kernels.quartic", "room.user")
        ]
        return [(one(3.0), sum(one.stats.cache_hits.values())) for one in kernels]

    for name, text in PARTS.items():
        write(name, text)
    yield found
    for name in [name for name in sys.modules if name.split(".")[0] == "parts"]:
        del sys.modules[name]


def test_a_kernel_notices_that_another_file_has_changed(parts):
    """Numba alone would go on with the code that it compiled of the old files."""
    assert parts() == [(81.0, 0), (10.0, 0)]
    assert parts() == [(81.0, 1), (10.0, 1)]
    square = PARTS["kernels/square.py"].replace("x * x", "2.0 * x")
    assert parts(kernels__square=square) == [(12.0, 0), (7.0, 0)]
    assert parts(kernels__square=square) == [(12.0, 0), (7.0, 0)]
    assert parts() == [(12.0, 1), (7.0, 1)]


def test_what_is_within_kernels_is_called_by_kernels_alone(parts):
    for _ in ("compiled", "from the disk"):
        parts()
        assert import_module("parts.kernels.ninth").ninth(2.0) == 512.0
        with pytest.raises(TypeError, match="cube is a part of kernels"):
            import_module("parts.kernels.cube").cube(2.0)


def test_only_kernels_are_compiled_anew_for_others(parts):
    parts()
    assert parts(room__user=PARTS["room/user.py"].replace("1.0", "2.0")) == [(81.0, 1), (11.0, 0)]
    # A file that nobody calls yet, and one that is no kernel.
    assert parts(kernels__new="") == [(81.0, 0), (11.0, 0)]
    assert parts(room__new="") == [(81.0, 1), (11.0, 1)]


def test_on_a_full_disk_code_is_compiled_all_the_same(cache, functions):
    for _ in ("nothing is there", "what is there is damaged"):
        names = functions()
        with files_no_larger(0), pytest.warns(UncachedWarning, match="file too large") as told:
            assert outcome(names) == [81.0, 0]
        assert len(told) == 1
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert outcome(functions()) == [81.0, 0]
        for file in cache.rglob("*.nbi"):
            file.write_bytes(b"damaged")


def start(*words, cache, env=None, under=(), cwd=None) -> subprocess.Popen:
    return subprocess.Popen(
        [*under, sys.executable, *map(str, words)],
        env={**os.environ, "NUMBA_CACHE_DIR": str(cache), **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
    )


def homeless(folder, *words) -> tuple[str, str]:
    """What a program prints and tells when it may write neither here nor elsewhere."""
    for below in (*folder.rglob("*"), folder):
        below.chmod(0o555)
    env = {name: str(folder / "home") for name in ("HOME", "XDG_CACHE_HOME")}
    process = start(*words, cache=folder / "cache", env=env, under=OBEDIENT, cwd=folder)
    printed, told = process.communicate(timeout=120)
    assert process.returncode == 0, told
    assert told.count("compiled code cannot be kept (no folder for it can be written)") == 1
    assert told.count("NUMBA_CACHE_DIR") == 1
    return printed, told


@pytest.mark.parametrize(
    "module", ["replica.jit", pytest.param("simulations.kernels.jit", marks=pytest.mark.slow)]
)
def test_without_a_folder_for_it_code_is_compiled_all_the_same(closed, module):
    program = closed / "program.py"
    program.write_text(ALONE.format(imports=f"from {module} import jit", square="x * x"))
    printed, told = homeless(closed, program)
    assert printed.split() == ["81.0", "0"]
    assert "UncachedWarning: " in told


@pytest.mark.slow
def test_a_command_that_cannot_keep_its_code_says_so_in_one_line(closed):
    source = Path(replica.__file__).parent
    shutil.copytree(source, closed / "replica", ignore=shutil.ignore_patterns("__pycache__"))
    options = {"colors": 3, "beta": 1.5, "lam": 0.1, "alpha": 2, "loss": "squared-error"}
    words = [f"--{name}={value}" for name, value in options.items()]
    printed, told = homeless(closed, "-m", "replica", "solve", *words)
    expected = solve(Problem(2.0, 0.1, PottsTokens(3, 1.5), "squared-error")).test_loss
    assert f"test_loss         {expected:.10g}\n" in printed
    assert told.startswith("replica: warning: compiled code ")
    assert told.count("\n") == 1


@pytest.mark.slow
def test_who_compiles_finds_the_digits_of_who_does_not(tmp_path):
    """A weight decay so small that averages rest on sums of large terms that cancel."""
    words = [
        "-m",
        "replica",
        "sweep",
        "--colors",
        "3",
        "--beta",
        "1.5",
        "--lam",
        "9e-4",
        "--alpha",
        "1",
    ]
    printed = [start(*words, cache=tmp_path / "cache").communicate()[0] for _ in range(2)]
    assert "converged" in printed[0]
    assert printed[0] == printed[1]


@pytest.mark.parametrize("package", [replica, simulations])
def test_kernels_call_nothing_that_has_code_of_its_own(package):
    """Which of two versions of its code is run depends on who compiled it."""
    calls = 0
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if module.name.endswith("__main__") or module.name.startswith("simulations.encoder"):
            continue
        names = vars(import_module(module.name))
        kernels = {name: one for name, one in names.items() if isinstance(one, Dispatcher)}
        for kernel in kernels.values():
            for called in set(kernel.py_func.__code__.co_names) & set(kernels):
                how = kernels[called].targetoptions
                assert how.get("forceinline") or how.get("inline") == "always", called
                calls += 1
    assert calls >= 8


@pytest.mark.slow
def test_two_processes_compile_at_once(tmp_path):
    program, cache = tmp_path / "program.py", tmp_path / "cache"
    program.write_text(ALONE.format(imports="from replica.jit import jit", square="x * x"))
    both = [start(program, cache=cache) for _ in range(2)]
    outcomes = [process.communicate(timeout=120) for process in both]
    assert [(printed.split()[0], told) for printed, told in outcomes] == [("81.0", "")] * 2
    assert start(program, cache=cache).communicate(timeout=120) == ("81.0 1\n", "")


UNCOMPILED = """
import warnings
from replica import PottsTokens, Problem, solve
from simulations import simulate

warnings.simplefilter("error")
problem = Problem(2.0, 0.1, PottsTokens(2, 0.5), "squared-error")
print(solve(problem).test_loss, simulate(problem, 4, burn_in=10, test_samples=20)["test_loss"])
"""


def test_uncompiled_code_gives_the_same_numbers(tmp_path):
    program, cache = tmp_path / "program.py", tmp_path / "cache"
    program.write_text(UNCOMPILED)
    process = start(program, cache=cache, env={"NUMBA_DISABLE_JIT": "1"})
    printed, told = process.communicate(timeout=120)
    assert not told
    problem = Problem(2.0, 0.1, PottsTokens(2, 0.5), "squared-error")
    line = simulate(problem, 4, burn_in=10, test_samples=20)
    # Compiled code may fuse a product and a sum, or reorder sums.
    expected = pytest.approx([solve(problem).test_loss, line["test_loss"]], rel=1e-12)
    assert [float(word) for word in printed.split()] == expected
    assert not cache.exists()
