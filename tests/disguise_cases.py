"""Disguised words and innocent prompts, made from stand-in words: what the word filter is tuned on.

A set has words that stand in for forbidden ones, families of disguise, sentences around them, and innocent prompts by type,
many of which hold a stand-in inside another word (Scunthorpe). Another set, of other words, families, sentences and types,
lies in `disguise_cases_held_out` and is for measuring alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

Disguise = Callable[[str, Random], str]
AS_IT_IS = "as it is"


@dataclass(frozen=True)
class CaseSet:
    """Words, families, sentences and innocents that belong together."""

    name: str
    words: Sequence[str]
    families: Mapping[str, Disguise]
    sentences: Sequence[str]
    innocents: Mapping[str, Sequence[str]]

    def disguised(self, per_word: int = 2, seed: int = 0) -> Iterator[tuple[str, str, str]]:
        """Family, stand-in word and prompt, for every family and word, each so many times; not where nothing is disguised."""
        random = Random(f"{self.name}-{seed}")
        for family, disguise in self.families.items():
            for word in self.words:
                for _ in range(per_word):
                    written, sentence = disguise(word, random), random.choice(self.sentences)
                    if written != word or family == AS_IT_IS:
                        yield family, word, sentence.format(written)

    def innocent(self) -> Iterator[tuple[str, str]]:
        """Type and prompt, of everything that is innocent in every sentence that takes it."""
        for kind, texts in self.innocents.items():
            for text in texts:
                for sentence in self.sentences:
                    yield kind, sentence.format(text)

    def terms(self, count: int = 2_000, seed: int = 0) -> list[str]:
        """The stand-ins among so many made-up words."""
        random = Random(f"terms-{seed}")
        listed = dict.fromkeys(self.words)
        while len(listed) < count:
            listed["".join(random.choice(SYLLABLES) for _ in range(random.randint(2, 4)))] = None
        return list(listed)


SYLLABLES = [f"{start}{middle}{end}" for start in "bdfgklmprstvz" for middle in "aeiou" for end in ("", "n", "rk", "sh", "x")]


def mapped(table: Mapping[str, str], share: float = 1.0) -> Disguise:
    """Letters replaced by those of a table, each with this chance, and at least one of them."""

    def disguise(word: str, random: Random) -> str:
        places = [place for place, letter in enumerate(word) if letter in table]
        chosen = {place for place in places if random.random() < share} or {random.choice(places)} if places else set()
        return "".join(random.choice(table[letter].split()) if i in chosen else letter for i, letter in enumerate(word))

    return disguise


def alphabet(first: int, upper: bool = False) -> dict[str, str]:
    """A table to the 26 characters from `first` on."""
    return {chr(ord("a") + i): chr(first + i) for i in range(26)} if not upper else alphabet(first)


def between(*signs: str) -> Disguise:
    """One of the signs between all letters."""
    return lambda word, random: random.choice(signs).join(word)


def _stretched(word: str, random: Random) -> str:
    place = random.randrange(len(word))
    return word[:place] + word[place] * random.randint(3, 6) + word[place + 1 :]


def _accented(word: str, random: Random) -> str:
    return "".join(letter + random.choice("\u0301\u0308\u0323\u0336") for letter in word)


def _invisible(word: str, random: Random) -> str:
    return random.choice("\u200b\u200c\u2060").join(word)


CYRILLIC = {"a": "а", "c": "с", "e": "е", "i": "і", "o": "о", "p": "р", "s": "ѕ", "x": "х", "y": "у", "h": "һ", "k": "к",
            "m": "м", "n": "п", "t": "т", "b": "ь", "r": "г", "w": "ш", "l": "ӏ", "d": "ԁ", "g": "ԍ", "u": "ц"}  # fmt: skip
LEET = {"a": "4 @", "e": "3", "i": "1 !", "o": "0", "s": "5 $", "t": "7", "b": "8", "l": "1", "g": "9"}
SMALL_CAPITALS = dict(zip("abcdefghijklmnoprstuvwyz", "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", strict=True))

GREEK = {"a": "α", "b": "β", "e": "ε", "i": "ι", "k": "κ", "n": "η", "o": "ο", "p": "ρ", "t": "τ", "u": "υ", "v": "ν", "x": "χ",
         "y": "γ", "w": "ω"}  # fmt: skip
FASHION = dict(zip("abcdefghijklmnoprstuwyz", "₳฿₵ĐɆ₣₲ⱧłJ₭Ⱡ₥₦Ø₱Ɽ₴₮Ʉ₩ɎⱫ", strict=True))


def _digits_and_dots(word: str, random: Random) -> str:
    return random.choice(("-", ".", "_")).join(mapped(LEET, 0.4)(word, random))


def _digits_and_spaces(word: str, random: Random) -> str:
    return " ".join(mapped(LEET, 0.4)(word, random))


def _mixed(word: str, random: Random) -> str:
    letters = (mapped(GREEK, 1.0), mapped(alphabet(0x24D0)), mapped(alphabet(0x1D5BA)), lambda letter, random: letter.upper())
    return "".join(random.choice(letters)(letter, random) for letter in word)


DEVELOPMENT = CaseSet(
    name="development",
    words=(
        "ham", "pan", "rat", "ant", "tin", "lantern",
        "teapot", "bicycle", "umbrella", "pistachio", "marmalade", "saxophone",
        "trumpet", "blanket", "pumpkin", "carpet", "magnet", "basket", "candle", "garlic",
    ),
    families={
        AS_IT_IS: lambda word, random: random.choice((word, word.upper(), word.capitalize())),
        "full width": mapped(alphabet(0xFF41)),
        "mathematical bold": mapped(alphabet(0x1D41A)),
        "small capitals": mapped(SMALL_CAPITALS),
        "Cyrillic look-alikes": mapped(CYRILLIC, 0.6),
        "digits for letters": mapped(LEET, 0.5),
        "spaces between": between(" ", "  "),
        "dots between": between(".", ". ", "·"),
        "dashes between": between("-", "_"),
        "invisibles between": _invisible,
        "accents": _accented,
        "stretched": _stretched,
        "money signs": mapped(FASHION),
        "Greek look-alikes": mapped(GREEK, 0.5),
        "alphabets mixed": _mixed,
        "stars between": between("*", "★", " * "),
        "digits and dots": _digits_and_dots,
        "digits and spaces": _digits_and_spaces,
        "HTML entities": lambda word, random: "".join(f"&#{ord(c)};" if random.random() < 0.7 else c for c in word),
    },
    sentences=(
        "a painting of {} on a wooden table", "{}", "a child with {} in the garden, oil on canvas", "two of them: {}!",
        "please draw {} and a red circle",
    ),
    innocents={
        "Scunthorpe": (
            "shampoo", "hamlet", "champion", "panda", "company",
            "Japanese screens", "pancakes", "elephant", "giant", "fantasy",
            "decoration", "pirate", "rattle", "gratitude", "tinsel",
            "martini", "satin", "platinum ring", "Hamlet's friends",
            "pantry", "lanterned", "bicyclist", "basketry", "magnetism",
            "carpeted", "candlelight", "shamrock", "expansion", "wanton",
        ),
        "emoji with joiners": (
            "👨‍👩‍👧‍👦 at the sea", "👩🏽‍🚀 on the moon", "🏳️‍🌈 over a house", "❤️‍🔥", "🧑‍🤝‍🧑 and 🐈‍⬛",
            "🏴󠁧󠁢󠁥󠁮󠁧󠁿 flag", "👁️‍🗨️", "🇺🇳🇧🇷🇯🇵", "1️⃣2️⃣3️⃣",
        ),
        "Arabic": (
            "قطة حمراء فوق مربع أزرق", "بيت صغير على شاطئ البحر",
            "می‌خواهم یک درخت بزرگ بکشم", "صورة حصان في الصحراء عند الغروب",
            "شجرة خضراء وسماء زرقاء", "مُسْتَشْفًى جَمِيلٌ",
        ),
        "place names": (
            "Birmingham", "Hampshire", "Nottingham", "Panama", "Montpelier",
            "Antwerp", "Nantes", "Cantabria", "Bratislava", "Ararat",
            "Argentina", "Martinique", "Tintagel", "Scunthorpe",
            "Penistone", "Llanfairpwll", "Sarajevo in winter", "São Tomé",
        ),
        "ordinary": (
            "a red circle above a blue square", "it is as if we go up to it on my own",
            "U. S. A. in 1960", "A B C and 1 2 3",
            "C3PO at 20:45", "50% off, £4.99 or $5", "an H&M shop at No. 5",
            "f(x) = a*b*c + 3", "rock'n'roll (live!) <3",
            "good, better, best... and soooo cool", "WWW and HTML5", "the A55 road, M25 and B2B",
            "#art #oil @home", "x2, y3, z4",
            "coffee, balloons, committees, bookkeepers", "https://example.org/a?b=c%20d&amp;e",
            "0x1F 255 128 64", "ASAP :) \\o/",
        ),
    },
)  # fmt: skip
