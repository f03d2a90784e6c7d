"""A cold `limner generate` beside a bare script with the peer: a new process each time. Asked for: no slower than plus 1 s.

Ours does more: it checks pipelines and policies, opens the record, judges, marks and stores.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from pairs import interleave

from limner.project import create_project

PROMPT = "a red circle above a blue square"
BARE = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import peer
peer.draw(peer.load(), {PROMPT!r}, 7, prior_guidance=2.0, decoder_guidance=2.0).save(sys.argv[1])
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=15)
    pairs = parser.parse_args().pairs
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        create_project(folder)

        def ours() -> None:
            words = ["-m", "limner", "generate", PROMPT, "--seed", "7", "-o", "ours.png", "--json"]
            subprocess.run([sys.executable, *words], cwd=folder, check=True, capture_output=True)

        def theirs() -> None:
            subprocess.run([sys.executable, "-c", BARE, "theirs.png"], cwd=folder, check=True, capture_output=True)

        ours()
        theirs()
        taken = interleave(ours, theirs, pairs)
    print(taken.line("cold limner generate beside the peer's script"))
    print(f"difference {taken.difference:+.3f} s: {'met' if taken.difference <= 1 else 'missed'} (at most +1 s)")


if __name__ == "__main__":
    main()
