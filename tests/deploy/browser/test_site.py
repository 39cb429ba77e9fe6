"""The site of the documentation: it builds without a warning, nothing overflows, all can be read, both
languages are searched. axe-core (Deque) judges contrasts and what screen readers need."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGES = ("index", "ko/faq", "tf-keras", "serving", "api/kcompile.keras.models")
SIZES = {"wide": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}


@pytest.fixture(scope="module")
def site(tmp_path_factory, address_of):
    """The address of the built site."""
    built = os.environ.get("KCOMPILE_SITE")  # of one that is there already
    if built is None:
        pytest.importorskip("mkdocs", reason="mkdocs: run `make browser-tests`")
        built = tmp_path_factory.mktemp("site")
        done = subprocess.run(
            [sys.executable, ROOT / "docs" / "site" / "build.py", "-o", built], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
    return address_of(Path(built))


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_a_page_fits_and_can_be_read(site, visit, name, scheme, size):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe: run `make browser-tests`")
    page = visit(f"{site}{name}.html", viewport=SIZES[size], color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size]["width"]
    found = axe.Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa"]})
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize(
    ("start", "words", "answer"), [("index", "class_weight", "tour"), ("ko/index", "검증", "faq")]
)
def test_the_search_finds_words_of_both_languages(site, visit, start, words, answer):
    page = visit(f"{site}{start}.html", viewport=SIZES["wide"])
    page.locator("[data-md-component=search-query]").fill(words)
    page.locator(f".md-search-result__link[href*='{answer}']").first.wait_for(timeout=20_000)


def test_a_page_leads_to_the_same_page_in_the_other_language(site, visit):
    page = visit(f"{site}faq.html", viewport=SIZES["wide"])
    assert page.locator("a[hreflang=ko]").first.get_attribute("href").endswith("ko/faq.html")
