"""The picture of the page in the README."""

import os
from pathlib import Path
from typing import Any

import pytest

from tests.serve.test_page_write import address, open_poems

SEED = 7


@pytest.mark.slow
def test_the_readmes_picture(browser: Any, server: str, tmp_path: Path) -> None:
    """Three poems, and what the model weighed at one character.

    With LIANJU_PICTURES=docs the picture is kept there; LIANJU_SERVER names a running server to
    take it from, such as one with an adapter that was really trained.
    """
    at = os.environ.get("LIANJU_SERVER", server)
    path = Path(os.environ.get("LIANJU_PICTURES", tmp_path)) / "page.png"
    size = {"width": 1180, "height": 1010}
    page = browser.new_page(locale="en-US", color_scheme="light", viewport=size)
    open_poems(page, address(at, n=3, seed=SEED, form="auto"))
    page.locator(".poem").nth(1).locator('.line[data-line="3"] .ch').nth(2).click()
    page.locator(".tap .bars li").first.wait_for()
    page.screenshot(path=path)
    page.close()
    assert 20_000 < path.stat().st_size < 1_000_000
