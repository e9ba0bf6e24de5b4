from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

from services.recommendations import demo


def test_there_are_three_hundred_films_with_readable_titles() -> None:
    films = demo.items()
    assert len({film.item_id for film in films}) == len({film.title for film in films}) == 300
    assert all(film.title.isprintable() and film.title.endswith(")") for film in films)
    assert all(1 <= len(film.genres) <= 2 and film.labels["year"] in film.title for film in films)
    assert Counter(film.genres[0] for film in films) == dict.fromkeys(demo.GENRES, 30)


def test_it_is_the_same_every_time() -> None:
    assert demo.items() == demo.items()
    assert demo.interactions() == demo.interactions()


def test_two_hundred_people_like_and_dislike_known_films_once() -> None:
    told = demo.interactions()
    known = {film.item_id for film in demo.items()}
    facts = [each.interaction for each in told]
    assert len({each.event_id for each in told}) == len(told)
    assert len({(fact.user_id, fact.item_id) for fact in facts}) == len(told)
    assert len({fact.user_id for fact in facts}) == 200
    assert {fact.item_id for fact in facts} <= known
    assert {fact.kind for fact in facts} == {"like", "dislike"}


def test_times_ascend_and_have_passed() -> None:
    times = [each.interaction.occurred_at for each in demo.interactions()]
    assert times == sorted(times)
    assert times[-1] < datetime(2026, 11, 1, tzinfo=UTC)


def test_people_have_tastes() -> None:
    genres = {film.item_id: film.genres for film in demo.items()}
    likes: dict[str, Counter[str]] = {}
    for each in demo.interactions():
        if each.interaction.kind == "like":
            likes.setdefault(each.interaction.user_id, Counter()).update(
                genres[each.interaction.item_id]
            )
    shares = [counts.most_common(1)[0][1] / counts.total() for counts in likes.values()]
    assert sum(shares) / len(shares) > 0.4  # a tenth, if they liked at random
