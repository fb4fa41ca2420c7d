"""Tests of `lianju.corpus`."""
