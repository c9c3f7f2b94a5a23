"""What is shipped: all that runs, in both kinds of distribution, and no part of the tests."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: What belongs to the sources, and what may lie about beside it and in it.
TOP = (
    "replica", "simulations", "figures", "tests", ".ci", ".gitignore", "CHANGELOG.md",
    "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "README.md", "pyproject.toml",
)  # fmt: skip
LEFT = shutil.ignore_patterns("__pycache__", "*.pyc", ".hypothesis", ".*_cache")

BUILD = "import setuptools.build_meta as backend, sys; print(backend.build_{}(sys.argv[1]))"


def build(kind: str, source: Path, folder: Path) -> Path:
    """Build a distribution as pip does, but with what is installed here."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", BUILD.format(kind), str(folder)],
        cwd=source, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / done.stdout.split()[-1]


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    """The sources as they are shipped, and what they were made of."""
    place = tmp_path_factory.mktemp("distributions")
    source, there = place / "source", place / "there"
    source.mkdir()
    for name in TOP:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=LEFT)
        else:
            shutil.copy(ROOT / name, source / name)
    made_of = files(source)
    with tarfile.open(build("sdist", source, place)) as archive:
        archive.extractall(there, filter="data")
    (root,) = there.iterdir()
    return root, made_of


def test_the_citation_is_of_this_version_and_of_the_paper_of_the_readme():
    told = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (version,) = re.findall(r'^version = "(.*)"$', project, re.MULTILINE)
    assert f"version: {version}" in told.splitlines()
    (doi,) = re.findall(r"doi: (\S+)", told)
    assert doi in (ROOT / "README.md").read_text(encoding="utf-8")


def runs(made_of):
    """What belongs to the packages when they are installed, where no site is built."""
    packages = ("replica/", "simulations/", "figures/")
    endings = (".py", ".pyi", ".md", ".mplstyle", "/py.typed")
    packed = {name for name in made_of if name.startswith(packages) and name.endswith(endings)}
    return {name for name in packed if not name.startswith("figures/site/")}


def test_the_sources_are_all_that_runs_and_no_test(unpacked):
    """The tool adds files called tests/test*.py by itself, a few of all: there are none."""
    root, made_of = unpacked
    shipped = {name for name in files(root) if ".egg-info/" not in name}
    beside = {"PKG-INFO", "setup.cfg", "LICENSE", "README.md", "pyproject.toml"}
    assert shipped == runs(made_of) | beside
    assert sum(name.startswith("tests/") for name in made_of) > 80


def test_a_wheel_holds_what_runs(unpacked, tmp_path):
    root, made_of = unpacked
    with zipfile.ZipFile(build("wheel", root, tmp_path)) as wheel:
        held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert held == runs(made_of)
    for name in ("replica/py.typed", "figures/journal.mplstyle", "replica/THEORY.md"):
        assert name in held


@pytest.fixture(scope="module")
def installed(unpacked, tmp_path_factory):
    """A folder with what a wheel installs, and what the wheel tells of itself."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(build("wheel", unpacked[0], folder)) as wheel:
        wheel.extractall(folder / "here")
    (told,) = (folder / "here").glob("*.dist-info")
    return folder / "here", told


def test_a_wheel_tells_what_the_project_says_of_itself(installed):
    _, told = installed
    metadata = message_from_string((told / "METADATA").read_text(encoding="utf-8"))
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (extras,) = re.findall(r"^\[project.optional-dependencies\]\n(.*?)^\[", project, re.M | re.S)
    assert metadata["Version"] == re.search(r'^version = "(.*)"$', project, re.M).group(1)
    names = re.findall(r"^(\w+) =", extras, re.M)
    assert sorted(metadata.get_all("Provides-Extra")) == sorted(names)
    assert metadata["License-Expression"] == "BSD-3-Clause"
    assert any("arxiv.org/abs/2304.07235" in url for url in metadata.get_all("Project-URL"))
    # The description is the README, whose pictures have words for where they are not shown.
    assert metadata.get_payload().strip() == (ROOT / "README.md").read_text("utf-8").strip()
    assert re.findall(r"!\[\]\(", metadata.get_payload()) == []
    commands = (told / "entry_points.txt").read_text(encoding="utf-8").splitlines()
    assert {line.split(" = ")[0] for line in commands[1:]} == {
        "replica", "replica-simulate", "replica-figures",
    }  # fmt: skip


def test_the_workflow_tries_the_pythons_that_are_promised(installed):
    _, told = installed
    metadata = message_from_string((told / "METADATA").read_text(encoding="utf-8"))
    workflow = (ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8")
    tried = re.findall(r'"(3\.\d+)"', re.search(r"python: \[(.*)\]", workflow).group(1))
    promised = re.findall(r"Python :: (3\.\d+)$", "\n".join(metadata.get_all("Classifier")), re.M)
    assert len(tried) == 3
    assert tried == promised
    assert metadata["Requires-Python"] == f">={tried[0]}"
    assert "bash .ci/run" in workflow


def test_what_a_wheel_installs_runs_on_its_own(installed, tmp_path):
    here, told = installed
    code = "import replica, simulations, figures; print(replica.__version__, replica.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(here)}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    version, place = done.stdout.split()
    assert told.name == f"replica_attention-{version}.dist-info"
    assert Path(place) == here / "replica" / "__init__.py"
