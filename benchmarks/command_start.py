"""How long `limner --help` takes beside a bare interpreter. Asked for: under twice the bare time plus 0.25 s."""

from __future__ import annotations

import statistics
import subprocess
import sys

from pairs import interleave


def main(pairs: int = 21) -> None:
    def run(*words: str) -> None:
        subprocess.run([sys.executable, *words], capture_output=True, check=True)

    run("-m", "limner", "--help")
    taken = interleave(lambda: run("-m", "limner", "--help"), lambda: run("-c", "pass"), pairs)
    print(taken.line("limner --help beside python -c pass"))
    allowed = 2 * statistics.median(taken.theirs) + 0.25
    print(f"allowed {allowed:.3f} s: {'met' if statistics.median(taken.ours) < allowed else 'missed'}")


if __name__ == "__main__":
    main()
