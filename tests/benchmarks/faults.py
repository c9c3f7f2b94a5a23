"""What long sweeps survive: faults are made, and what was lost is counted.

    python tests/benchmarks/faults.py [--kills 50] [command ...]

For `replica` and `replica-simulate`: kill -9 at random times, SIGTERM, Ctrl-C, a full disk (a
small tmpfs where it can be mounted, else a limit on the size of files), a folder that cannot be
written, from the start or from some moment on, a torn last line, a second writer, a broken
sidecar, and a killed worker, here and on a cluster, and scheduler (with the extra `cluster`). A
line that was once complete on disk must be there ever after, and in the end the table is that of
an uninterrupted run, byte for byte.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from hazards import cluster, obey_permissions

LINES = {
    "replica": ["-m", "replica", "sweep", "--colors=2", "--beta=1.2", "--lam=0.1",
                "--alpha=0.3:9:20000"],
    "replica-simulate": ["-m", "simulations", "--colors=3", "--beta=1.2", "--lam=0.1,1",
                         "--alpha=1,2", "--sites=30", "--seeds=300", "--test-samples=100",
                         "--workers=2"],
}  # fmt: skip

NL = b"\n"

#: Seconds until a kill, long enough for some to come after the first points.
MOMENTS = {"replica": (0.3, 4.0), "replica-simulate": (0.5, 9.0)}


class Faults:
    """One command, its table without a fault, and the faults."""

    def __init__(self, command: str, folder: Path) -> None:
        self.command, self.folder = command, folder
        self.rng = np.random.default_rng(7)
        self.whole = folder / "whole.csv"
        if self.start(self.whole).wait():
            sys.exit("the uninterrupted command failed")

    def start(
        self, out: Path, *more: str, prepare: Callable[[], None] | None = None
    ) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *LINES[self.command], *more, "--out", str(out)],
            stderr=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=prepare,
        )  # fmt: skip

    def finished(self, out: Path) -> str:
        process = self.start(out)
        _, error = process.communicate()
        same = out.read_bytes() == self.whole.read_bytes()
        return f"then status {process.returncode}, table {'the same' if same else 'ANOTHER'}{error}"

    def signalled(self, number: int, times: int) -> str:
        """Send a signal at random times to commands that go on with one table."""
        sent = lost = restarted = grown = 0
        kept, statuses, said = b"", set(), set()
        out = self.folder / f"signal-{number}.csv"
        while sent < times:
            process = self.start(out)
            time.sleep(self.rng.uniform(*MOMENTS[self.command]))
            if process.poll() is None:
                os.kill(process.pid, number)
                sent += 1
            _, error = process.communicate()
            if process.returncode == 0:
                same = out.read_bytes() == self.whole.read_bytes()
                lost += not same
                restarted += 1
                kept = b""
                out.unlink()
                out.with_suffix(".json").unlink()
                continue
            statuses.add(process.returncode)
            said |= set(error.splitlines()[-1:])
            content = out.read_bytes() if out.exists() else b""
            # A kill may come when the finished table stands already, in its own order.
            whole = content == self.whole.read_bytes()
            lost += not (whole or content.startswith(kept[: kept.rfind(b"\n") + 1]))
            grown += len(content) > len(kept)
            kept = content
        told = f"{sent} times, {grown} of them after new lines, status {sorted(statuses)}, "
        told += f"said {sorted(said)[-1:]}"
        left = [path.name for path in self.folder.glob(f".{out.name}*.partial")]
        return f"{told}; finished {restarted} times; lost {lost}; {self.finished(out)}{left or ''}"

    def under_way(
        self, out: Path, *more: str, prepare: Callable[[], None] | None = None
    ) -> subprocess.Popen[str]:
        """Return a command that has written something."""
        process = self.start(out, *more, prepare=prepare)
        while not (out.exists() and out.stat().st_size > 4000):
            time.sleep(0.02)
        return process

    def partial(self, name: str) -> Path:
        """Return the table of a command that was killed when something was written."""
        out = self.folder / f"{name}.csv"
        process = self.under_way(out)
        process.kill()
        process.communicate()
        return out

    def full_disk(self) -> str:
        place = self.folder / "small"
        place.mkdir()
        size = self.whole.stat().st_size // 3
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
        mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
        out = place / "table.csv"

        def limited() -> None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

        try:
            process = self.start(out, prepare=None if mounted else limited)
            _, error = process.communicate()
            kept = out.read_bytes()
            told = f"{'tmpfs' if mounted else 'limit'} of {size}: status {process.returncode}, "
            told += f"{error!r}, {len(kept.splitlines())} lines kept, whole: {kept.endswith(NL)}"
            beside = out.with_suffix(".json").read_text()
        finally:
            if mounted:
                subprocess.run(["umount", str(place)], check=True)
        again = self.folder / "roomier.csv"
        again.write_bytes(kept)
        again.with_suffix(".json").write_text(beside)
        return f"{told}; {self.finished(again)}"

    def read_only(self) -> str:
        place = self.folder / "closed"
        place.mkdir(mode=0o500)
        process = self.start(place / "table.csv", prepare=obey_permissions)
        _, error = process.communicate()
        return f"status {process.returncode}, {error!r}, left there: {os.listdir(place)}"

    def lost_permission(self) -> str:
        place = self.folder / "open"
        place.mkdir()
        out = place / "table.csv"
        process = self.under_way(out, prepare=obey_permissions)
        place.chmod(0o500)
        before = out.read_bytes()
        _, error = process.communicate()
        kept = out.read_bytes()
        place.chmod(0o700)
        told = f"status {process.returncode}, {error!r}, {len(before.splitlines())} lines before, "
        told += f"{len(kept.splitlines())} after, lost: {not kept.startswith(before)}"
        return f"{told}; {self.finished(out)}"

    def torn_line(self) -> str:
        out = self.partial("torn")
        content = out.read_bytes()
        out.write_bytes(content[: content[:-1].rfind(b"\n") + 30])
        return self.finished(out)

    def second_writer(self) -> str:
        out = self.folder / "two.csv"
        first = self.start(out)
        while not (out.exists() and out.stat().st_size):
            time.sleep(0.02)
        second = self.start(out)
        begin = time.monotonic()
        _, error = second.communicate()
        told = f"status {second.returncode} after {time.monotonic() - begin:.1f} s, {error!r}"
        first.communicate()
        same = out.read_bytes() == self.whole.read_bytes()
        return f"{told}; the first ends with {first.returncode}, the same table: {same}"

    def broken_sidecar(self) -> str:
        out = self.partial("broken")
        before, beside = out.read_bytes(), out.with_suffix(".json")
        good, told = beside.read_text(), []
        for text in (good[:-40], good.replace("{", '{"seeds": [9],', 1), "[" * 100_000, ""):
            beside.write_text(text)
            process = self.start(out)
            _, error = process.communicate()
            untouched = out.read_bytes() == before
            told.append((process.returncode, error.count("\n"), untouched, error[-160:]))
        beside.write_text(good)
        return f"{told}; the sidecar mended: {self.finished(out)}"

    def killed_worker(self) -> str:
        out = self.folder / "worker.csv"
        process = self.under_way(out, "--workers=2")
        found = subprocess.run(
            ["pgrep", "-P", str(process.pid), "-f", "spawn_main"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        os.kill(int(found.stdout.split()[0]), signal.SIGKILL)
        return self.ended(process, out)

    def killed_worker_of_a_cluster(self) -> str:
        out = self.folder / "cluster.csv"
        with cluster() as (address, _, workers):
            process = self.under_way(out, f"--scheduler={address}")
            workers[0].kill()
            return self.ended(process, out)

    def killed_scheduler(self) -> str:
        out = self.folder / "scheduler.csv"
        with cluster() as (address, scheduler, _):
            process = self.under_way(out, f"--scheduler={address}")
            before = out.read_bytes()
            scheduler.kill()
            _, error = process.communicate()
            lost = not out.read_bytes().startswith(before)
            told = f"status {process.returncode}, {error!r}, lost: {lost}"
        return f"{told}; here {self.finished(out)}"

    def ended(self, process: subprocess.Popen[str], out: Path) -> str:
        _, error = process.communicate()
        same = out.read_bytes() == self.whole.read_bytes()
        return f"status {process.returncode}, {error!r}, table {'the same' if same else 'ANOTHER'}"


def main() -> None:
    """Make the faults and print what happened."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("commands", nargs="*", default=list(LINES))
    options = parser.parse_args()
    # A shell makes what it starts in the background ignore Ctrl-C, and that is handed down.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for command in options.commands:
        with tempfile.TemporaryDirectory() as folder:
            faults = Faults(command, Path(folder))
            few = max(1, options.kills // 10)
            made = {
                "kill -9": partial(faults.signalled, signal.SIGKILL, options.kills),
                "SIGTERM": partial(faults.signalled, signal.SIGTERM, few),
                "Ctrl-C": partial(faults.signalled, signal.SIGINT, few),
                "full disk": faults.full_disk,
                "read-only folder": faults.read_only,
                "lost permission": faults.lost_permission,
                "torn last line": faults.torn_line,
                "second writer": faults.second_writer,
                "broken sidecar": faults.broken_sidecar,
                "killed worker": faults.killed_worker,
            }
            if find_spec("distributed"):
                made |= {
                    "killed worker of a cluster": faults.killed_worker_of_a_cluster,
                    "killed scheduler": faults.killed_scheduler,
                }
            for name, make in made.items():
                print(json.dumps([command, name, make()]), flush=True)


if __name__ == "__main__":
    main()
