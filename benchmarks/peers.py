"""Other engines for constrained decoding, all in one shape: llguidance, xgrammar, outlines-core.

An engine is made from a vocabulary, once, and then compiles languages, which benchmarks time
apart. A language is a regular expression of literals, `[...]`, `(?:...)` and `|`, anchored at
both ends by all three. No alternative may be the beginning of another (`A|AB`): outlines-core
takes the first that fits and forgets the others.

Engines are imported when they are made: which of them are installed is the user's choice.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

Tokens = Sequence[bytes | None]


class Matcher(ABC):
    """Where one text stands in a language."""

    def __init__(self, size: int):
        self.size = size
        self.bits = np.zeros((1, (size + 31) // 32), dtype=np.int32)

    @abstractmethod
    def fill(self) -> None:
        """Write which tokens may follow into `bits`: what an engine is timed for."""

    @abstractmethod
    def advance(self, token: int) -> None:
        """Append a token that is allowed and is not the stop token."""

    @abstractmethod
    def reset(self) -> None:
        """Go back to the empty text."""

    def mask(self) -> NDArray[np.bool_]:
        """Which tokens may follow; the stop token where the text may end."""
        self.fill()
        flags = np.unpackbits(self.bits.view(np.uint8)[0], bitorder="little", count=self.size)
        return flags.view(np.bool_)


class Engine(ABC):
    """A vocabulary made ready: the bytes of each token, None for a control token."""

    @abstractmethod
    def __init__(self, tokens: Tokens, stop: int): ...

    @abstractmethod
    def compile(self, regex: str) -> Matcher:
        """The language of a regular expression."""


class _Wrapper:
    """What llguidance reads of a tokenizer: these attributes, whatever the class.

    Control tokens are those in `special_token_ids`. It asks for bytes even for those.
    """

    is_tokenizer_wrapper = True
    bos_token_id = None

    def __init__(self, tokens: Tokens, stop: int):
        control = {index for index, token in enumerate(tokens) if token is None} | {stop}
        self.tokens = [
            b"<control %d>" % index if index in control else token
            for index, token in enumerate(tokens)
        ]
        self.special_token_ids = sorted(control)
        self.eos_token_id = stop

    def __call__(self, text: str) -> list[int]:
        """Tokenise; only asked where a grammar forces text, which ours do not."""
        raise NotImplementedError


class LLGuidance(Engine):
    """guidance-ai/llguidance: derivatives of the expression, computed when first needed."""

    def __init__(self, tokens: Tokens, stop: int):
        self.library, self.size = import_module("llguidance"), len(tokens)
        self.tokenizer = self.library.LLTokenizer(_Wrapper(tokens, stop))

    def compile(self, regex: str) -> Matcher:
        """With all tokens of the language in its masks, and without a limit on its work.

        As it comes, a mask holds one token where only one text can follow (the one that the
        tokenizer would choose); and the fuel of a step is spent by classes of thousands, after
        which every mask holds the stop token alone.
        """
        terminal = self.library.regex_to_lark(regex)
        grammar = f'%llguidance {{ "no_forcing": true }}\nstart: /{terminal}/'
        limits = self.library.LLParserLimits(step_lexer_fuel=2**31)
        matcher = self.library.LLMatcher(self.tokenizer, grammar, log_level=0, limits=limits)
        return _LLGuidanceMatcher(matcher, self.size)


class _LLGuidanceMatcher(Matcher):
    def __init__(self, matcher: Any, size: int):
        super().__init__(size)
        self.matcher = matcher
        self.write = import_module("llguidance.numpy").fill_next_token_bitmask
        self._raise()

    def fill(self) -> None:
        self.write(self.matcher, self.bits)
        self._raise()

    def advance(self, token: int) -> None:
        self.matcher.consume_token(token)
        self._raise()

    def reset(self) -> None:
        self.matcher.reset()

    def _raise(self) -> None:
        """A matcher that fails says so only when asked."""
        if self.matcher.is_error():
            raise RuntimeError(self.matcher.get_error()[:200])


class XGrammar(Engine):
    """mlc-ai/xgrammar: automata, with most of each mask worked out when compiling."""

    def __init__(self, tokens: Tokens, stop: int):
        self.library, self.size = import_module("xgrammar"), len(tokens)
        # An empty token is a control token to it.
        raw = [token or b"" for token in tokens]
        kind = self.library.VocabType.RAW
        info = self.library.TokenizerInfo(raw, kind, stop_token_ids=[stop])
        self.compiler = self.library.GrammarCompiler(info, max_threads=1, cache_enabled=False)

    def compile(self, regex: str) -> Matcher:
        """Anew each time."""
        compiled = self.compiler.compile_regex(regex)
        return _XGrammarMatcher(self.library.GrammarMatcher(compiled), self.size)


class _XGrammarMatcher(Matcher):
    def __init__(self, matcher: Any, size: int):
        super().__init__(size)
        self.matcher = matcher

    def fill(self) -> None:
        self.matcher.fill_next_token_bitmask(self.bits)

    def advance(self, token: int) -> None:
        if not self.matcher.accept_token(token):
            raise RuntimeError(f"token {token} is not allowed")

    def reset(self) -> None:
        self.matcher.reset()


class OutlinesCore(Engine):
    """dottxt-ai/outlines-core: a table of all tokens for every state, filled when compiling."""

    def __init__(self, tokens: Tokens, stop: int):
        ids: dict[bytes, list[int]] = {}
        for index, token in enumerate(tokens):
            if token and index != stop:
                ids.setdefault(token, []).append(index)
        self.library, self.size = import_module("outlines_core"), len(tokens)
        self.vocabulary = self.library.Vocabulary(stop, ids)

    def compile(self, regex: str) -> Matcher:
        """The whole table."""
        index = self.library.Index(regex, self.vocabulary)
        return _OutlinesCoreMatcher(self.library.Guide(index), self.size)


class _OutlinesCoreMatcher(Matcher):
    def __init__(self, guide: Any, size: int):
        super().__init__(size)
        self.guide = guide

    def fill(self) -> None:
        self.guide.write_mask_into(self.bits.ctypes.data, self.bits.size, self.bits.itemsize)

    def advance(self, token: int) -> None:
        self.guide.advance(token, return_tokens=False)

    def reset(self) -> None:
        self.guide.reset()


ENGINES: dict[str, type[Engine]] = {
    "llguidance": LLGuidance,
    "xgrammar": XGrammar,
    "outlines-core": OutlinesCore,
}
