"""For the tests of plugins: run a step by itself, and check that it keeps every rule the engine holds it to.

from limner.testing import check_step, run_step

def test_it_shouts():
    assert run_step(Shout, prompt="a red circle") == "A RED CIRCLE"

def test_it_is_a_step_like_any_other():
    check_step(Shout)
"""

from limner.models import local_models
from limner.testing.conformance import NotConforming, check_step
from limner.testing.running import SampleKeys, load_step, run_step
from limner.testing.samples import sample_generation

__all__ = ["NotConforming", "SampleKeys", "check_step", "load_step", "local_models", "run_step", "sample_generation"]
