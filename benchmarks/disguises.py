"""How many disguised words the word filter finds, how many innocent prompts it stops, and how long it takes, beside two peers.

    python benchmarks/disguises.py [--development]

The cases are made from stand-in words (`tests/disguise_cases_held_out.py`, with --development `tests/disguise_cases.py`). The
terms are the stand-ins among 2,000; better-profanity, which lays out every variant of every term in memory, gets the stand-ins
alone.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import quantiles

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from disguise_cases import DEVELOPMENT, CaseSet
from disguise_cases_held_out import HELD_OUT

from limner_terms.lists import TermList
from limner_terms.matching import Matcher

Filter = Callable[[str], bool]  # whether it stops a prompt
PADDING = "a quiet street with tall houses, late sun on the windows, people walking home, in the manner of an old print, "
LONG = 300  # characters


def ours(terms: Sequence[str]) -> Filter:
    matcher = Matcher([TermList(category="stand-in", endings=("", "s"), terms=tuple(terms))])
    return lambda prompt: next(matcher.matches(prompt), None) is not None


def plain(terms: Sequence[str]) -> Filter:
    wanted = re.compile(rf"\b(?:{'|'.join(map(re.escape, terms))})s?\b")
    return lambda prompt: wanted.search(unicodedata.normalize("NFKC", prompt).casefold()) is not None


def better_profanity(terms: Sequence[str]) -> Filter:
    from better_profanity import Profanity

    profanity = Profanity()
    profanity.load_censor_words([*terms, *(f"{term}s" for term in terms)])
    return lambda prompt: bool(profanity.contains_profanity(prompt))


def found(stops: Filter, cases: CaseSet) -> dict[str, float]:
    """The share of disguised prompts stopped, by family."""
    stopped: defaultdict[str, list[bool]] = defaultdict(list)
    for family, _, prompt in cases.disguised():
        stopped[family].append(stops(prompt))
    return {family: sum(each) / len(each) for family, each in stopped.items()}


def recall(stops: Filter, cases: CaseSet) -> float:
    """The share of all disguised prompts stopped."""
    each = [stops(prompt) for _, _, prompt in cases.disguised()]
    return sum(each) / len(each)


def false_blocks(stops: Filter, cases: CaseSet) -> list[str]:
    """The innocent prompts stopped."""
    return [prompt for _, prompt in cases.innocent() if stops(prompt)]


def milliseconds(stops: Filter, prompts: Iterable[str]) -> list[float]:
    """How long each prompt takes, in time of this thread's own: what else the machine does is not the filter's doing."""
    taken = []
    for prompt in prompts:
        start = time.thread_time()
        stops(prompt)
        taken.append((time.thread_time() - start) * 1e3)
    return taken


def long_prompts(cases: CaseSet) -> list[str]:
    """The set's prompts, disguised and innocent, each made 300 characters long."""
    texts = [prompt for _, _, prompt in cases.disguised(per_word=1)] + [prompt for _, prompt in cases.innocent()]
    return [(text + ", " + PADDING * 3)[: max(LONG, len(text))] for text in texts]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--development", action="store_true", help="the cases that the filter was tuned on")
    parser.add_argument("--misses", action="store_true", help="print what was missed and what was stopped wrongly")
    given = parser.parse_args()
    cases = DEVELOPMENT if given.development else HELD_OUT
    terms = cases.terms()
    filters = {
        "limner_terms": ours(terms),
        "better-profanity": better_profanity(cases.words),
        "NFKC + regex": plain(terms),
    }
    shares = {name: found(stops, cases) for name, stops in filters.items()}
    table(cases, filters, shares)
    if given.misses:
        print("\nmissed:", *(p for _, _, p in cases.disguised() if not filters["limner_terms"](p)), sep="\n  ")
        print("\nstopped:", *false_blocks(filters["limner_terms"], cases), sep="\n  ")


def table(cases: CaseSet, filters: dict[str, Filter], shares: dict[str, dict[str, float]]) -> None:
    rows = [(family, [f"{shares[name][family]:.0%}" for name in filters]) for family in cases.families]
    rows.append(("all", [f"{recall(stops, cases):.1%}" for stops in filters.values()]))
    rows.append(("worst family", [f"{min(shares[name].values()):.0%}" for name in filters]))
    count = sum(1 for _ in cases.innocent())
    rows.append((f"false blocks, of {count}", [f"{len(false_blocks(s, cases)) / count:.1%}" for s in filters.values()]))
    prompts = long_prompts(cases)
    times = [milliseconds(stops, prompts) for stops in filters.values()]
    rows.append(("p50 at 300 characters", [f"{quantiles(each, n=20)[9]:.2f} ms" for each in times]))
    rows.append(("p95 at 300 characters", [f"{quantiles(each, n=20)[18]:.2f} ms" for each in times]))
    print(f"| {cases.name} | {' | '.join(filters)} |\n|---|{'---|' * len(filters)}")
    for name, values in rows:
        print(f"| {name} | {' | '.join(values)} |")


if __name__ == "__main__":
    main()
