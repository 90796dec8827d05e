"""Names of uploaded files as browsers, curl and libraries write them in `Content-Disposition`."""

import pytest

from mediaserver.api.declarations.file_names import file_name

FILE = 'form-data; name="file"'


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ('filename="a.png"', "a.png"),
        ("filename=a.png", "a.png"),
        ('filename="say %22hi%22.png"', 'say "hi".png'),  # browsers
        (r'filename="say \"hi\".png"', 'say "hi".png'),  # curl before 7.81, quoted-string
        ('filename="a%0D%0Ab.png"', "a\r\nb.png"),
        ('filename="a%0d%0ab.png"', "a\r\nb.png"),
        ('filename="100%25 %41.png"', "100%25 %41.png"),  # browsers escape nothing else
        (r'filename="C:\dir\a.png"', r"C:\dir\a.png"),
        (r'filename="a\\b.png"', r"a\b.png"),
        ('filename="a;b=c, d.png"', "a;b=c, d.png"),
        ('filename="Bär 写真.png"', "Bär 写真.png"),
        ('filename="B\udce4r.png"', "Bär.png"),  # Latin-1, which aiohttp reads with surrogate escapes
        ("filename*=UTF-8''say%20%22hi%22%E2%82%AC.png", 'say "hi"€.png'),
        ("filename*=utf-8'en'a%0Ab.png", "a\nb.png"),
        ("filename*=ISO-8859-1''%e9.png", "é.png"),
        ("filename=\"x.png\"; filename*=UTF-8''%E2%82%AC.png", "€.png"),
        ("filename*=UTF-8''%E2%82%AC.png; filename=\"x.png\"", "€.png"),
        ("filename*=UTF-8''%ff.png; filename=\"x.png\"", "x.png"),  # not well-formed
        ("filename*=x-unknown''a.png", ""),
        ('FileName="A.png"', "A.png"),
        ('filename="a.png"; filename="b.png"', "a.png"),
        ('filename=""', ""),
    ],
)
def test_the_name_is_decoded(parameters: str, name: str) -> None:
    assert file_name(f"{FILE}; {parameters}") == name


@pytest.mark.parametrize("disposition", ["", "form-data", FILE, 'form-data; name="filename"', f"{FILE}; size=1"])
def test_a_part_without_a_name_is_no_file(disposition: str) -> None:
    assert file_name(disposition) is None


def test_long_headers_take_no_long_time() -> None:
    assert not file_name(FILE + '; filename="' + '\\"' * 4000)
    assert file_name(FILE + "; a" * 4000) is None
