"""The priors without diffusion: what a pipeline may put in the place of `unclip.prior`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from limner import Generation, ModelError
from limner.models import ModelStore
from limner.testing import check_step, load_step, local_models
from limner_unclip.component_files import save_component
from limner_unclip.direct_network import DirectNetwork, DirectSizes
from limner_unclip.direct_prior import DirectPrior
from limner_unclip.ridge_prior import RidgePrior
from limner_unclip.text import Text

SIZES = DirectSizes(dimension=32, text_width=32, context=77, width=16, layers=1, heads=2)


def direct_network() -> DirectNetwork:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = DirectNetwork(SIZES)
    network.std.fill_(2.0)
    return network.eval()


@pytest.fixture(scope="module")
def folder(karlo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with both priors beside its own."""
    folder = tmp_path_factory.mktemp("priors") / "model"
    parts = ("text_encoder", "tokenizer", "model_index.json")
    folder.mkdir()
    for name in parts[:2]:
        shutil.copytree(karlo / name, folder / name)
    index = {**json.loads((karlo / parts[2]).read_text()), "ridge_prior": ["l", "R"], "direct_prior": ["l", "D"]}
    (folder / parts[2]).write_text(json.dumps(index))
    weight = torch.randn(32, 32, generator=torch.Generator().manual_seed(1))
    sizes = {"text_dimension": 32, "image_dimension": 32}
    save_component(folder / "ridge_prior", "RidgePrior", sizes, {"weight": weight, "bias": torch.ones(32)})
    save_component(folder / "direct_prior", "DirectPrior", SIZES.config(), direct_network().state_dict())
    return folder


@pytest.fixture(scope="module")
def store(folder: Path) -> ModelStore:
    return local_models(tiny=folder)


def drawn(store: ModelStore, cls: Any, generation: Generation) -> torch.Tensor:
    [(embedding, _)] = load_step(cls, {"model": "tiny"}, models=store).sample_prior([generation])
    vector: torch.Tensor = embedding.vector
    return vector


@pytest.mark.parametrize("cls", [RidgePrior, DirectPrior])
def test_they_keep_the_rules_of_steps(store: ModelStore, cls: Any) -> None:
    check_step(cls, {"model": "tiny"}, models=store)


@pytest.mark.parametrize("cls", [RidgePrior, DirectPrior])
def test_the_prompt_decides_and_the_seed_does_not(store: ModelStore, generation: Any, cls: Any) -> None:
    vector = drawn(store, cls, generation())
    assert vector.shape == (32,)
    assert torch.equal(drawn(store, cls, generation(seed=5)), vector)
    assert not torch.allclose(drawn(store, cls, generation(prompt="a green star")), vector, atol=1e-3)


def test_the_ridge_prior_is_its_matrix(store: ModelStore, generation: Any, folder: Path) -> None:
    [text] = load_step(Text, {"model": "tiny"}, models=store).encode_text([generation()])
    weight = torch.randn(32, 32, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(drawn(store, RidgePrior, generation()), text.pooled @ weight + 1, atol=1e-5)


def test_the_direct_prior_reads_the_texts_of_a_batch_as_it_does_each_alone(store: ModelStore, generation: Any) -> None:
    step = load_step(DirectPrior, {"model": "tiny"}, models=store)
    generations = [generation(), generation(prompt="a much longer prompt about a green star")]
    together = [embedding.vector for embedding, _ in step.sample_prior(generations)]
    for vector, one in zip(together, generations, strict=True):
        assert torch.allclose(vector, drawn(store, DirectPrior, one), atol=1e-5)


def test_weights_that_are_not_those_of_the_configuration_are_named(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "model"
    shutil.copytree(folder, other)
    config = {"text_dimension": 32, "image_dimension": 16}
    save_component(other / "ridge_prior", "RidgePrior", config, {"weight": torch.zeros(32, 32), "bias": torch.zeros(16)})
    with pytest.raises(ModelError, match=r"weight is \(32, 32\) and its config.json wants \(32, 16\)"):
        load_step(RidgePrior, {"model": "tiny"}, models=local_models(tiny=other))
    (other / "direct_prior" / "config.json").write_text('{"_class_name": "DirectPrior", "width": 16}')
    with pytest.raises(ModelError, match="lacks 'dimension'"):
        load_step(DirectPrior, {"model": "tiny"}, models=local_models(tiny=other))
    (other / "direct_prior" / "config.json").write_text('{"_class_name": "PriorTransformer"}')
    with pytest.raises(ModelError, match="is a PriorTransformer, not a DirectPrior"):
        load_step(DirectPrior, {"model": "tiny"}, models=local_models(tiny=other))


def test_a_model_without_that_prior_says_so(karlo: Path) -> None:
    with pytest.raises(ModelError, match="there is no component 'ridge_prior'"):
        load_step(RidgePrior, {"model": "tiny"}, models=local_models(tiny=karlo))
