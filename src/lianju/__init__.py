"""Lianju 聯句: teach a language model to finish Tang poems, and prove that it can."""

__version__ = "0.1.0"
