import PIL.Image
import pytest
from pydantic import ValidationError

from limner import Generation, Image
from limner_watermark.visible import PRESETS, Visible, VisibleOptions


def mark(size: tuple[int, int], context: dict[str, object] | None = None, **options: object) -> PIL.Image.Image:
    step = Visible(VisibleOptions.model_validate(options, context=context))
    grey = Image(PIL.Image.new("RGB", size, (128, 128, 128)))
    [marked] = step.watermark([Generation("r", 0, 1, "a cat", image=grey)])
    assert grey.pillow().getcolors() == [(size[0] * size[1], (128, 128, 128))]
    return marked.pillow()


def test_the_dalle_2_preset_is_its_signature_at_1024_px():
    marked = mark((1024, 1024), preset="dalle-2")
    squares = [(255, 255, 102), (66, 255, 255), (81, 218, 76), (255, 110, 60), (60, 70, 255)]
    for i, colour in enumerate(squares):
        left = 1024 - 16 * (5 - i)
        assert marked.crop((left, 1008, left + 16, 1024)).getcolors() == [(256, colour)]
    assert marked.getpixel((1024 - 81, 1020)) == (128, 128, 128)
    assert marked.getpixel((1020, 1007)) == (128, 128, 128)


def test_the_mark_scales_with_the_image():
    marked = mark((256, 512), preset="dalle-2", scale=2)
    assert marked.crop((256 - 8, 504, 256, 512)).getcolors() == [(64, (60, 70, 255))]


@pytest.mark.parametrize(
    ("corner", "inside", "outside"),
    [("top-left", (0, 0), (127, 127)), ("bottom-left", (0, 127), (0, 0)), ("top-right", (127, 0), (0, 127))],
)
def test_the_mark_stands_in_the_corner_asked_for(corner, inside, outside):
    marked = mark((128, 128), colours=["#ff0000"], corner=corner)
    assert marked.getpixel(inside) == (255, 0, 0)
    assert marked.getpixel(outside) == (128, 128, 128)


def test_an_image_smaller_than_the_mark_is_still_marked():
    assert mark((2, 1)).size == (2, 1)
    assert mark((2, 1)).getpixel((0, 0)) != (128, 128, 128)


def test_a_logo_keeps_its_transparency(tmp_path):
    logo = PIL.Image.new("RGBA", (64, 32), (0, 0, 0, 0))
    logo.paste((255, 0, 0, 255), (32, 0, 64, 32))
    logo.save(tmp_path / "logo.png")
    marked = mark((1024, 1024), context={"root": tmp_path}, logo="logo.png", scale=2)
    assert marked.getpixel((1023, 1023)) == (255, 0, 0)
    assert marked.getpixel((1024 - 60, 1010)) == (128, 128, 128)


def test_a_logo_stays_what_it_was_at_the_first_mark(tmp_path):
    PIL.Image.new("RGB", (8, 8), (255, 0, 0)).save(tmp_path / "logo.png")
    step = Visible(VisibleOptions.model_validate({"logo": "logo.png"}, context={"root": tmp_path}))
    generation = Generation("r", 0, 1, "a cat", image=Image(PIL.Image.new("RGB", (64, 64))))
    [first] = step.watermark([generation])
    PIL.Image.new("RGB", (8, 8), (0, 255, 0)).save(tmp_path / "logo.png")
    [second] = step.watermark([generation])
    assert first.pillow().getpixel((63, 63)) == second.pillow().getpixel((63, 63)) == (255, 0, 0)


def test_a_logo_that_cannot_be_drawn_is_refused_before_anything_runs(tmp_path):
    (tmp_path / "logo.png").write_text("<svg/>")
    PIL.Image.new("L", (4097, 4096)).save(tmp_path / "huge.png")
    for name, told in (("logo.png", "logo.png is no PNG file"), ("huge.png", "huge.png has 4097 x 4096 pixels")):
        with pytest.raises(ValidationError, match=told):
            VisibleOptions.model_validate({"logo": name}, context={"root": tmp_path})


@pytest.mark.parametrize("options", [{"colours": ["redish"]}, {"colours": []}, {"scale": 0}, {"preset": "mine"}])
def test_a_pattern_that_cannot_be_is_refused(options):
    with pytest.raises(ValidationError):
        VisibleOptions.model_validate(options)


def test_every_preset_names_real_colours():
    for colours in PRESETS.values():
        VisibleOptions.model_validate({"colours": list(colours)})
