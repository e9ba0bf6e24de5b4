"""A small catalogue of films that do not exist, and people with tastes, to see the product work.

Made here, the same on every machine: nothing of it is anybody's data.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from services.messages.types import InteractionRecorded, Kind
from services.recommendations.imports import NewInteraction, NewItem

SEED = 7
PEOPLE = 200
LIKES = (15, 40)  # a person, at least and at most
DISLIKES = (2, 8)
FIRST_YEAR, LAST_YEAR = 1961, 2025
SINCE = datetime(2026, 1, 5, 18, tzinfo=UTC)
DAYS = 240  # over which the reactions are spread

# Every beginning goes with every ending of its genre.
TITLES: dict[str, tuple[str, str]] = {
    "Action": (
        "Terminal|Last Flight to|Midnight in|The Siege of|Countdown at|No Way out of",
        "Harbour Nine|Belgrade|Fort Calloway|the Kestrel Tower|Zone Forty",
    ),
    "Adventure": (
        "The Map to|Beyond|The Lost Caravan of|Seven Rivers to|An Atlas of|The Cartographer of",
        "Amber Bay|the Singing Dunes|Isla Perdida|the Emerald Pass|Old Zanthe",
    ),
    "Animation": (
        "Pip and|The Little Tailor and|Goodnight,|Up the Hill with|Olive Meets|A Kite for",
        "the Moon Bear|Captain Button|the Paper Fox|Grandma Thunder|the Clockwork Whale",
    ),
    "Comedy": (
        "Honeymoon with|Meet|Help, I Married|Three Weeks with|Everybody Loves|Moving in with",
        "the Hendersons|My Landlord|the Wrong Twin|Uncle Barnaby|a Retired Clown",
    ),
    "Crime": (
        "The Alibi of|A Bullet for|The Widow and|Nobody Buried|The Long Fall of|Dinner with",
        "Eddie Marlowe|the Tin Man|Judge Castellan|Sister Ruth|the Accountant",
    ),
    "Drama": (
        "The Silence of|Letters from|What We Owe|The Winter of|A House for|Forgiving",
        "My Father|Saint-Aubin|the Orchard|Margarethe|the Lighthouse Keeper",
    ),
    "Fantasy": (
        "The Crown of|Daughter of|The Oath of|A Song for|The Gates of|Heir to",
        "Thornmere|the Ash King|Winterglass|the Ninth Dragon|Hollow Mountain",
    ),
    "Horror": (
        "Don't Wake|The Cellar of|Something under|The Night of|They Buried|Whispers from",
        "Blackwood Lane|the Pale Nurse|Room 13|the Drowned|Mother Crow",
    ),
    "Romance": (
        "One Summer in|Waltz for|The Bookseller of|Falling for|Kisses from|Always,",
        "Lisbon|Clementine|the Girl Next Door|Montmartre|Mr. Ashford",
    ),
    "Sci-Fi": (
        "Signals from|The Colony on|Return to|The Last Engineer of|Children of|Orbiting",
        "Proxima Station|Europa|the Glass Planet|Sector Twelve|the Second Sun",
    ),
}
GENRES = list(TITLES)
# Genres that often come together, as the second one of a film.
NEXT_TO = {
    "Action": ("Crime", "Sci-Fi"),
    "Adventure": ("Fantasy", "Action"),
    "Animation": ("Comedy", "Fantasy"),
    "Comedy": ("Romance", "Animation"),
    "Crime": ("Drama", "Action"),
    "Drama": ("Romance", "Crime"),
    "Fantasy": ("Adventure", "Romance"),
    "Horror": ("Sci-Fi", "Crime"),
    "Romance": ("Comedy", "Drama"),
    "Sci-Fi": ("Horror", "Adventure"),
}


def items() -> list[NewItem]:
    """Return 300 invented films with titles, genres and years."""
    random = np.random.default_rng(SEED)
    return [
        _film(f"{beginning} {ending}", genre, random)
        for genre, (beginnings, endings) in TITLES.items()
        for beginning in beginnings.split("|")
        for ending in endings.split("|")
    ]


def interactions() -> list[NewInteraction]:
    """Return what 200 invented people liked and disliked, in order of time."""
    random = np.random.default_rng(SEED + 1)
    films = items()
    fame = 1 / random.permutation(np.arange(5, 5 + len(films)))
    reactions = [
        reaction
        for person in range(PEOPLE)
        for reaction in _reactions(f"demo-user-{person + 1:03}", films, fame, random)
    ]
    return sorted(reactions, key=lambda reaction: reaction.interaction.occurred_at)


def _film(title: str, genre: str, random: np.random.Generator) -> NewItem:
    year = str(random.integers(FIRST_YEAR, LAST_YEAR + 1))
    genres = [genre]
    if random.random() < 0.6:
        genres.append(str(random.choice(NEXT_TO[genre])))
    slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
    return NewItem(f"{slug}-{year}", f"{title} ({year})", tuple(genres), {"year": year})


def _reactions(
    user_id: str, films: Sequence[NewItem], fame: NDArray[np.float64], random: np.random.Generator
) -> list[NewInteraction]:
    """A taste is one favourite genre, a second one beside it, and a little of everything."""
    favourite = str(random.choice(GENRES))
    second = str(random.choice(NEXT_TO[favourite]))
    fondness = dict.fromkeys(GENRES, 0.03) | {second: 0.4, favourite: 1.0}
    taste = np.array([sum(fondness[genre] for genre in film.genres) for film in films])
    likes = int(random.integers(*LIKES, endpoint=True))
    dislikes = int(random.integers(*DISLIKES, endpoint=True))
    liked = _draw(taste**2 * fame, likes, random)
    unloved = np.where(taste < 0.1, fame, 0.0)
    unloved[liked] = 0.0
    told: list[tuple[int, Kind]] = [(film, "like") for film in liked]
    told += [(film, "dislike") for film in _draw(unloved, dislikes, random)]
    minutes = np.sort(random.integers(0, DAYS * 24 * 60, len(told)))
    return [
        NewInteraction(
            event_id=f"demo-{user_id}-{films[film].item_id}",
            interaction=InteractionRecorded(
                user_id=user_id,
                item_id=films[film].item_id,
                kind=kind,
                occurred_at=SINCE + timedelta(minutes=int(minute)),
            ),
        )
        for (film, kind), minute in zip(_shuffled(told, random), minutes, strict=True)
    ]


def _shuffled(
    told: Sequence[tuple[int, Kind]], random: np.random.Generator
) -> list[tuple[int, Kind]]:
    return [told[position] for position in random.permutation(len(told))]


def _draw(weights: NDArray[np.float64], count: int, random: np.random.Generator) -> list[int]:
    drawn = random.choice(len(weights), count, replace=False, p=weights / weights.sum())
    return [int(film) for film in drawn]
