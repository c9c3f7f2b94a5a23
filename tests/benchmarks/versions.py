"""The test suite with other versions of Python and of what the package is built on.

    python tests/benchmarks/versions.py PYTHON[:CONSTRAINTS] ... [-- PYTEST ARGUMENTS]

Each interpreter, by name or path, gets an environment of its own with the newest packages that it
takes, or with those of a file of constraints; one line of a table tells the versions and how the
tests closed. Exit status 1 if any failed.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("numpy", "scipy", "numba", "matplotlib", "pytest")

VERSIONS = """
import sys
from importlib.metadata import version
print(sys.version.split()[0], *map(version, sys.argv[1:]), sep=" | ")
"""


def row(python: str, constraints: str, words: list[str]) -> tuple[str, bool]:
    """Return a line of the table, and whether all tests passed."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        subprocess.run([python, "-m", "venv", place], check=True)
        here, pytest = place / "bin" / "python", place / "bin" / "pytest"
        install = [here, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        limits = ["-c", constraints] if constraints else []
        subprocess.run([*install, *limits, f"{ROOT}[test]"], check=True)
        tests = subprocess.run(
            [pytest, "-q", "-m", "", "-p", "no:cacheprovider", *words],
            cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
        if tests.returncode:
            print(tests.stdout, file=sys.stderr)
        versions = subprocess.run(
            [here, "-c", VERSIONS, *PACKAGES], stdout=subprocess.PIPE, text=True, check=True
        )
    closing = tests.stdout.splitlines()[-1].strip("= ")
    return f"| {versions.stdout.strip()} | {closing} |", tests.returncode == 0


def main() -> None:
    """Print the table."""
    end = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    print("| Python |", " | ".join(PACKAGES), "| |")
    print("|---" * (len(PACKAGES) + 2) + "|")
    passed = True
    for word in sys.argv[1:end]:
        python, _, constraints = word.partition(":")
        line, good = row(python, constraints, sys.argv[end + 1 :])
        print(line, flush=True)
        passed &= good
    sys.exit(not passed)


if __name__ == "__main__":
    main()
