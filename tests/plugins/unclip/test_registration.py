"""The plugin offers its steps without importing a framework."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
import limner_unclip
steps = limner_unclip.register_steps()
print(*(step.type for step in steps))
heavy = {"torch", "diffusers", "transformers"} & set(sys.modules)
assert not heavy, heavy
"""


def test_the_steps_are_registered_without_torch() -> None:
    paths = ":".join(path for path in sys.path if path)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env={"PYTHONPATH": paths}, capture_output=True, text=True, check=True
    )
    priors = ("prior", "ridge_prior", "direct_prior", "no_embedding", "text_embedding")
    tasks = ("image_encoder", "slerp", "text_diff", "invert", "decoder", "upsampler", "composite", "unpad")
    names = ("text", *priors, *tasks)
    assert done.stdout.split() == [f"unclip.{name}" for name in names]
