"""From a text in French or English to tokens: case and accents folded, elisions and apostrophes removed."""

from __future__ import annotations

import re
import unicodedata

LONGEST = 10_000  # characters of a text that are read: the rest of an enormous one says nothing new
GRAMS = (3, 4, 5)  # characters; on short texts these lengths together did best (KNOWHOW)

_elision = re.compile(r"\b(?:[cdjlmnst]|qu|jusqu|lorsqu|puisqu)['’](?=\w{2})")
_token = re.compile(r"\b[a-z]/[a-z]\b|[^\W_]+")  # `l/h` and `a/c` are one token
_ligatures = str.maketrans({"œ": "oe", "æ": "ae", "ß": "ss", "’": "'"})


def fold(text: str) -> str:
    """Return the text without accents, case, control characters and doubled white space."""
    plain = unicodedata.normalize("NFKD", text[:LONGEST]).casefold().translate(_ligatures)
    plain = unicodedata.normalize("NFKD", plain)  # folding case can put letters together anew
    kept = (
        " " if unicodedata.category(each) in ("Cc", "Cs") else each
        for each in plain
        if not unicodedata.combining(each)
    )
    return " ".join("".join(kept).split())


def tokens(text: str) -> list[str]:
    """Return the tokens in order: `L'huile fuit` has huile, fuit; `won't` is wont; `L/H` stays l/h."""
    return _token.findall(_elision.sub("", fold(text)).replace("'", ""))


def grams(token: str) -> list[str]:
    """Return the 3- to 5-grams of a token with a space on both sides; of a shorter one, the whole."""
    padded = f" {token} "
    found = [
        padded[start : start + length]
        for length in GRAMS
        for start in range(len(padded) - length + 1)
    ]
    return found or [padded]
