"""The site of the documentation: it builds without a warning, nothing overflows, all can be read, both
languages are searched. axe-core (Deque) judges contrasts and what screen readers need."""

from __future__ import annotations

import functools
import html.parser
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.test_questions import QUESTIONS

ROOT = Path(__file__).resolve().parents[3]
PAGES = (
    "index", "ko/faq", "tf-keras", "serving", "benchmarks", "architecture", "api/kcompile.keras.models",
)  # fmt: skip
TRANSLATED = sorted(path.name.removesuffix(".ko.md") for path in (ROOT / "docs").glob("*.ko.md"))
SIZES = {"wide": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder of the built site."""
    there = os.environ.get("KCOMPILE_SITE")  # one that is there already
    if there is not None:
        return Path(there)
    pytest.importorskip("mkdocs", reason="mkdocs: run `make browser-tests`")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, ROOT / "docs" / "site" / "build.py", "-o", folder], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def site(built, address_of):
    """Its address."""
    return address_of(built)


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_a_page_fits_and_can_be_read(site, visit, name, scheme, size):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe: run `make browser-tests`")
    page = visit(f"{site}{name}.html", viewport=SIZES[size], color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size]["width"]
    found = axe.Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa"]})
    assert found.violations_count == 0, found.generate_report()


def test_no_page_runs_over_on_a_phone(built, site, visit):
    page = visit(site, viewport=SIZES["phone"])
    wide = []
    built_pages = [path.relative_to(built).as_posix() for path in sorted(built.rglob("*.html"))]
    names = [name for name in built_pages if not name.startswith("ko/")]
    for name in [*names, *(f"ko/{name}.html" for name in TRANSLATED)]:
        page.goto(site + name, wait_until="domcontentloaded")
        if page.evaluate("document.documentElement.scrollWidth") > SIZES["phone"]["width"]:
            wide.append(name)
    assert not wide


@pytest.mark.parametrize(
    ("start", "words", "answer"), [("index", "class_weight", "tour"), ("ko/index", "검증", "faq")]
)
def test_the_search_finds_words_of_both_languages(site, visit, start, words, answer):
    page = visit(f"{site}{start}.html", viewport=SIZES["wide"])
    page.locator("[data-md-component=search-query]").fill(words)
    page.locator(f".md-search-result__link[href*='{answer}']").first.wait_for(timeout=20_000)


@pytest.mark.parametrize("name", TRANSLATED)
def test_the_switch_of_languages_leads_to_the_same_page_and_back(site, visit, name):
    page = visit(f"{site}{name}.html", viewport=SIZES["wide"])
    heading = page.locator("article h1").first.text_content()
    for language, expected in (("ko", f"ko/{name}.html"), ("en", f"/{name}.html")):
        page.locator(".md-header .md-select button").hover()
        page.locator(f".md-header .md-select a[hreflang={language}]").click()
        page.wait_for_url(f"**{expected}")
        assert page.locator("html").get_attribute("lang") == language
        korean = re.search("[가-힣]", page.locator("article").text_content()) is not None
        assert korean is (language == "ko")
    assert page.locator("article h1").first.text_content() == heading


def test_no_markdown_is_left_in_a_page(built):
    """A fence that is not understood swallows what follows it."""
    pages = [path for path in sorted(built.rglob("*.html")) if "```" in path.read_text(encoding="utf-8")]
    assert not pages


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_answer_is_three_clicks_from_the_first_page(built, question):
    """Links in the text of pages, and the last click may be one in the page's own table of contents."""
    name, heading = QUESTIONS[question]
    target = f"{name.removesuffix('.md')}.html"
    place = next(
        i for i, text in Page.of(built / target).headings.items() if text == heading.replace("`", "")
    )
    assert clicks(built, "index.html", target, place) <= 3


def test_answers_in_korean_are_three_clicks_from_the_korean_first_page(built):
    for name in TRANSLATED:
        page = Page.of(built / "ko" / f"{name}.html")
        for place in list(page.headings)[1:]:  # the first is the page itself
            assert clicks(built / "ko", "index.html", f"{name}.html", place) <= 3, f"{name}#{place}"


def clicks(folder: Path, start: str, target: str, place: str) -> int:
    """How many at least lead from a page to a heading of another, 99 where none do."""
    far, here = {start: 0}, [start]
    found = [99]
    while here:
        page = here.pop(0)
        for link in Page.of(folder / page).links:
            path, _, fragment = link.partition("#")
            path = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
            if path == target and fragment == place:
                found.append(far[page] + 1)
            if path not in far and (folder / path).is_file() and path.endswith(".html"):
                far[path] = far[page] + 1
                here.append(path)
    if target in far:
        if f"#{place}" in Page.of(folder / target).contents:
            found.append(far[target] + 1)
    return min(found)


class Page(html.parser.HTMLParser):
    """What a page has: links in its text, its table of contents, and its headings by their places."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.contents: list[str] = []
        self.headings: dict[str, str] = {}
        self._article = self._contents = 0
        self._heading = ""
        self.feed(text)

    @staticmethod
    @functools.cache
    def of(path: Path) -> Page:
        return Page(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attributes}
        self._article += tag == "article"
        if tag == "nav" and (self._contents or "md-nav--secondary" in has.get("class", "")):
            self._contents += 1
        if tag == "a" and "headerlink" not in has.get("class", "") and "href" in has:
            if self._article:
                self.links.append(has["href"])
            elif self._contents:
                self.contents.append(has["href"])
        if self._article and re.fullmatch("h[1-6]", tag) and "id" in has:
            self._heading = has["id"]
            self.headings[self._heading] = ""
        if tag == "a" and "headerlink" in has.get("class", ""):
            self._heading = ""

    def handle_endtag(self, tag: str) -> None:
        self._article -= tag == "article"
        self._contents -= tag == "nav" and self._contents > 0
        if re.fullmatch("h[1-6]", tag):
            self._heading = ""

    def handle_data(self, data: str) -> None:
        if self._heading:
            self.headings[self._heading] += data
