# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hides credentials in text that others wrote: known secrets, published token formats, what a name announces.

Takes time linear in the length of the text, whatever is in it: patterns repeat bounded or guarded runs only, and a
value is read once, by :mod:`.secret_values`. Names of Secrets, of keys and of users' mistakes stay readable.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise

from .known_secrets import KNOWN
from .secret_values import MASK, end_of_line, end_of_value, is_wordlike
from .token_formats import FORMATS

_FLAGS = re.ASCII | re.IGNORECASE
# A name that ends like this is followed by a credential. Short words need a boundary before them.
_NAME = (
    r"(?:pass(?:word|wd|phrase|code)|passwort|secret|token|credential|private[_.-]?key|api[_.-]?key|access[_.-]?key"
    r"|account[_.-]?key|auth[_.-]?key|signing[_.-]?key|encryption[_.-]?key|master[_.-]?key|session[_.-]?(?:id|key)"
    r"|signature|authtoken|requirepass|connection[_.-]?string|(?:client|consumer|shared)[_.-]?key|client[_.-]key[_.-]data"
    r"|(?<![a-z])(?:pass|pwd|pw|psw|sig|sas|dsn|jwt|otp|bearer|auth|authfile|jsessionid|phpsessid|connect\.sid)"
    r"|(?<=[a-z])(?-i:Pass|Pwd|Auth|Sig))"
    r"(?:[_.-]?(?:key|value|base|data|hash|text|string|\d{1,3})){0,2}s?"
)
_ASSIGNED = re.compile(
    rf"""{_NAME}(?:\\{{0,8}}["'`]\]?(?P<quoted>)|\])?(?P<gap>\s{{0,8}})"""
    r"""(?:=>|:=|->|={1,3}|::?|%3D|%3A|&#61;)(?P<space>[ \t]{0,8})""",
    _FLAGS,
)
# What follows instead of a value where something could not be read.
_WHY = re.compile(
    r"(?:no such |permission denied|operation not permitted|not a directory|is a directory|not found|does not exist"
    r"|read-only file system|[45]\d\d [a-z]{3}|E(?:ACCES|NOENT|PERM|ISDIR|NOTDIR)\b"
    r"|(?:serviceaccounts?|secrets?|configmaps?) \\{0,8}[\"'])",
    _FLAGS,
)
_ANNOUNCED = re.compile(
    r"(?<![a-z/])(?:password|passwd|passphrase|pwd|pw|token|api[ _-]?key|access[ _-]?key|secret[ _-]?key|identified by)"
    r"(?: (?:is|was|of|for|to|set to|used|value))?[ \t]{1,8}",
    _FLAGS,
)
_FLAG = re.compile(rf"(?<![\w-])--?[\w.-]{{0,40}}{_NAME}(?:=|[ \t]{{1,8}})", _FLAGS)
_USER_FLAG = re.compile(r"""(?<![\w-])(?:-u|--user|--proxy-user)[= \t]{1,4}["']?[\w.@%+-]{0,64}:""", _FLAGS)
_HEADER = re.compile(
    r"""(?<![a-z])(?:(?:proxy-)?authorization|(?:set-)?cookie2?|x-(?:api|auth|amz|goog|vault|consul|functions|ms)-"""
    r"""[\w-]{0,30}(?:key|token|signature|credential)|(?:private|job|deploy)-token)"""
    r"""\\{0,8}["']?\s{0,4}[:=]\s{0,4}(?:\\{0,8}["'\[(]){0,2}""",
    _FLAGS,
)
_HEADER_VALUE = re.compile(
    r"(?P<scheme>(?:bearer|basic|digest|token|negotiate|apikey|aws4-hmac-sha256)[ \t]{1,4})?"
    r"""(?P<rest>(?P<first>[^\s"'\\\])}]{1,4096})[^\n"'\\\])}]{0,4096})""",
    _FLAGS,
)
_SCHEME = re.compile(r"(?<![a-z])(?:bearer|basic|digest|negotiate|token)[ \t]{1,4}(?=[\w.~+/=-]{6})", _FLAGS)
_TAG = re.compile(rf"<[\w:.-]{{0,40}}{_NAME}(?:[ \t][^<>]{{0,200}})?>", _FLAGS)
_PAIR = re.compile(
    rf"""(?:name|key)\\{{0,8}}["']?\s{{0,4}}[:=]\s{{0,4}}\\{{0,8}}["']?[\w.-]{{0,60}}{_NAME}\\{{0,8}}["']?"""
    r"""[\s,]{1,20}\\{0,8}["']?value\\{0,8}["']?\s{0,4}[:=]\s{0,4}""",
    _FLAGS,
)
_LOGIN = re.compile(r"\blogin[ \t]{1,4}\S{1,64}[ \t]{1,4}password[ \t]{1,4}", _FLAGS)
_PGPASS = re.compile(r"^[\w.*-]{1,200}:(?:\d{2,5}|\*):[^:\s]{1,64}:[^:\s]{1,64}:(?=\S)", re.ASCII | re.MULTILINE)
_URL = re.compile(r"(?<![a-z+.-])[a-z][a-z0-9+.-]{1,30}(?::|%3a)(?:/|\\/|%2f){2}", _FLAGS)
_DRIVER, _DRIVER_USER = re.compile(r"@(?:tcp6?|unix|udp)?\("), re.compile(r"[\w.-]{1,64}:(?=[^\s]{1,256}$)", re.ASCII)
_USERINFO = re.compile(r"[^\s\"'<>`]{0,1024}", re.ASCII)
_PORT_AND_PATH = re.compile(r"[\w.-]{0,255}:\d{1,5}(?:/|$)", re.ASCII)
_ESCAPE = re.compile("\x1b\\[[0-9:;<=>?]{0,64}[ -/]{0,8}[@-~]")  # control sequences, ECMA-48 section 5.4
_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_END = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_BODY = re.compile(r"[ \t]*(?:[\w+/=.:-]{0,40}[ \t|]{1,4})?[\w+/=]{16,128}[ \t\r]*", re.ASCII)
_RUN = re.compile(r"(?<![\w+/=.-])[\w+/=-]{32,}", re.ASCII)
_QUOTED_RUN = re.compile(r"""(?<=["'])(?:[0-9a-fA-F]{24,}|[\w+/=-]{20,})(?=["'\\])""", re.ASCII)
_HARMLESS_NAME = re.compile(
    r"""(?:id|ids|sha\d{0,3}|digest|hash|checksum|commit|revision|etag|trace|span|uid|version|ref|image|tag|name|path|file"""
    r"""|fingerprint|span_id|traceid|node|host|pod)[\w.-]{0,20}\\{0,8}["']?\s{0,4}[:=]\s{0,4}\\{0,8}["']$""",
    _FLAGS,
)
# Docker Hub names the account in rate-limit events, other registries in denials.
_QUOTED_ACCOUNT = r"""(\s{0,4}[=:]?\s{0,4})(["'])[^"'\n]{1,200}\3"""
_ACCOUNTS = (
    ("as", re.compile(rf"\b(as){_QUOTED_ACCOUNT}", _FLAGS), rf"\1\2\3{MASK}\3"),
    ("user", re.compile(rf"\b(for user|user(?:name)?){_QUOTED_ACCOUNT}", _FLAGS), rf"\1\2\3{MASK}\3"),
    ("toomanyrequests", re.compile(r"(toomanyrequests:[^\n]{0,400}?\bas\s{1,4})\S{1,200}", _FLAGS), rf"\1{MASK}"),
)
Span = tuple[int, int]
_Finder = Callable[[str], Iterator[Span]]


def masked(text: str) -> str:
    """``text`` without passwords, tokens, keys and registry user names, nor known secrets in whatever encoding.

    Where an escape sequence of a terminal hides one of them, it goes as well.
    """
    found = _masked(text)
    if "\x1b" in text:
        bare = _masked(_ESCAPE.sub("", text))
        if bare != _ESCAPE.sub("", found):
            return bare
    return found


def _masked(text: str) -> str:
    text = KNOWN.hidden_in(text)
    lowered = text.lower()
    for words, find in _FINDERS:
        if not words or any(word in lowered for word in words):
            text = _without(text, find(text))
    for word, pattern, replacement in _ACCOUNTS:
        if word in lowered:
            text = pattern.sub(replacement, text)
    return text


def hidden_across_lines(text: str) -> str:
    """A log without private keys and known secrets, which may stand on several of its lines."""
    text = KNOWN.hidden_in(text)
    return _without(text, _private_keys(text)) if "-----" in text else text


def _without(text: str, spans: Iterator[Span]) -> str:
    parts, done = [], 0
    for start, end in spans:
        parts += [text[done:start], MASK]
        done = end
    return "".join([*parts, text[done:]]) if parts else text


def _private_keys(text: str) -> Iterator[Span]:
    """From BEGIN to END; without an END the lines that look like a key's; without a BEGIN those before the END."""
    at, ends = 0, True
    while (found := _BEGIN.search(text, at)) is not None:
        end = _END.search(text, found.end()) if ends else None
        ends = end is not None
        at = end.end() if end else _end_of_body(text, end_of_line(text, found.end()))
        yield found.start(), at
    if at == 0 and (end := _END.search(text)) is not None:
        lines = text[: end.start()].split("\n")
        kept = len(lines)
        while kept and (not lines[kept - 1] or _BODY.fullmatch(lines[kept - 1])):
            kept -= 1
        yield len("\n".join(lines[:kept])), end.end()


def _end_of_body(text: str, at: int) -> int:
    while at < len(text):
        end = end_of_line(text, at + 1)
        if not _BODY.fullmatch(text, at + 1, end):
            return at
        at = end
    return at


def _user_infos(text: str) -> Iterator[Span]:
    """User and password of URLs, also those with ``@``, ``/`` or ``?`` in the password."""
    at = 0
    while (found := _URL.search(text, at)) is not None:
        start, rest = found.end(), _USERINFO.match(text, found.end())
        at = start
        end = _end_of_user_info(found[0].lower(), rest[0] if rest else "")
        if end:
            yield start, start + end
            at = start + end


def _end_of_user_info(scheme: str, rest: str) -> int:
    """Index of the ``@`` behind a URL's user info in ``rest``, 0 if there is none."""
    first = rest.find("@")
    if "%" in scheme and first < 0:
        first = rest.lower().find("%40")
    if first < 1:
        return 0
    plain_web = scheme.startswith(("http", "oci", "docker", "git", "file", "ssh"))
    authority = re.match(r"[^/?#]*", rest)
    inside = authority[0].rfind("@") if authority else -1
    if plain_web:
        if inside > 0:
            return inside
        # a slash in a password; not a port with a path, nor a digest or a scope in a path
        has_password = ":" in rest[:first].split("/")[0] and not _PORT_AND_PATH.match(rest)
        return first if has_password else 0
    query = rest.find("?", first)
    return rest.rfind("@", 0, query if query > 0 else len(rest))


def _assigned(text: str) -> Iterator[Span]:
    """Values of names: ``password=x``, ``"token": "x"``, ``secret => 'x'``, ``key: x``."""
    at = 0
    while (found := _ASSIGNED.search(text, at)) is not None:
        at = found.end()
        loose = found["quoted"] is not None and bool(found["gap"]) and text[at : at + 1] not in "\"'\\"
        if _WHY.match(text, at):  # the name is a file's or an object's
            continue
        if loose:  # a name in quotes, then prose: volume "x-token" : secret "y" not found
            continue
        start, end = end_of_value(text, at)
        if end > start:
            yield start, end
            at = end


def _announced(text: str) -> Iterator[Span]:
    """``password x``, where x does not look like a word of the sentence."""
    at = 0
    while (found := _ANNOUNCED.search(text, at)) is not None:
        at = found.end()
        start, end = end_of_value(text, at)
        value = text[start:end]
        quoted = text[start - 1 : start] in ('"', "'") and found[0].lower().startswith(("pass", "pw", "identified"))
        if (value and quoted) or (
            len(value) >= 5 and not is_wordlike(value) and "/" not in value and not value.endswith(":")
        ):
            yield start, end
            at = end


def _after(pattern: re.Pattern[str]) -> _Finder:
    """The value behind each match."""

    def find(text: str) -> Iterator[Span]:
        at = 0
        while (found := pattern.search(text, at)) is not None:
            at = found.end()
            start, end = end_of_value(text, at, until="<" if pattern is _TAG else "")
            if end > start and text[start] != "-":
                yield start, end
                at = end

    return find


def _schemes(text: str) -> Iterator[Span]:
    """``Bearer x``, ``Basic x``; not ``basic authentication`` or ``Bearer realm=``."""
    at = 0
    while (found := _SCHEME.search(text, at)) is not None:
        start, end = end_of_value(text, found.end())
        at = max(end, found.end())
        value = text[start:end]
        if not is_wordlike(value.partition("=")[0] if '="' in text[start : end + 2] else value):
            yield start, end


def _headers(text: str) -> Iterator[Span]:
    """Whole values of headers that carry a credential, up to the end of the line or the closing quote."""
    at = 0
    while (found := _HEADER.search(text, at)) is not None:
        at = found.end()
        value = _HEADER_VALUE.match(text, at)
        if value is not None and (value["scheme"] or not is_wordlike(value["first"])):
            yield value.span("rest")
            at = value.end()


def _formats(text: str) -> Iterator[Span]:
    lowered = text.lower()
    spans = [found.span() for word, form in FORMATS if word in lowered for found in form.finditer(text)]
    return _merged(spans)


def _random(text: str) -> Iterator[Span]:
    """Long runs that look random: base64 keys, tokens without a known format. Digests and names do not."""
    spans = [found.span() for found in _RUN.finditer(text) if _looks_random(found[0])]
    for found in _QUOTED_RUN.finditer(text):
        hexadecimal = not re.search("[^0-9a-fA-F]", found[0])
        random = _many_digits(found[0]) if hexadecimal else _looks_random(found[0])
        if random and not _HARMLESS_NAME.search(text, max(0, found.start() - 60), found.start()):
            spans.append(found.span())
    return _merged(spans)


def _many_digits(run: str) -> bool:
    return len(set(run)) >= 8 and any(map(str.isdigit, run)) and any(map(str.isalpha, run))


def _looks_random(run: str) -> bool:
    run = run[:512]
    size = len(run)
    upper, lower, digits = (sum(map(kind, run)) for kind in (str.isupper, str.islower, str.isdigit))
    changes = sum(_kind(a) != _kind(b) for a, b in pairwise(run))
    return upper * 10 >= size and lower * 10 >= size and digits * 25 >= size and changes * 5 >= size * 2


def _kind(char: str) -> int:
    return 0 if char.isupper() else 1 if char.islower() else 2 if char.isdigit() else 3


def _merged(spans: list[Span]) -> Iterator[Span]:
    done = 0
    for start, end in sorted(spans):
        if end > done:
            yield max(start, done), end
            done = end


def _pgpass(text: str) -> Iterator[Span]:
    for found in _PGPASS.finditer(text):
        yield found.end(), min(end_of_line(text, found.end()), found.end() + 512)


def _drivers(text: str) -> Iterator[Span]:
    """``user:password@tcp(host)``, as Go's database drivers have it."""
    for found in _DRIVER.finditer(text):
        start = max(text.rfind(blank, 0, found.start()) for blank in " \"'=\n")
        user = _DRIVER_USER.match(text, max(start + 1, found.start() - 320), found.start())
        if user:
            yield user.end(), found.start()


# What a text must contain, in lower case, for a finder to find anything: most lines have none of it.
_NAMES = ("pass", "secret", "token", "credential", "key", "pwd", "pw", "psw", "sig", "sas", "dsn", "jwt", "otp",
          "bearer", "auth", "sess", "connect")  # fmt: skip
_FINDERS: tuple[tuple[tuple[str, ...], _Finder], ...] = (
    (("-----",), _private_keys),
    (("@", "%40"), _user_infos),
    (("@tcp", "@unix", "@udp", "@("), _drivers),
    (("authorization", "cookie", "-token", "-key", "-signature", "-credential"), _headers),
    ((), _formats),
    (("value",), _after(_PAIR)),
    (("<",), _after(_TAG)),
    (("login",), _after(_LOGIN)),
    ((":",), _pgpass),
    (("-u", "--user", "--proxy-user"), _after(_USER_FLAG)),
    (("-",), _after(_FLAG)),
    (_NAMES, _assigned),
    (("bearer", "basic", "digest", "negotiate", "token"), _schemes),
    (("pass", "pw", "token", "key", "identified"), _announced),
    ((), _random),
)
