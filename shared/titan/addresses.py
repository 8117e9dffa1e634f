"""Where a store is, with what it takes to get in. What stands in a file is read for every connection that is made.

So a secret is changed without a restart: connections that stand go on, new ones are made with what the file says now.
Nothing watches the file. While it lags behind the store, or is just being replaced, the store is away as far as a new
connection is concerned, and is tried again like any store that is away.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from msgspec import Struct

from titan.errors import Misconfigured, Unavailable

Address = str | Callable[[], str]
"""A URL or connection string with its password; a function gives the one that holds now."""


def current(address: Address) -> str:
    """The address that holds now.

    Raises:
        Unavailable: where a file that it is made of cannot be read.
    """
    return address() if callable(address) else address


class Secret(Struct, frozen=True):
    """What nobody else may know: as it was given, or the file that holds it. Ask for it when it is needed."""

    variable: str
    """The setting `X`; the file's path was given by `X_FILE`."""
    text: str = ""
    path: str = ""

    def __repr__(self) -> str:
        """Nothing of what it holds, wherever it may be printed."""
        return f"Secret({self.variable})"

    def read(self) -> str:
        """What holds now.

        Raises:
            Unavailable: where the file cannot be read; the sentence does not hold its path, as clients may see it.
        """
        try:
            return self._read()
        except (OSError, ValueError) as error:
            raise Unavailable(f"{self.variable}_FILE {_reason(error)}.", is_refusal=True) from error

    def faults(self) -> Iterator[str]:
        """What keeps it from being read, for whoever starts the process."""
        try:
            self._read()
        except (OSError, ValueError) as error:
            yield f"{self.variable}_FILE={self.path} {_reason(error)}."

    def _read(self) -> str:
        if not self.path:
            return self.text
        # Who writes a file with an editor or with `echo` ends it with a line break that is no part of the secret.
        text = Path(self.path).read_text(encoding="utf-8").rstrip("\r\n")
        if not text or "\0" in text:
            raise ValueError("is empty" if not text else "holds a NUL")
        return text


def _reason(error: OSError | ValueError) -> str:
    match error:
        case OSError():
            return f"cannot be read: {error.strerror or error}"
        case UnicodeError():
            return "is not UTF-8"
        case _:
            return str(error)


def address(url: Secret, password: Secret | None) -> Address:
    """The address that a URL and the password for it make together; a function where one of them is in a file.

    Raises:
        Misconfigured: where the URL has a password already.
    """

    def joined() -> str:
        return url.read() if password is None else _with_password(url, password)

    def fresh() -> str:
        try:
            return joined()
        except Misconfigured as error:
            raise Unavailable(str(error), is_refusal=True) from error

    at_first = joined()
    return fresh if url.path or (password is not None and password.path) else at_first


_PASSWORD = re.compile(r"(^|[?&\s])password\s*=", re.IGNORECASE)


def _with_password(url: Secret, password: Secret) -> str:
    text = url.read()
    scheme, separator, rest = text.partition("://")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    user, _, host = authority.rpartition("@")
    options = text if _is_plain(text) else f"?{text.partition('?')[2]}"
    if ":" in user or _PASSWORD.search(options):
        raise Misconfigured(f"{url.variable} holds a password, and {password.variable} is set too: leave one out.")
    secret = password.read()
    if _is_plain(text):
        escaped = secret.replace("\\", "\\\\").replace("'", "\\'")
        return f"{text} password='{escaped}'"
    return f"{scheme}{separator}{user}:{quote(secret, safe='')}@{host}{rest[len(authority) :]}"


def _is_plain(text: str) -> bool:
    """Whether it is libpq's `host=… dbname=…` and no URL."""
    keyword, equals, _ = text.partition("=")
    return bool(equals) and "://" not in keyword


class Database(Struct, frozen=True):
    """How PostgreSQL is reached."""

    conninfo: Address
    """As libpq wants it; holds the password."""
    pool_size: int = 10
    """Connections that are kept."""
    max_overflow: int = 10
    """Connections beyond these that are made under load."""


_SSL_MODES = {"true": "require", "1": "require", "false": "disable", "0": "disable"}


def database(address: Address) -> Database:
    """How to reach a database by an address in any spelling: `postgresql+asyncpg://`, `?ssl=`, `?pool_size=`.

    The sizes of the pool are those of now.

    Raises:
        Misconfigured: where it is not one for PostgreSQL. The sentence never holds the password.
    """
    if not callable(address):
        return _database(address)
    told = address

    def fresh() -> str:
        try:
            return current(_database(told()).conninfo)
        except Misconfigured as error:
            raise Unavailable(str(error), is_refusal=True) from error

    first = _database(told())
    return Database(fresh, first.pool_size, first.max_overflow)


def _database(url: str) -> Database:
    if _is_plain(url):
        return Database(conninfo=url)
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise Misconfigured("DATABASE_URL is not a URL: are there brackets in it that must be escaped?") from error
    if parts.scheme.partition("+")[0] not in {"postgresql", "postgres"}:
        raise Misconfigured(
            f"DATABASE_URL has the scheme {parts.scheme!r}: "
            "it must look like postgresql://user:password@host:5432/database."
        )
    sizes: dict[str, int] = {}
    options: list[tuple[str, str]] = []
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name in {"pool_size", "max_overflow"}:
            sizes[name] = _size(name, value)
        elif name == "ssl":
            options.append(("sslmode", _SSL_MODES.get(value.casefold(), value)))
        else:
            options.append((name, value))
    # libpq decodes %20 but takes a plus as it stands.
    query = urlencode(options, quote_via=quote)
    conninfo = urlunsplit(("postgresql", parts.netloc, parts.path, query, ""))
    # urlunsplit leaves the empty authority of a socket URL out, and libpq wants it.
    return Database(conninfo=conninfo if parts.netloc else f"postgresql://{conninfo.partition(':')[2]}", **sizes)


def _size(name: str, value: str) -> int:
    least = 1 if name == "pool_size" else 0
    if not (value.isascii() and value.isdigit() and int(value) >= least):
        raise Misconfigured(f"DATABASE_URL has {name}={value!r}: it must be a number of connections from {least} up.")
    return int(value)
