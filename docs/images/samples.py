"""Makes samples.png, the README's image: a few prompts with the seed of `make demo`, the way `limner generate` makes them."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from limner.app import App

PROMPTS = (
    "a red circle above a blue square",
    "an astronaut riding a horse, as a pencil drawing",
    "three yellow stars under a night sky",
    "a purple car to the left of a red house, shaded in 3-D",
)
SIDE, CAPTION, GAP = 192, 46, 12


def main() -> None:
    sheet = Image.new("RGB", (len(PROMPTS) * (SIDE + GAP) + GAP, SIDE + CAPTION + GAP), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    with App.open(Path(__file__).parents[2]) as app:
        for column, prompt in enumerate(PROMPTS):
            [made] = app.run(app.request(prompt, seed=1)).images
            left = GAP + column * (SIDE + GAP)
            draw.multiline_text((left, SIDE + GAP + 6), _wrapped(prompt, font), font=font, fill="#333333")
            if made.file is not None:
                with Image.open(io.BytesIO(made.file.data)) as image:
                    sheet.paste(image.resize((SIDE, SIDE), Image.Resampling.LANCZOS), (left, GAP))
    sheet.save(Path(__file__).with_name("samples.png"), optimize=True)


def _wrapped(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) > SIDE:
            lines.append(word)
        else:
            lines[-1] = longer
    return "\n".join(lines)


if __name__ == "__main__":
    main()
