"""Values: an image in two forms, and generations that are only ever replaced."""

from __future__ import annotations

import pickle
import threading
from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch

from limner.generation import (
    Caller,
    Decision,
    Embedding,
    EncodedImage,
    Finding,
    Generation,
    Image,
    Input,
    Request,
    Rewrite,
    Signal,
    TextConditioning,
)

TASKS = Path("/proc/self/task")  # the threads of this process, on Linux


def every_byte() -> PIL.Image.Image:
    """A picture in which each channel has all 256 values."""
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    return PIL.Image.fromarray(np.stack([ramp, ramp.T, 255 - ramp], axis=-1))


class TestImage:
    def test_pixels_survive_the_way_to_a_tensor_and_back(self) -> None:
        picture = every_byte()
        tensor = Image(picture).tensor()
        assert (tensor.shape, tensor.dtype) == ((3, 16, 16), torch.float32)
        assert (tensor.min(), tensor.max()) == (-1, 1)
        assert Image(tensor).pillow().tobytes() == picture.tobytes()

    def test_a_tensor_is_rounded_to_the_nearest_byte_and_clamped(self) -> None:
        values = torch.tensor([-3.0, -1.0, 0.0, 0.5 / 127.5, 1.0, 3.0]).expand(3, 1, 6)
        pixels = np.asarray(Image(values).pillow())[0, :, 0]
        assert pixels.tolist() == [0, 0, 128, 128, 255, 255]

    def test_a_half_precision_tensor_makes_a_picture_and_keeps_its_form(self) -> None:
        tensor = torch.zeros(3, 2, 4, dtype=torch.bfloat16)
        image = Image(tensor)
        assert image.pillow().size == image.size == (4, 2)
        assert image.tensor() is tensor
        assert image.tensor(dtype=torch.float32).dtype == torch.float32

    def test_other_modes_become_rgb(self) -> None:
        assert Image(PIL.Image.new("L", (3, 2), 7)).pillow().getpixel((0, 0)) == (7, 7, 7)

    @pytest.mark.skipif(not TASKS.is_dir(), reason="the system does not list a process's threads")
    def test_a_thread_converts_alone_and_leaves_the_processors_to_the_networks(self) -> None:
        large = np.zeros((512, 512, 3), dtype=np.uint8)
        started: set[Path] = set()

        def convert() -> None:
            before = set(TASKS.iterdir())
            image = Image(Image(PIL.Image.fromarray(large)).tensor())
            assert image.is_finite()
            image.pillow()
            started.update(set(TASKS.iterdir()) - before)

        threads = torch.get_num_threads()
        torch.set_num_threads(2)  # so that torch would start one
        try:
            thread = threading.Thread(target=convert)
            thread.start()
            thread.join()
        finally:
            torch.set_num_threads(threads)
        assert not started

    def test_another_shape_is_refused_with_the_shape(self) -> None:
        for shape in ((1, 3, 4, 4), (4, 4, 3), (4, 4)):
            with pytest.raises(ValueError, match=r"has shape \(3, height, width\), not \("):
                Image(torch.zeros(shape))

    def test_the_hash_is_of_the_pixels_and_the_size_whatever_the_form(self) -> None:
        picture = every_byte()
        assert Image(picture).sha256() == Image(Image(picture).tensor()).sha256()
        assert Image(PIL.Image.new("RGB", (2, 3))).sha256() != Image(PIL.Image.new("RGB", (3, 2))).sha256()
        changed = picture.copy()
        changed.putpixel((0, 0), (1, 2, 3))
        assert Image(changed).sha256() != Image(picture).sha256()

    def test_what_is_not_finite_shows(self) -> None:
        assert Image(every_byte()).is_finite()
        assert Image(torch.zeros(3, 2, 2)).is_finite()
        for value in (float("nan"), float("inf")):
            assert not Image(torch.full((3, 2, 2), value)).is_finite()

    def test_both_forms_survive_pickling(self) -> None:
        for pixels in (every_byte(), torch.rand(3, 4, 5, requires_grad=True)):
            image = Image(pixels)
            assert pickle.loads(pickle.dumps(image)).sha256() == image.sha256()


class TestRequest:
    def request(self, **given: object) -> Request:
        caller = Caller("local:ada", "local")
        return Request("r1", "generate", "text-to-image", "a red circle", caller, **given)  # type: ignore[arg-type]

    def test_each_image_has_a_seed_of_its_own_that_wraps_at_32_bits(self) -> None:
        request = self.request(n=3, seed=2**32 - 2)
        assert [request.seed_of(index) for index in range(3)] == [2**32 - 2, 2**32 - 1, 0]

    def test_it_cannot_be_changed(self) -> None:
        with pytest.raises(FrozenInstanceError):
            self.request().prompt = "a skull"  # type: ignore[misc]


def full() -> Generation:
    """A generation with everything that a change may make stale."""
    text = TextConditioning(torch.zeros(2, 4), torch.ones(2, dtype=torch.bool), torch.zeros(4), "clip")
    signals = {
        ("prompt", "terms.weapon"): Signal("terms.weapon", 0.0),
        ("embedding", "clip.sword"): Signal("clip.sword", 0.1),
        ("image", "clip.sword"): Signal("clip.sword", 0.2),
    }
    return Generation(
        request_id="r1",
        index=2,
        seed=7,
        prompt="a red circle",
        raw_prompt="a red circle",
        text=text,
        embedding=Embedding(torch.zeros(4), "clip"),
        image=Image(torch.zeros(3, 2, 2)),
        signals=signals,  # type: ignore[arg-type]
        mark_id=5,
    )


class TestGeneration:
    def test_a_rewrite_keeps_both_prompts_and_drops_what_came_of_the_old_one(self) -> None:
        before = full()
        after = before.with_prompt("a red circle, in oil", "style")
        assert (after.prompt, after.raw_prompt) == ("a red circle, in oil", "a red circle")
        assert after.rewrites == (Rewrite("style", "a red circle", "a red circle, in oil"),)
        assert after.text is after.embedding is None
        assert not after.signals
        assert before.text is not None
        assert before.signals

    def test_a_new_embedding_drops_signals_about_the_old_one_alone(self) -> None:
        before = full()
        after = before.with_embedding(Embedding(torch.ones(4), "clip"))
        assert set(after.signals) == {("prompt", "terms.weapon"), ("image", "clip.sword")}
        assert after.text is before.text

    def test_a_new_embedding_may_bring_its_text(self) -> None:
        text = TextConditioning(torch.ones(2, 4), torch.ones(2, dtype=torch.bool), torch.ones(4), "clip")
        assert full().with_embedding(Embedding(torch.ones(4), "clip"), text).text is text

    def test_a_new_image_drops_signals_about_the_old_one_alone(self) -> None:
        after = full().with_image(Image(torch.ones(3, 2, 2)))
        assert set(after.signals) == {("prompt", "terms.weapon"), ("embedding", "clip.sword")}

    def test_signals_belong_to_their_gate(self) -> None:
        after = full().with_signals("embedding", (Signal("clip.sword", 0.9), Signal("clip.skull", 0.3)))
        assert after.signals["embedding", "clip.sword"].value == 0.9
        assert after.signals["embedding", "clip.skull"].value == 0.3
        assert after.signals["image", "clip.sword"].value == 0.2

    def test_an_input_is_found_by_its_role(self) -> None:
        image = Image(every_byte())
        generation = Generation("r1", 0, 1, "", inputs=(Input("mask", image, image.sha256()),))
        assert generation.input("mask") is image
        assert generation.input("image") is None

    def test_its_id_is_the_requests_and_its_index(self) -> None:
        assert full().id == "r1/2"

    def test_it_survives_pickling_whole(self) -> None:
        before = full()
        after = pickle.loads(pickle.dumps(before))
        assert (after.id, after.signals, after.mark_id) == (before.id, before.signals, before.mark_id)
        assert after.image.sha256() == before.image.sha256()  # type: ignore[union-attr]
        assert torch.equal(after.text.pooled, before.text.pooled)  # type: ignore[union-attr]


def test_a_decision_rests_on_the_enforced_rules_that_asked_for_it() -> None:
    findings = (
        Finding("blocks", "fail", "block", "enforce"),
        Finding("broken", "error", "block", "enforce"),
        Finding("holds", "fail", "review", "enforce"),
        Finding("watched", "fail", "block", "shadow"),
        Finding("silent", "pass", "block", "enforce"),
    )
    assert Decision("prompt", "block", "standard", "0" * 64, findings).rules == ("blocks", "broken")


def test_a_file_is_known_by_its_bytes() -> None:
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert EncodedImage(b"", "png").sha256 == empty
