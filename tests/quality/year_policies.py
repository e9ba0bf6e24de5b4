"""Those Akin is compared with: chance, what most people like, and LightFM as it is used everywhere."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from lightfm import LightFM
from numpy.typing import NDArray

from services.recommendations.models.lightfm import Parameters
from tests.quality.year_log import LENGTH, Given
from tests.quality.year_world import LIKE, Floats, Ints, World

EPOCHS = 3  # of a daily training, which goes on from yesterday's model
PARAMETERS = Parameters()


class Chance:
    """Anything that the person has not seen."""

    name = "random"

    def __init__(self, world: World) -> None:
        self._world = world
        self._generator = np.random.default_rng(world.seed + 1)
        self._listed: NDArray[np.bool_] = np.zeros(world.items, np.bool_)
        self._seen = np.zeros((world.users, world.items), np.bool_)
        self._noise = self._generator.random(world.items).astype(np.float32)

    async def begin(self, day: int) -> None:
        """See `Policy`."""
        self._listed = self._world.listed(day)

    async def give(self, day: int, user: int) -> Given:
        """See `Policy`."""
        scores = np.where(self._listed & ~self._seen[user], self._scores(user), -np.inf)
        best = np.argpartition(-scores, LENGTH)[:LENGTH]
        best = best[np.argsort(-scores[best])]
        best = best[np.isfinite(scores[best])]
        self._seen[user, best] = True
        return Given(best)

    async def hear(self, day: int, users: Sequence[int], items: Ints, reactions: Ints) -> None:
        """See `Policy`."""

    async def end(self, day: int) -> None:
        """See `Policy`."""

    def _scores(self, user: int) -> Floats:
        return self._generator.random(self._world.items, np.float32)


class Popular(Chance):
    """What most people liked, counted at once; of equals, any."""

    name = "popular"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._likes = np.zeros(world.items, np.float32)

    async def hear(self, day: int, users: Sequence[int], items: Ints, reactions: Ints) -> None:
        """See `Policy`."""
        np.add.at(self._likes, items, reactions == LIKE)

    def _scores(self, user: int) -> Floats:
        return self._likes + self._noise


class DailyLightFM(Popular):
    """LightFM (WARP, genres as features), trained at the end of each day on every like so far.

    A user is served from the state of the last training; whoever was not in it gets what is popular.
    """

    name = "daily LightFM"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._model = LightFM(
            no_components=PARAMETERS.dimensions,
            loss="warp",
            learning_rate=PARAMETERS.learning_rate,
            max_sampled=PARAMETERS.max_sampled,
            random_state=world.seed,
        )
        own = sp.identity(world.items, dtype=np.float32)
        genres = sp.csr_matrix(world.genres.astype(np.float32) * PARAMETERS.feature_weight)
        self._features = sp.hstack([own, genres]).tocsr()
        self._pairs: list[tuple[NDArray[np.int32], NDArray[np.int32]]] = []
        self._trained = np.zeros(world.users, np.bool_)
        self._popular = np.zeros(world.items, np.float32)
        self._biases, self._factors = np.zeros(0, np.float32), np.zeros((0, 0), np.float32)

    async def hear(self, day: int, users: Sequence[int], items: Ints, reactions: Ints) -> None:
        """See `Policy`."""
        await super().hear(day, users, items, reactions)
        liked = reactions == LIKE
        people = np.array(users, np.int32)[liked]
        self._pairs.append((people, items[liked].astype(np.int32)))

    async def end(self, day: int) -> None:
        """Train on all likes so far, and serve that from tomorrow on."""
        users, items = (np.concatenate(column) for column in zip(*self._pairs, strict=True))
        self._pairs = [(users, items)]
        if not len(users):
            return
        shape = (self._world.users, self._world.items)
        likes = sp.coo_matrix((np.ones(len(users), np.float32), (users, items)), shape)
        self._model.fit_partial(likes, item_features=self._features, epochs=EPOCHS)
        self._biases, self._factors = self._model.get_item_representations(self._features)
        self._trained[users] = True
        self._popular = self._likes.copy()

    def _scores(self, user: int) -> Floats:
        if not self._trained[user]:
            return self._popular + self._noise
        return self._factors @ self._model.user_embeddings[user] + self._biases
