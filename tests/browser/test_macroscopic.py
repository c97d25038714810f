"""The macroscopic page in a real browser."""

from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, expect

from extract.units import Architecture, Layer
from tests.browser.serving import MODEL, PATIENCE, ready, ready_at, serving, watched
from tests.builders.planted_matrices import planted_matrices


def test_distributions_follow_the_variant_and_its_address_shows_them_again(
    browser: Browser, planted_folder: Path, tmp_path: Path
) -> None:
    signs = np.where(np.arange(32) % 3 == 0, -0.5, 0.5)
    planted_matrices(
        tmp_path / "lobes", lambda rng, t, s: rng.normal(3, 0.1, (t, s)), signs,
        model=MODEL, shape=Architecture((1, 1, 1, 3), 1, 64), target=Layer(4, 2, 5),
    )  # fmt: skip
    with (
        serving(planted_folder, CIRCUITS_EXTRACTIONS=str(tmp_path)) as served,
        watched(browser, served) as page,
    ):
        ready_at(page, "/macroscopic?layer=4/2/5&lower=4/1/6/3")
        panels = page.locator(".figure svg .panel")
        expect(panels).to_have_count(13, timeout=PATIENCE)
        expect(panels.first).to_contain_text("4/1/6/3 \u2192 4/2/5")
        expect(panels.first).to_contain_text("|m|/s 0.")
        page.get_by_role("radio", name="folded").click()
        expect(page.get_by_text("A unit of every layer below into 4/2/5 (folded)")).to_be_visible(timeout=PATIENCE)
        ready(page)
        assert "variant=folded" in page.url
        address = page.url
        page.goto("about:blank")
        ready_at(page, address)
        expect(panels.first).to_contain_text("|m|/s 29", timeout=PATIENCE)
        expect(page.get_by_text("Shapes, signs and peaks")).to_be_visible()
