"""Which of several continuations of a couplet a poet would rather have written.

`log_odds` is a sum of what a poem's words show (`features`), each with a weight that was learned
from couplets: what sets the poets' own continuations apart from what the reference model wrote for
the same couplets; `rating` is the same beside what is usual for a poem of that length.
`tools/ranking.py` wrote the weights and counted the words; docs/evaluation.md says how well they
tell one from the other. It knows nothing of models.
"""

from lianju.ranking.poem_features import features, heads, tails
from lianju.ranking.weights import RATED_LENGTHS, log_odds, rating
from lianju.ranking.words import pair

__all__ = ["RATED_LENGTHS", "features", "heads", "log_odds", "pair", "rating", "tails"]
