"""A folder of static embeddings as the library saves it: what words mean is written down by hand."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

# Two words for a leak are near, a crack is not; the parts are apart from both.
MEANINGS = {
    "leaking": (1.0, 0.0, 0.0),
    "leak": (1.0, 0.1, 0.0),
    "leaks": (1.0, 0.05, 0.0),
    "dripping": (0.9, 0.0, 0.1),
    "cracked": (0.0, 1.0, 0.0),
    "crack": (0.1, 1.0, 0.0),
    "broken": (0.0, 0.9, 0.1),
    "bucket": (0.1, 0.1, 1.0),
    "radiator": (0.1, -0.1, -1.0),
}


def static_model(folder: Path, meanings: Mapping[str, tuple[float, ...]] = MEANINGS) -> Path:
    """Save a model whose words have these vectors; no other word has one."""
    from model2vec import StaticModel  # noqa: PLC0415 - an extra
    from tokenizers import Tokenizer  # noqa: PLC0415
    from tokenizers.models import WordLevel  # noqa: PLC0415
    from tokenizers.pre_tokenizers import Whitespace  # noqa: PLC0415

    words = {word: number for number, word in enumerate([*meanings, "[UNK]"])}
    tokenizer = Tokenizer(WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    vectors = np.array([*meanings.values(), (0.0,) * 3], np.float32)
    StaticModel(vectors, tokenizer).save_pretrained(folder)
    return folder
