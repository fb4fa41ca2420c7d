"""Parallelism 對仗 of the middle couplets of eight-line poems: an indicator, not a judge."""

from lianju.verse import is_han, lines_of, parallel


def parallel_mark(couplet: str, completion: str) -> float | None:
    """The share of the two middle couplets that are parallel: 0, 0.5 or 1.

    None if `couplet` and `completion` together are not eight lines of five or of seven Han
    characters.
    """
    lines = eight_lines(couplet + completion)
    if lines is None:
        return None
    return sum(parallel(lines[n], lines[n + 1]) for n in (2, 4)) / 2


def eight_lines(text: str) -> tuple[str, ...] | None:
    """The lines of `text` if they are eight, of five or of seven Han characters each."""
    lines = lines_of(text)
    if len(lines) == 8 and {*map(len, lines)} in ({5}, {7}) and is_han("".join(lines)):
        return lines
    return None
