"""The suites that scores are reported on: whoever chooses the decoding on them flatters himself."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ReportedSuite:
    """Why a suite is not to choose on: before a sweep of it, and on its page in two languages."""

    terminal: str
    english: str
    chinese: str


REPORTED_SUITES = {
    "hw5": ReportedSuite(
        "These are the homework's test couplets, to look at: choosing the decoding on them would "
        "be choosing on the test.",
        "They are the homework's test: whoever chooses the decoding on them and then reports a "
        "score on them has chosen on the test.",
        "這些是作業的測試題：在上面挑參數，再報上面的分數，等於照著考題作答。",
    ),
    "heldout": ReportedSuite(
        "These are the couplets on which `lianju evaluate` reports, to look at: choosing the "
        "decoding on them would flatter the report.",
        "They are those on which <code>lianju evaluate</code> reports: a decoding that was chosen "
        "on them looks better there than it is.",
        "<code>lianju evaluate</code> 就在這些上聯上評分：在上面挑參數，分數便會偏高。",
    ),
}
"""By the name of the suite."""
