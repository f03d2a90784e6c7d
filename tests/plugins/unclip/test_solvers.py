"""Each solver walks step for step with its counterpart in diffusers, given the same answers and the same noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, UnCLIPScheduler

from limner import UsageError
from limner_unclip import ancestral, ddim, dpm
from limner_unclip.sampling import Sampler, Trajectory
from limner_unclip.schedules import NoiseSchedule, Plan

SHAPE = (3, 4, 4)
COSINE = "squaredcos_cap_v2"

# diffusers' own way with NumPy 2
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def walk(schedule: NoiseSchedule, plan: Plan, answers: Sequence[torch.Tensor], noise: torch.Tensor) -> list[torch.Tensor]:
    """The sample after every step, from ones, for these answers of a network."""
    sampler = Sampler(schedule, torch.device("cpu"))
    [state] = [Trajectory(plan, torch.ones(SHAPE), noise, torch.tensor(1.0), None)]
    samples = []
    for answer in answers:
        [state] = sampler.step([state], answer)
        samples.append(state.x)
    return samples


def reference(scheduler: Any, answers: Sequence[torch.Tensor], step: Callable[[int, torch.Tensor, torch.Tensor], Any]) -> Any:
    x, samples = torch.ones(1, *SHAPE), []
    for i, answer in enumerate(answers):
        x = step(i, answer, x).prev_sample
        samples.append(x[0])
    return samples


def answers_of(channels: int, steps: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(1, channels, 4, 4, generator=generator) * 0.9 for _ in range(steps)]


def noise_for(steps: int) -> torch.Tensor:
    return torch.randn(steps, *SHAPE, generator=torch.Generator().manual_seed(1))


def assert_same(ours: Sequence[torch.Tensor], theirs: Sequence[torch.Tensor], atol: float) -> None:
    for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        assert torch.allclose(a, b, atol=atol, rtol=0), f"step {i} is off by {(a - b).abs().max()}"


@pytest.mark.parametrize("prediction", ["epsilon", "sample"])
@pytest.mark.parametrize("variance", ["fixed_small_log", "learned_range"])
@pytest.mark.parametrize("steps", [2, 7, 25])
def test_ancestral_is_unclip_to_the_bit(monkeypatch: pytest.MonkeyPatch, prediction: Any, variance: Any, steps: int) -> None:
    schedule = NoiseSchedule(prediction=prediction, variance=variance, clip=1.0)
    answers, noise = answers_of(6 if variance == "learned_range" else 3, steps), noise_for(steps - 1)
    scheduler = UnCLIPScheduler(variance_type=variance, prediction_type=prediction)
    scheduler.set_timesteps(steps)
    drawn = iter(noise)
    monkeypatch.setattr("diffusers.schedulers.scheduling_unclip.randn_tensor", lambda *_, **__: next(drawn)[None])

    def step(i: int, answer: torch.Tensor, x: torch.Tensor) -> Any:
        following = None if i == steps - 1 else scheduler.timesteps[i + 1]
        return scheduler.step(answer, scheduler.timesteps[i], x, prev_timestep=following)

    theirs = reference(scheduler, answers, step)
    ours = walk(schedule, ancestral.plan(schedule, steps), answers, noise)
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_one_ancestral_step_is_the_prediction_itself() -> None:
    schedule = NoiseSchedule(prediction="sample")
    [answer] = answers_of(3, 1)
    [sample] = walk(schedule, ancestral.plan(schedule, 1), [answer], noise_for(0))
    assert torch.allclose(sample, answer[0].clamp(-1, 1), atol=1e-6)


@pytest.mark.parametrize("prediction", ["epsilon", "sample"])
@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
def test_ddim_is_that_of_diffusers(prediction: Any, eta: float) -> None:
    steps = 20
    schedule = NoiseSchedule(prediction=prediction)
    scheduler = DDIMScheduler(beta_schedule=COSINE, prediction_type=prediction, timestep_spacing="leading")
    scheduler.set_timesteps(steps)
    answers, noise = answers_of(3, steps), noise_for(steps)

    def step(i: int, answer: torch.Tensor, x: torch.Tensor) -> Any:
        drawn = noise[i][None] if eta else None
        return scheduler.step(answer, scheduler.timesteps[i], x, eta, use_clipped_model_output=True, variance_noise=drawn)

    theirs = reference(scheduler, answers, step)
    plan = ddim.plan(schedule, scheduler.timesteps.tolist(), eta)
    assert_same(walk(schedule, plan, answers, noise[: plan.draws]), theirs, atol=1e-5)


def test_ddim_without_eta_draws_no_noise() -> None:
    assert ddim.plan(NoiseSchedule(), [999, 500, 0], eta=0.0).draws == 0


@pytest.mark.parametrize("prediction", ["epsilon", "sample"])
@pytest.mark.parametrize("steps", [1, 2, 3, 10, 25])
def test_dpm_is_dpm_solver_multistep(prediction: Any, steps: int) -> None:
    schedule = NoiseSchedule(prediction=prediction)
    scheduler = DPMSolverMultistepScheduler(
        beta_schedule=COSINE, prediction_type=prediction, lambda_min_clipped=-5.1, thresholding=True, sample_max_value=1.0
    )
    scheduler.set_timesteps(steps)
    plan = dpm.plan(schedule, steps)
    assert plan.timesteps.tolist() == scheduler.timesteps.tolist()
    answers = answers_of(3, steps)
    theirs = reference(scheduler, answers, lambda i, answer, x: scheduler.step(answer, scheduler.timesteps[i], x))
    assert_same(walk(schedule, plan, answers, noise_for(0)), theirs, atol=2e-5)


def test_dpm_takes_the_six_channels_of_a_learned_variance() -> None:
    schedule = NoiseSchedule(variance="learned_range")
    scheduler = DPMSolverMultistepScheduler(
        beta_schedule=COSINE, variance_type="learned_range", lambda_min_clipped=-5.1, thresholding=True
    )
    scheduler.set_timesteps(10)
    answers = answers_of(6, 10)
    theirs = reference(scheduler, answers, lambda i, answer, x: scheduler.step(answer, scheduler.timesteps[i], x))
    assert_same(walk(schedule, dpm.plan(schedule, 10), answers, noise_for(0)), theirs, atol=2e-5)


def test_dpm_refuses_more_steps_than_timesteps_with_a_signal() -> None:
    with pytest.raises(UsageError, match="500 steps of dpm\\+\\+"):
        dpm.plan(NoiseSchedule(train_timesteps=300), 500)
