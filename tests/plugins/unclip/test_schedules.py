"""The noise schedule is UnCLIPScheduler's; configurations of other diffusions are refused."""

from __future__ import annotations

import pytest
import torch
from diffusers import UnCLIPScheduler

from limner import ModelError, UsageError
from limner_unclip.schedules import NoiseSchedule


def test_betas_are_those_of_unclip_to_the_bit() -> None:
    assert torch.equal(NoiseSchedule().betas, UnCLIPScheduler().betas)
    assert torch.equal(NoiseSchedule(train_timesteps=100).alphas_cumprod, UnCLIPScheduler(100).alphas_cumprod)


@pytest.mark.parametrize("steps", [2, 3, 7, 25, 64, 333, 1000])
def test_timesteps_are_spread_as_unclip_spreads_them(steps: int) -> None:
    scheduler = UnCLIPScheduler()
    scheduler.set_timesteps(steps)
    assert NoiseSchedule().timesteps(steps) == scheduler.timesteps.tolist()


def test_one_step_is_the_last_timestep_where_unclip_divides_by_zero() -> None:
    with pytest.raises(ZeroDivisionError):
        UnCLIPScheduler().set_timesteps(1)
    assert NoiseSchedule().timesteps(1) == [999]


def test_more_steps_than_were_trained_are_refused() -> None:
    with pytest.raises(UsageError, match="101 steps of a diffusion trained with 100"):
        NoiseSchedule(train_timesteps=100).timesteps(101)


def test_a_configuration_is_read_with_the_defaults_of_unclip() -> None:
    assert NoiseSchedule.from_config({}, where="m") == NoiseSchedule(1000, "epsilon", "fixed_small_log", 1.0)
    config = {"prediction_type": "sample", "variance_type": "learned_range", "clip_sample_range": 5.0}
    assert NoiseSchedule.from_config(config, where="m") == NoiseSchedule(1000, "sample", "learned_range", 5.0)
    assert NoiseSchedule.from_config({"clip_sample": False}, where="m").clip is None


@pytest.mark.parametrize(
    ("key", "value"), [("beta_schedule", "linear"), ("prediction_type", "v_prediction"), ("variance_type", "learned")]
)
def test_another_diffusion_is_refused_by_name(key: str, value: str) -> None:
    with pytest.raises(ModelError, match=f"m/decoder_scheduler: {key} is '{value}'"):
        NoiseSchedule.from_config({key: value}, where="m/decoder_scheduler")
