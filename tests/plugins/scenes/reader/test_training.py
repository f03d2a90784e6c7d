"""Training lowers the loss, goes on from a checkpoint, and writes weights that read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from limner_scenes.reader import training
from limner_scenes.reader.network import SIDE, ReaderNetwork, Vocabulary, load, save
from limner_scenes.reader.reading import Reader, network_input
from limner_scenes.reader.samples import Sample, Shown
from limner_scenes.reader.targets import loss, targets
from limner_scenes.worlds import SMALL

WORDS = Vocabulary(SMALL.kinds, SMALL.colours, SMALL.styles, SMALL.settings)
WIDTHS = (8, 8, 8, 8)
SAMPLE = Sample(np.zeros((SIDE, SIDE, 3), np.uint8), (Shown("cat", "red", 0.3, 0.6, 0.12),), "flat", "white")


def network() -> ReaderNetwork:
    torch.manual_seed(0)
    return ReaderNetwork(WORDS, WIDTHS)


def test_a_perfect_answer_costs_nothing_and_each_wrong_part_something() -> None:
    wanted = targets([SAMPLE], WORDS)
    seen = network()(network_input([SAMPLE.picture]))
    picture, slot, row, column = wanted.cells.T
    there, kind, colour = torch.full_like(seen.there, -20), torch.zeros_like(seen.kind), torch.zeros_like(seen.colour)
    there[wanted.there > 0.999] = 20
    kind[picture, wanted.kind, slot, row, column] = colour[picture, wanted.colour, slot, row, column] = 40.0
    place, scale = seen.place.detach().clone(), seen.scale.detach().clone()
    place[picture, :, slot, row, column], scale[picture, slot, row, column] = wanted.place, wanted.scale
    style, setting = (torch.nn.functional.one_hot(each, n) * 40.0 for each, n in ((wanted.style, 3), (wanted.setting, 6)))
    perfect = seen._replace(there=there, kind=kind, colour=colour, place=place, scale=scale, style=style, setting=setting)
    assert loss(perfect, wanted).item() == pytest.approx(0, abs=1e-4)
    for part in ("there", "kind", "colour", "place", "scale", "style", "setting"):
        assert loss(perfect._replace(**{part: getattr(seen, part)}), wanted).item() > 0.01, part


def test_a_centre_is_wanted_in_its_cell_and_slot_and_its_names_around_it() -> None:
    wanted = targets([SAMPLE], WORDS)
    assert (wanted.there == 1).nonzero().tolist() == [[0, 0, 9, 4]]
    assert len(wanted.cells) == 4
    assert set(wanted.kind.tolist()) == {SMALL.kinds.index("cat")}
    large = SAMPLE._replace(things=(SAMPLE.things[0]._replace(scale=0.35, kind=None),))
    assert (targets([large], WORDS).there == 1).nonzero().tolist() == [[0, 1, 9, 4]]
    assert set(targets([large], WORDS).kind.tolist()) == {len(SMALL.kinds)}


def test_a_style_that_few_pixels_do_not_show_is_not_asked_for() -> None:
    assert targets([SAMPLE], WORDS).style.tolist() == [0]
    assert targets([SAMPLE], WORDS, few_pixels=True).style.tolist() == [-1]


def test_steps_lower_the_loss() -> None:
    rng = np.random.default_rng(0)
    run = training.Run(1.0, network(), spent=0.3)
    losses = [run.step([SAMPLE] * 4, rng) for _ in range(12)]
    assert np.mean(losses[-3:]) < 0.8 * np.mean(losses[:3])


def test_a_run_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    run, again = training.Run(60, network()), training.Run(60, network())
    run.step([SAMPLE], rng)
    run.spent = 7.0
    run.save(tmp_path / "reader.pt")
    again.resume(tmp_path / "reader.pt")
    assert (again.steps, again.spent) == (1, 7.0)
    for ours, theirs in zip(again.averaged.state_dict().values(), run.averaged.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs)
    one, other = (each.step([SAMPLE], np.random.default_rng(1)) for each in (run, again))
    assert one == pytest.approx(other, rel=1e-4)


def test_weights_are_written_in_half_precision_with_their_words_and_read_again(tmp_path: Path) -> None:
    written = network().eval()
    save(written, tmp_path / "weights.safetensors", {"steps": "1"})
    read = load(tmp_path / "weights.safetensors", WIDTHS)
    assert read.vocabulary == WORDS
    pictures = network_input([SAMPLE.picture])
    assert torch.allclose(read(pictures).kind, written(pictures).kind, atol=1e-2)


def test_the_command_trains_to_the_end_of_its_time_and_tells_how_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(training, "POOL", 4)
    monkeypatch.setattr(training, "BATCH", 4)
    monkeypatch.setattr(training, "TOLD_EVERY", 0.0)
    monkeypatch.setattr(training, "right", lambda reader: {"shipped world": 0.0})
    training.main(0.005, tmp_path / "reader.pt", tmp_path / "weights.safetensors", 1)
    told = capsys.readouterr().out
    assert '"steps": 1,' in told
    assert '"read wholly right": 0.0' in told
    assert Reader.load(tmp_path / "weights.safetensors").network.vocabulary.kinds
