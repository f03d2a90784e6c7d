"""Samples that differ in timestep, solver and guidance share a call of the network; a step waits for no device."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from limner import Generation, UsageError
from limner_unclip.decoder import Decoder
from limner_unclip.denoising import DenoisingStep
from limner_unclip.prior import Prior
from limner_unclip.sampling import Sampler
from limner_unclip.schedules import NoiseSchedule
from limner_unclip.upsampler import Upsampler

# The random decoder answers with noise of size 1 times the guidance, so agreement is to float32's rounding of that.
ATOL = 5e-5


def image_of(seed: int) -> Any:
    from limner import Image

    return Image(torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(seed)) * 2 - 1)


def advanced(step: DenoisingStep, generation: Generation, times: int) -> Any:
    state = step.begin(generation)
    for _ in range(times):
        [state] = step.advance([state])
    return state


@pytest.mark.parametrize("cls", [Prior, Decoder])
@pytest.mark.parametrize("exact", [True, False])
def test_states_at_different_timesteps_share_an_advance(cls: Any, exact: bool, load: Any, embedded: Any) -> None:
    solvers: list[dict[str, Any]] = [
        {"steps": 6, "guidance": 3.0},
        {"steps": 9, "guidance": 5.0, "scheduler": "dpm++"},
        {"steps": 4, "guidance": 1.5, "scheduler": "ddim", "eta": 0.5},
    ]
    step = load(cls, exact=exact)
    prompts = ["a red circle", "a somewhat longer prompt than that", ""]
    states = [
        advanced(step, embedded(seed, prompt=prompt, overrides=options), times=seed)
        for seed, (options, prompt) in enumerate(zip(solvers, prompts, strict=True))
    ]
    alone = [step.advance([state])[0] for state in states]
    together = step.advance(states)
    assert [state.i for state in together] == [1, 2, 3]
    for one, other in zip(together, alone, strict=True):
        assert torch.allclose(one.x, other.x, atol=ATOL, rtol=1e-5)


def test_so_do_the_upsamplers_while_one_network_serves_them(load: Any, generation: Any) -> None:
    step = load(Upsampler, steps=4)
    states = [advanced(step, generation(seed).with_image(image_of(seed)), times=seed) for seed in (0, 2)]
    last = advanced(step, generation(3).with_image(image_of(3)), times=3)
    assert step.group_key(states[0]) == step.group_key(states[1]) != step.group_key(last)
    alone = [step.advance([state])[0] for state in states]
    for one, other in zip(step.advance(states), alone, strict=True):
        assert torch.allclose(one.x, other.x, atol=ATOL, rtol=1e-5)


def test_guided_and_unguided_samples_do_not_mix(load: Any, embedded: Any) -> None:
    step = load(Decoder)
    guided, unguided = (step.begin(embedded(overrides={"guidance": scale})) for scale in (2.0, 1.0))
    assert step.group_key(guided) != step.group_key(unguided)


class NoWaiting(TorchDispatchMode):
    """Refuses every operation by which a program reads a value off a device, or moves one there."""

    WAITS = ("_local_scalar_dense", "item", "nonzero", "is_nonzero", "equal", "masked_select", "unique")

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = str(func).split(".")[1]
        assert name not in self.WAITS, f"{func} waits for the device"
        assert "device" not in (kwargs or {}) or name != "_to_copy", f"{func} moves data"
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("solver", [{}, {"scheduler": "ddim", "eta": 0.5}, {"scheduler": "dpm++"}])
def test_an_advance_reads_nothing_off_the_device(solver: dict[str, Any], exact: bool, load: Any, embedded: Any) -> None:
    for cls in (Prior, Decoder, Upsampler):
        step = load(cls, steps=5, exact=exact, **solver)
        states = [advanced(step, embedded(seed).with_image(image_of(seed)), times=seed) for seed in (0, 1)]
        with NoWaiting():
            step.advance(states)


def test_all_noise_of_a_sample_is_drawn_at_its_beginning_in_the_order_of_its_steps() -> None:
    sampler = Sampler(NoiseSchedule(), torch.device("cpu"))
    state = sampler.begin(sampler.plan("ancestral", 4, 0.0), (3, 5, 5), torch.Generator().manual_seed(2), None)
    generator = torch.Generator().manual_seed(2)
    assert torch.equal(state.x, torch.randn(3, 5, 5, generator=generator))
    assert state.noise.shape == (3, 3, 5, 5)
    assert all(torch.equal(noise, torch.randn(3, 5, 5, generator=generator)) for noise in state.noise)


def test_a_plan_is_computed_once() -> None:
    sampler = Sampler(NoiseSchedule(), torch.device("cpu"))
    assert sampler.plan("ddim", 10, 0.5) is sampler.plan("ddim", 10, 0.5)


def test_a_step_of_more_steps_than_trained_says_so(load: Any, models: Any, changed: Any, embedded: Any) -> None:
    short = changed(models, decoder_scheduler={"num_train_timesteps": 20})
    with pytest.raises(UsageError, match="25 steps of a diffusion trained with 20"):
        load(Decoder, models=short).begin(embedded())
