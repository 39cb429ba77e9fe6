"""docs/tensorflow.md is current, and what it says of coverage holds."""

from __future__ import annotations

from pathlib import Path

from tests.tf_keras import names_table

PAGE = Path(__file__).parents[2] / "docs" / "tensorflow.md"


def test_the_page_is_made_of_the_tables():
    assert PAGE.read_text(encoding="utf-8") == names_table.page(), (
        "python -m tests.tf_keras.names_table docs/tensorflow.md"
    )


def test_most_of_what_published_programs_ask_for_is_here():
    counted = names_table.uses()
    here = sum(n for name, n in counted.items() if names_table.is_here(name))
    assert here / sum(counted.values()) > 0.94


def test_every_name_of_the_table_is_there():
    for path, (tensors, others) in names_table.modules().items():
        for name in [*tensors, *others]:
            dotted = f"{path}.{name}".lstrip(".")
            assert names_table.is_here(dotted), dotted
