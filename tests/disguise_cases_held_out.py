"""The cases for measuring alone: nothing in the word filter was chosen by looking at what it makes of these."""

from __future__ import annotations

import base64
from random import Random
from urllib.parse import quote

from disguise_cases import LEET, CaseSet, alphabet, between, mapped

UPSIDE_DOWN = dict(zip("abcdefghijklmnopqrstuvwxyz", "ɐqɔpǝɟƃɥᴉɾʞlɯuodbɹsʇnʌʍxʎz", strict=True))
CANADIAN = {
    "a": "ᗩ",
    "b": "ᗷ",
    "c": "ᑕ",
    "d": "ᗪ",
    "h": "ᕼ",
    "l": "ᒪ",
    "m": "ᗰ",
    "n": "ᑎ",
    "p": "ᑭ",
    "r": "ᖇ",
    "s": "ᔕ",
    "u": "ᑌ",
}


def _masked(word: str, random: Random) -> str:
    places = [place for place, letter in enumerate(word) if place and letter in "aeiou"] or [1]
    place = random.choice(places)
    return word[:place] + "*" + word[place + 1 :]


def _zalgo(word: str, random: Random) -> str:
    marks = [chr(code) for code in range(0x0300, 0x0370)]
    return "".join(letter + "".join(random.choices(marks, k=random.randint(2, 9))) for letter in word)


def _capitals_and_digits(word: str, random: Random) -> str:
    return mapped(LEET, 0.35)(word, random).upper()


def _spelled_in_lines(word: str, random: Random) -> str:
    return "\n".join(word)


def _drawn(word: str, random: Random) -> str:
    return mapped(
        {"a": "/\\", "n": "|\\|", "h": "|-|", "m": "|\\/|", "o": "()", "u": "|_|", "d": "|)", "k": "|<", "w": "\\/\\/"}
    )(word, random)


HELD_OUT = CaseSet(
    name="held out",
    words=(
        "cat", "hen", "gin", "tar", "rum", "kettle", "violin", "thimble", "cucumber", "scissors", "umbrage", "porridge",
        "tambourine", "cushion", "turnip", "hammock", "sandal", "walnut", "ladder", "pepper",
    ),
    families={
        "circled": mapped(alphabet(0x24D0)),
        "negative squared": mapped(alphabet(0x1F170)),
        "regional indicators": mapped(alphabet(0x1F1E6)),
        "Fraktur": mapped(alphabet(0x1D586)),
        "Canadian syllables": mapped(CANADIAN),
        "upside down": lambda word, random: "".join(UPSIDE_DOWN[letter] for letter in reversed(word)),
        "backwards": lambda word, random: f"\u202e{word[::-1]}\u202c" if len(word) > 4 else word,
        "soft hyphens": between("\u00ad"),
        "slashes between": between("/", "|"),
        "doubled": lambda word, random: "".join(letter * 2 for letter in word),
        "letters hidden": lambda word, random: _masked(word, random) if len(word) > 3 else word,
        "percent signs": lambda word, random: "".join(f"%{ord(c):02x}" for c in quote(word)),
        "base64": lambda word, random: base64.b64encode(f"the {word} here".encode()).decode(),
        "hexadecimal": lambda word, random: word.encode().hex(" "),
        "Lisu": mapped(dict(zip("abcdefghijklmnoprstuvxyz", "ꓮꓐꓚꓓꓰꓝꓖꓧꓲꓙꓗꓡꓟꓠꓳꓑꓣꓢꓔꓴꓦꓫꓬꓜ", strict=True))),
        "double-struck": mapped(alphabet(0x1D552)),
        "parenthesised": mapped(alphabet(0x249C)),
        "braille": mapped(dict(zip("abcdefghijklmnopqrstuvwxyz", "⠁⠃⠉⠙⠑⠋⠛⠓⠊⠚⠅⠇⠍⠝⠕⠏⠟⠗⠎⠞⠥⠧⠺⠭⠽⠵", strict=True))),
        "Cherokee": mapped({"a": "Ꭺ", "b": "Ᏼ", "c": "Ꮯ", "d": "Ꭰ", "e": "Ꭼ", "g": "Ꮐ", "h": "Ꮋ", "i": "Ꭵ", "k": "Ꮶ", "l": "Ꮮ",
                            "m": "Ꮇ", "p": "Ꮲ", "r": "Ꮢ", "s": "Ꮪ", "t": "Ꭲ", "u": "Ꮜ", "w": "Ꮃ"}, 0.7),
        "heaps of marks": _zalgo,
        "capitals and digits": _capitals_and_digits,
        "one letter a line": _spelled_in_lines,
        "drawn letters": _drawn,
        "emoji between": between("🔥", "❤️", "👏🏽"),
        "backslash escapes": lambda word, random: "".join(f"\\u{ord(c):04x}" for c in word),
        "binary": lambda word, random: " ".join(f"{ord(c):08b}" for c in word),
        "tag characters": lambda word, random: "".join(chr(0xE0000 + ord(letter)) for letter in word),
    },
    sentences=(
        "{} in the style of a woodcut", "watercolour, {}, soft light",
        "She said: \"{}\" (twice)", "my neighbour's {} at dawn",
        "three small pictures - {} - on one page",
    ),
    innocents={
        "Scunthorpe": (
            "catalogue", "delicate lace", "education", "when", "kitchen",
            "then and there", "engine", "ginger cake", "original",
            "guitar", "starlight", "target", "drum", "instrument",
            "trumpets", "violinist", "thimbleful", "cushioned seat",
            "sandalwood", "bladder", "peppermint", "scatter", "concatenation", "heather", "begins", "altar", "crumb",
        ),
        "Hindi": (
            "लाल गोले के ऊपर नीला वर्ग", "एक छोटा सा घर और नदी", "क्‍षत्रिय योद्धा की मूर्ति",
            "हिन्दी में लिखा हुआ चित्र", "सूरज और पहाड़", "श्री राम का मंदिर",
        ),
        "German compounds": (
            "Hennenstall", "Katalogseite", "Tarnfarbe", "Starkstromleitung",
            "Rumpfgeschwindigkeit", "Ginsterbusch", "Kathedrale",
            "Donaudampfschifffahrtsgesellschaft", "Schuhschnürsenkel",
            "Grundstücksverkehrsgenehmigung", "Leiterplattenlötstation",
        ),
        "chemistry": (
            "catalyst", "cationic surfactant", "phenol", "acetophenone",
            "arginine", "asparagine", "tartrate", "sodium tartaric acid",
            "C2H5OH + 3 O2 -> 2 CO2 + 3 H2O", "NaHCO3 and CaSO4.2H2O", "cerium(IV) oxide",
            "H-C-H bond", "(CH3)2C=O", "K4[Fe(CN)6]",
        ),
        "place names": (
            "Catania", "Acatenango", "Athens", "Shenzhen", "Sachsenhausen",
            "Elgin", "Gibraltar", "Tartu", "Bangor", "Rumford",
            "Drumheller", "Virginia", "Qatar", "Decatur", "Zürich", "Kraków",
        ),
        "ordinary": (
            "a yellow star to the left of a moon", "so it is up to us, or is it?",
            "3 x 4 = 12; 7/8 in.", "B-52, F-16 and A-10",
            "the 7th of 11", "R&B & soul", "a.m. or p.m.?",
            "I/O, A/C and 24/7", "***** five stars *****", "!!! wow !!!",
            "user_name@example.org", "v2.0.1-beta+exp", "100 120 140 watts",
            "10110 and 01101001", "ABCDEFGH 12345678", "e = mc²",
            "naïve café déjà-vu", "l'œuvre d'art", "übermäßig",
            "masterpieces deadbeef facade", "possess, assess, address",
        ),
    },
)  # fmt: skip
