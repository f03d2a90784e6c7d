"""A cold `limner generate` beside a bare script with the peer: a new process each time. Asked for: no slower than plus 1 s.

Both take the same weights, steps and guidance from text to a PNG file. Ours is the shipped pipeline as it stands, so it does
more: it draws four embeddings in the prior and takes the best, where the peer draws one, and it checks pipelines and policies,
opens the record, judges, marks, signs, stores and reads back. Processor time is told beside wall time: it is what counts where
other work shares the machine.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pairs import interleave
from shipped import DECODER_GUIDANCE, PRIOR_GUIDANCE

from limner.project import create_project

PROMPT = "a red circle above a blue square"
BARE = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import peer
peer.draw(peer.load(), {PROMPT!r}, 7, prior_guidance={PRIOR_GUIDANCE}, decoder_guidance={DECODER_GUIDANCE}).save(sys.argv[1])
"""


class Command:
    """A Python process in a folder, run anew at each call."""

    def __init__(self, folder: Path, words: Sequence[str]) -> None:
        self._folder, self._words = folder, words
        self._taken: list[float] = []

    def __call__(self) -> None:
        before = _processor_time()
        subprocess.run([sys.executable, *self._words], cwd=self._folder, check=True, capture_output=True)
        self._taken.append(_processor_time() - before)

    @property
    def processor_time(self) -> float:
        """The median over its runs but the first, which warms the disk's cache, in seconds."""
        return statistics.median(self._taken[1:])


def _processor_time() -> float:
    """Seconds that all processes begun here and ended have taken on all cores."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=15)
    pairs = parser.parse_args().pairs
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        create_project(folder)

        ours = Command(folder, ["-m", "limner", "generate", PROMPT, "--seed", "7", "-o", "ours.png", "--json"])
        theirs = Command(folder, ["-c", BARE, "theirs.png"])
        ours()
        theirs()
        taken = interleave(ours, theirs, pairs)
    print(taken.line("cold limner generate beside the peer's script"))
    print(f"processor time: ours {ours.processor_time:.2f} s, theirs {theirs.processor_time:.2f} s (medians)")
    print(f"difference {taken.difference:+.3f} s: {'met' if taken.difference <= 1 else 'missed'} (at most +1 s)")


if __name__ == "__main__":
    main()
