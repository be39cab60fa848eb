"""YAML written by hand, so that comments and the house's layout stay. Keep out: what is said."""

from __future__ import annotations

import json
import re

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9 _.,/()-]*[A-Za-z0-9.)]")
_SPECIAL = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}


def quoted(text: str) -> str:
    """A text as a YAML scalar on one line, in quotes only where it needs them."""
    one_line = " ".join(str(text).split())
    if _PLAIN.fullmatch(one_line) and one_line.lower() not in _SPECIAL:
        return one_line
    return json.dumps(one_line, ensure_ascii=False)


def flow(text: str) -> str:
    """The same inside {} or [], where a comma ends a scalar."""
    plain = quoted(text)
    return json.dumps(plain, ensure_ascii=False) if "," in plain and plain[0] != '"' else plain


def code(text: str) -> str:
    """A text that must stay one: always in quotes."""
    return json.dumps(text, ensure_ascii=False)


def single(text: str) -> str:
    """A text in single quotes, for regular expressions."""
    return "'" + text.replace("'", "''") + "'"


def folded(text: str, indent: int, width: int = 98) -> str:
    """A long text as a folded block: `>-` and lines of the given indent."""
    import textwrap

    lines = textwrap.wrap(
        " ".join(text.split()), width - indent, break_long_words=False, break_on_hyphens=False
    )
    return ">-\n" + "\n".join(" " * indent + line for line in lines)
