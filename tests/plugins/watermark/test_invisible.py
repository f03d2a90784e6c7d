from __future__ import annotations

from collections.abc import Callable

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray
from pictures import clouds, saved, scene
from PIL.ImageFilter import GaussianBlur
from pydantic import ValidationError

from limner import Image, ItemError
from limner.images.difference import psnr
from limner.images.encoding import decode, encode
from limner.testing import SampleKeys, check_step, load_step, run_step
from limner_watermark import read_watermark
from limner_watermark.embedding import embed
from limner_watermark.invisible import Invisible, InvisibleOptions
from limner_watermark.pattern import Pattern, pattern
from limner_watermark.search import read_upright

MARK = 0xC0FFEE123456
KEYS = SampleKeys().ring("marks")
PICTURES = {"scene": scene(), "clouds": clouds(1)}


def marked(picture: PIL.Image.Image, mark_id: int = MARK, **options: float) -> Image:
    result: Image = run_step(Invisible, options, image=picture, mark_id=mark_id)
    return result


def read(picture: PIL.Image.Image) -> int | None:
    readings = read_watermark(Image(picture), KEYS)
    return readings[0].mark_id if readings else None


@pytest.fixture(scope="module")
def images() -> dict[str, Image]:
    return {name: marked(picture) for name, picture in PICTURES.items()}


def noisy(picture: PIL.Image.Image) -> PIL.Image.Image:
    noise = np.random.default_rng(1).normal(0, 10, (picture.height, picture.width, 3))
    return PIL.Image.fromarray(np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8))


ATTACKS: dict[str, Callable[[PIL.Image.Image], PIL.Image.Image]] = {
    "none": lambda picture: picture,
    "JPEG 50": lambda picture: saved(picture, "JPEG", 50),
    "WEBP 50": lambda picture: saved(picture, "WEBP", 50),
    "noise": noisy,
    "blur": lambda picture: picture.filter(GaussianBlur(2)),
    "crop to 75 %": lambda picture: picture.crop((37, 90, 421, 474)),
    "crop to 50 %": lambda picture: picture.crop((101, 53, 357, 309)),
}


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("name", PICTURES)
def test_the_mark_survives(images: dict[str, Image], name: str, attack: str):
    assert read(ATTACKS[attack](images[name].pillow())) == MARK


@pytest.mark.parametrize("name", PICTURES)
def test_the_mark_moves_the_pixels_no_more_than_it_may(images: dict[str, Image], name: str):
    assert psnr(Image(PICTURES[name]), images[name]) >= 41.95


def test_another_key_finds_nothing_and_the_right_one_is_named(images: dict[str, Image]):
    other = {"1": b"x" * 32}
    assert read_upright(images["scene"].pillow(), pattern(other["1"])) == ()
    [reading] = read_watermark(images["scene"], {"1": b"x" * 32, "2": KEYS["1"], "3": b"y" * 32})
    assert (reading.mark_id, reading.key_id) == (MARK, "2")


def test_pictures_without_a_mark_show_none():
    made = pattern(KEYS["1"])
    assert [read_upright(clouds(seed, 256), made) for seed in range(30)] == [()] * 30
    assert read_upright(scene(), made) == ()


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (31, 31), (33, 200)])
def test_small_and_narrow_images_are_read_without_a_mark(size: tuple[int, int]):
    assert read(PIL.Image.new("RGB", size, "red")) is None


def test_a_marked_image_can_be_marked_again(images: dict[str, Image]):
    again: Image = run_step(Invisible, image=images["scene"], mark_id=7)
    assert 7 in {reading.mark_id for reading in read_watermark(again, KEYS)}


def average(pictures: list[PIL.Image.Image]) -> NDArray[np.float64]:
    return np.mean([np.asarray(picture, float) for picture in pictures], axis=0)


def without(picture: PIL.Image.Image, estimate: NDArray[np.float64]) -> PIL.Image.Image:
    """The picture less what an attacker takes for the mark."""
    return PIL.Image.fromarray(np.clip(np.rint(np.asarray(picture, float) - estimate), 0, 255).astype(np.uint8))


def test_the_plain_average_of_twenty_marks_on_one_picture_takes_none_of_them_away():
    """The attacker even has the original. What the average leaves is of the size that marks with nothing in common leave."""
    original = np.asarray(scene(256), float)
    outputs = [marked(scene(256), MARK + i).pillow() for i in range(20)]
    shared = average(outputs) - original
    sizes = [float(np.sqrt(np.mean(mark**2))) for mark in (shared, np.asarray(outputs[0], float) - original)]
    assert sizes[0] < 1.2 * sizes[1] / 20**0.5
    assert read(without(outputs[0], shared)) == MARK


def test_the_plain_average_of_twenty_different_pictures_leaves_the_mark_where_a_fixed_grid_would_lose_it(
    monkeypatch: pytest.MonkeyPatch,
):
    """The attacker has the originals and subtracts what the outputs have in common, at the strength of a mark (42 dB).

    Not shown: what an attacker can do who subtracts more than that, or first finds how the outputs' tiles lie to each other.
    """
    assert reads_after_the_average()
    monkeypatch.setattr(Pattern, "offset", lambda self, mark_id: (0, 0))
    assert not reads_after_the_average()


def reads_after_the_average() -> bool:
    made, originals = pattern(KEYS["1"]), [clouds(seed, 256) for seed in range(20)]
    outputs = [embed(picture, MARK + 1 + number, made, 38.0) for number, picture in enumerate(originals)]
    shared, victim = average(outputs) - average(originals), embed(scene(256), MARK, made, 42.0)
    mark = np.asarray(victim, float) - np.asarray(scene(256), float)
    return read(without(victim, shared * (mark.std() / shared.std()))) == MARK


@pytest.mark.parametrize("format", ["png", "jpeg", "webp"])
def test_at_the_size_of_the_shipped_model_it_survives_the_formats_it_leaves_in_and_a_bad_copy(format):
    image: Image = run_step(Invisible, image=scene(128), mark_id=MARK, output_format=format)
    assert read(decode(encode(image, format).data).pillow()) == MARK
    assert read(saved(image.pillow(), "JPEG", 50)) == MARK


def test_an_image_that_does_not_take_the_mark_gets_it_stronger():
    picture = clouds(3, 128)
    image = marked(picture)
    assert 32 <= psnr(Image(picture), image) < 41
    assert read(image.pillow()) == MARK


def texture(contrast: float) -> PIL.Image.Image:
    noise = np.random.default_rng(3).normal(0, 1, (384, 384))
    grey = PIL.Image.fromarray((noise * 40 + 128).clip(0, 255).astype(np.uint8)).filter(GaussianBlur(1.5))
    pixels = np.asarray(grey, float)
    pixels = (pixels - pixels.mean()) / pixels.std() * contrast + 128
    return PIL.Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).convert("RGB")


def test_a_picture_that_is_nothing_but_texture_gets_the_mark_so_strong_that_a_part_of_it_holds_it():
    picture = texture(36)
    assert read_upright(embed(picture, MARK, pattern(KEYS["1"]), 42.0).crop((48, 48, 336, 336)), pattern(KEYS["1"])) == ()
    image = marked(picture)
    assert psnr(Image(picture), image) < 41
    assert read(image.pillow().crop((48, 48, 336, 336))) == MARK


def test_where_no_part_holds_the_mark_the_whole_has_to_do(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("limner_watermark.invisible.CROP", 0.1)
    image = marked(scene())
    assert (psnr(Image(scene()), image) > 41.9, read(image.pillow())) == (True, MARK)


def test_an_image_too_small_for_any_mark_is_refused():
    refused = run_step(Invisible, image=PIL.Image.new("RGB", (1, 1)))
    assert isinstance(refused, ItemError)
    assert "1 x 1 pixels" in refused.what


def test_the_newest_key_marks():
    step = load_step(Invisible)
    step.keys = type("Two", (), {"ring": lambda self, name: {"1": b"a" * 32, "2": b"b" * 32}})()
    image: Image = run_step(step, image=scene(), mark_id=MARK)
    [reading] = read_watermark(image, {"1": b"a" * 32, "2": b"b" * 32})
    assert reading.key_id == "2"


def test_options_that_cannot_be_are_refused():
    for options in ({"psnr": 20}, {"psnr": 34, "least": 36}, {"key": "secret"}):
        with pytest.raises(ValidationError):
            InvisibleOptions.model_validate(options)


def test_it_keeps_every_rule_of_a_step():
    check_step(Invisible, image=scene(128))
