"""Chat models behind an address: one client for the judge and for systems that are evaluated.

An `Endpoint` says where. A `Chat` asks it many things, a few at a time, waits and tries again
where that may help, and keeps every answer as it comes: what was answered once is never paid for
again. Knows nothing of poems. What needs the package openai is loaded when something is asked.
"""

from lianju.chat.answers import FILTERED, Answer, Answers, Asked
from lianju.chat.asking import Ask, Chat
from lianju.chat.endpoint import Endpoint, Message
from lianju.chat.estimate import Estimate, rough_tokens

__all__ = [
    "FILTERED",
    "Answer",
    "Answers",
    "Ask",
    "Asked",
    "Chat",
    "Endpoint",
    "Estimate",
    "Message",
    "rough_tokens",
]
