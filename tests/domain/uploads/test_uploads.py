import pytest

from mediaserver.domain.uploads.uploads import display_name, object_key


@pytest.mark.parametrize(
    ("given", "shown", "safe"),
    [
        ("a.png", "a.png", "a.png"),
        ("../../etc/passwd", "passwd", "passwd"),
        ("..", "file", "file"),
        ("", "file", "file"),
        ("a\x00b\n\u202e.txt", "ab.txt", "ab.txt"),
        ("Übung 1 (neu).pdf", "Übung 1 (neu).pdf", "Ubung-1-neu-.pdf"),
        ("課題.docx", "課題.docx", "docx"),
        (".htaccess", "htaccess", "htaccess"),
        ("x" * 300 + ".tar.gz", "x" * 197 + ".gz", "x" * 97 + ".gz"),
        ("\u3164.pdf", "file.pdf", "file.pdf"),
        ("\u2800\u200b", "file", "file"),
        ("نرم\u200cافزار.pdf", "نرم\u200cافزار.pdf", "pdf"),
        ("👩\u200d🏫.png", "👩\u200d🏫.png", "png"),
        ("Thumbnail.webp", "Thumbnail.webp", "_Thumbnail.webp"),
    ],
)
def test_names_are_made_harmless(given: str, shown: str, safe: str) -> None:
    name = display_name(given)
    assert (name, object_key("1", name)) == (shown, f"uploads/1/{safe}")
