import pytest

from extract.printable import printable


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("RN50:openai", "RN50:openai"),
        ("\x1b[2J\x07a\n", "\ufffd[2J\ufffda\ufffd"),
        ("a\u202eb\u2028c", "a\ufffdb\ufffdc"),
        ("grün 文字 👩\u200d🚀", "grün 文字 👩\u200d🚀"),
    ],
)
def test_what_a_terminal_would_obey_is_replaced(text: str, safe: str) -> None:
    assert printable(text) == safe


def test_lines_stay_where_they_may_and_long_texts_are_cut() -> None:
    assert printable("a\nb", lines=True) == "a\nb"
    assert printable("abc", most=2) == "ab..."
    assert printable("ab", most=2) == "ab"
