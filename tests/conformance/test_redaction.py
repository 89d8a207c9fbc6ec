"""Redaction: a secret is taken out in every form that a target may give it, and what is none stays."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

import pytest

from assay.conformance.redaction import hidden

SECRET = 'sk-Ab/9+z "q\\é_Zx==='
FORMS = {
    "as it is": SECRET,
    "in capitals": SECRET.upper(),
    "percent-encoded": quote(SECRET, safe=""),
    "percent-encoded in part": quote(SECRET),
    "percent-encoded in small letters": quote(SECRET, safe="").lower(),
    "percent-encoded twice": quote(quote(SECRET, safe=""), safe=""),
    "as a form": quote_plus(SECRET),
    "in JSON": json.dumps(SECRET)[1:-1],
    "in JSON, UTF-8": json.dumps(SECRET, ensure_ascii=False)[1:-1],
    "in JSON, slashes too": json.dumps(SECRET)[1:-1].replace("/", "\\/"),
    "in JSON inside JSON": json.dumps(json.dumps(SECRET))[3:-3],
    "all escaped": "".join(f"\\u{ord(character):04X}" for character in SECRET),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_secret_is_hidden_in_every_form(form):
    """What stands around it stays."""
    assert hidden(f"before <{form}> after", (SECRET,)) == "before <(hidden)> after"


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("before", [b"", b"a", b"ab", b"abc", b"user:"])
@pytest.mark.parametrize("after", [b"", b"a", b"ab"])
def test_a_secret_is_hidden_in_base64(encode, before, after):
    """Wherever it begins in what was encoded: at most one character is left of those that it decides in part."""
    text = encode(before + SECRET.encode() + after).decode()
    clean = hidden(f"<{text}>", (SECRET,))
    assert "(hidden)" in clean
    rest = clean.removeprefix("<").removesuffix(">").replace("(hidden)", "").rstrip("=")
    assert len(rest) <= -(-(len(before) + len(after)) * 8 // 6)


def test_every_secret_is_hidden_the_longest_first():
    """A field's value goes before the key in it; what is too short, and any other text, stays."""
    assert hidden("Bearer abcdef, abcdef, abc, abcde", ("Bearer abcdef", "abcdef", "abc")) == (
        "(hidden), (hidden), abc, abcde"
    )
    text = 'An answer, "%41%42" and Zm9vYmFy \\u0041.'
    assert hidden(text, (SECRET, "\udcff-undecodable")) == text
    assert hidden(text, ()) == text
