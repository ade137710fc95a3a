# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a YAML scalar means to Kubernetes and Helm: ``y`` is a boolean, ``1e3`` a number, ``1:30``, ``=`` and dates are
text, and every key of a mapping becomes text.

Rules: resolve.go of go.yaml.in/yaml/v2; for keys yaml.go of sigs.k8s.io/yaml; for numbers Go's encoding/json, strconv.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import struct
from decimal import Decimal
from typing import Any

# What go.yaml.in/yaml/v2 refuses or folds unless it is escaped: control characters, line separators, no characters.
_ESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_TAG = "tag:yaml.org,2002:"
_TYPES: dict[str, type] = {"bool": bool, "int": int, "float": float, "null": type(None), "timestamp": str}
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
# strconv.ParseInt with base 0, for text whose underscores were removed.
_INTEGER = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))")
_SIGNED_BINARY = re.compile(r"0b([-+][01]+)")  # resolve.go's own
_DECIMAL = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_TIME = re.compile(  # parseTimestamp in resolve.go
    r"[0-9]{4}-(0?[1-9]|1[0-2])-(0?[1-9]|[12][0-9]|3[01])"
    r"(?:(?:[Tt ][0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(?:[.,][0-9]+)?)(?:(?<! )(?:Z|[-+][0-9]{2}:[0-9]{2}))?)?"
)
_INT64, _UINT64 = 1 << 63, 1 << 64
_INT_DIGITS = 128  # longer ones are not 64-bit integers
_JSON_PLAIN = 1e21  # encoding/json writes floats from here on with an exponent
_KEY_EXPONENTS = range(-4, 6)  # strconv.FormatFloat writes these without one


def plain(text: str) -> Any:
    """The value of a scalar without quotes and tag. Floats are not JSON's yet: see json_value."""
    if text in _WORDS:
        return _WORDS[text]
    first = text[0]
    if first not in ".+-0123456789":
        return text
    digits = text if first == "." else text.replace("_", "")
    if (integer := _integer(digits)) is not None:
        return integer
    if _DECIMAL.fullmatch(digits) and not math.isinf(number := float(digits)):
        return number
    return text


def tagged(tag: str, text: str) -> Any:
    """The value of a scalar with a tag; unknown tags mean text. Raises ValueError with a sentence."""
    name = tag.removeprefix(_TAG)
    if tag == name or name not in {*_TYPES, "binary"}:
        return text
    if name == "binary":
        try:
            return base64.b64decode(text.replace("\n", ""), validate=True).decode(errors="replace")
        except binascii.Error:
            raise ValueError("!!binary value contains invalid base64 data") from None
    value = text if name == "timestamp" else plain(text)
    if name == "float" and isinstance(value, int) and not isinstance(value, bool) and value < _INT64:
        return float(value)
    kind = _TYPES[name]
    is_bool = isinstance(value, bool) and kind is not bool  # in Python a number too
    if not isinstance(value, kind) or is_bool or (name == "timestamp" and not _TIME.fullmatch(text)):
        raise ValueError(f"it cannot be decoded as !!{name}")
    return value


def means_itself(text: str) -> bool:
    """Whether ``text`` without quotes is read as this text."""
    return text != "<<" and plain(text) == text


def json_value(value: Any) -> Any:
    """A value as it is read again from JSON: ``1e3`` is 1000. Raises ValueError for what JSON does not have."""
    if not isinstance(value, float):
        return value
    if math.isnan(value) or math.isinf(value):
        raise ValueError(f"JSON has no number {value}")
    return int(Decimal(repr(value))) if value.is_integer() and abs(value) < _JSON_PLAIN else value


def key_text(key: Any) -> str:
    """The text that becomes of a key. Raises ValueError."""
    if isinstance(key, str):
        return key
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, float):
        return _float_text(key)
    if isinstance(key, int) and key < _INT64:
        return str(key)
    raise ValueError("a key has to be text: quote it, or remove it")


def _integer(text: str) -> int | None:
    if found := _INTEGER.fullmatch(text):
        sign, *numbers = found.groups()
        base, digits = next((base, each) for base, each in zip((16, 2, 8, 10), numbers, strict=True) if each)
        if len(digits) > _INT_DIGITS:
            return None
        value = int(f"{sign}{digits}", base)
        return value if -_INT64 <= value < _INT64 or (not sign and value < _UINT64) else None
    if (found := _SIGNED_BINARY.fullmatch(text)) and len(text) <= _INT_DIGITS:
        value = int(found[1], 2)
        return value if -_INT64 <= value < _INT64 else None
    return None


def _float_text(value: float) -> str:
    """``strconv.FormatFloat(value, 'g', -1, 32)``, with YAML's words for what is no number."""
    if math.isnan(value):
        return ".nan"
    try:
        exact = struct.pack("f", value)
    except OverflowError:
        exact = struct.pack("f", math.copysign(math.inf, value))
    single: float = struct.unpack("f", exact)[0]
    if math.isinf(single):
        return ".inf" if single > 0 else "-.inf"
    shortest = next(text for digits in range(10) if struct.pack("f", float(text := f"{single:.{digits}e}")) == exact)
    mantissa, _e, exponent = shortest.partition("e")
    return format(Decimal(shortest), "f") if int(exponent) in _KEY_EXPONENTS else f"{mantissa}e{int(exponent):+03d}"


def json_for_yaml(text: str) -> str:
    """JSON (with ``ensure_ascii=False``: YAML has no surrogates) that parsers of YAML read as the same data."""
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
