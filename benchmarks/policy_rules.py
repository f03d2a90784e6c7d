"""How long a bundle of rules takes to be judged: all that happens between a measurement and its decision, nothing measured.

    python benchmarks/policy_rules.py --rules 100

Half of the rules are on the prompt, half on the image; a third ask for several signals, a quarter have a `when`. The bar: 100
rules in 2 ms.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from limner.bound import BoundStep
from limner.generation import Caller, Generation, Request, Signal
from limner.hookspecs import STAGES
from limner.policy import BoundPolicy, bind, load_policies
from limner.step import Options, Range, Step


def bundle(rules: int) -> str:
    """A policy file of so many rules."""
    lines = ["policy: bundle", "requires: [filter_prompt, classify_image]", "rules:"]
    for number in range(rules):
        gate = ("prompt", "image")[number % 2]
        signal = f"{{signal: {gate}.s{number // 2}, at_least: 0.9}}"
        condition = signal.strip("{}") if number % 3 else f"all: [{signal}, {{signal: prompt.s0, at: prompt, at_least: 0.2}}]"
        when = f', when: "caller.cohort != \\"c{number}\\" && request.n <= 10"' if number % 4 == 0 else ""
        lines.append(f"  - {{id: r{number}, at: {gate}, {condition}{when}, then: block, category: violence}}")
    return "\n".join(lines)


def step(stage: str, gate: str, signals: int) -> BoundStep:
    """A step of a stage that measures so many signals."""
    kind = STAGES[stage]
    emits = {f"{gate}.s{number}": Range() for number in range(signals)} if kind.gate else {}
    return BoundStep(stage, stage, Step, kind, Options(), {}, 0, kind.needs, kind.writes, emits)


def judge(bound: BoundPolicy, request: Request, generations: list[Generation]) -> float:
    """Processor seconds for all decisions on one image's way, given the generation after each step."""
    started = time.thread_time()
    decisions = [d for index, generation in enumerate(generations) for d in bound.judge(index, generation, request)]
    seconds = time.thread_time() - started
    assert [decision.action for decision in decisions] == ["allow", "allow"]
    return seconds


def main() -> None:
    """Print the median and the 95th percentile."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rules", type=int, default=100)
    parser.add_argument("--times", type=int, default=500)
    asked = parser.parse_args()
    half = (asked.rules + 1) // 2
    steps = [step("filter_prompt", "prompt", half), step("decode", "", 0), step("classify_image", "image", half)]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "bundle.yaml").write_text(bundle(asked.rules))
        policy = load_policies([Path(folder)])["bundle"]
    bound = bind(policy, steps, pipeline="p", file="pipelines.yaml")
    request = Request("r", "generate", "p", "a field", Caller("local:ann", "local"))
    generation = Generation("r", 0, 0, "a field")
    generations = []
    for each in steps:
        if each.stage.gate is not None:
            generation = generation.with_signals(each.stage.gate, tuple(Signal(name, 0.5) for name in each.emits))
        generations.append(generation)
    judge(bound, request, generations)
    took = sorted(judge(bound, request, generations) * 1000 for _ in range(asked.times))
    p95 = took[int(0.95 * len(took))]
    print(f"{asked.rules} rules, processor time: median {statistics.median(took):.2f} ms, p95 {p95:.2f} ms")


if __name__ == "__main__":
    main()
