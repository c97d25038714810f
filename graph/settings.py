"""Read the settings of the database: CIRCUITS_* environment variables, or else a file .env in the current folder."""

import os
from difflib import get_close_matches
from io import StringIO
from pathlib import Path
from typing import Any

from dotenv.parser import parse_stream
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from extract.files import reason_of
from extract.printable import is_encodable
from graph.errors import InvalidSettings

_FILE, _PREFIX = ".env", "CIRCUITS_"
_LIKE = 0.85  # names at least this similar count as a misspelling


class Settings(BaseSettings):
    """All settings; arguments override the environment, which overrides .env."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, env_file=_FILE, env_ignore_empty=True, extra="ignore")

    home: Path = Path(".circuits")  # the folder of this project's data
    database: str | None = None  # a server's URL, or the folder of an embedded database
    user: str = "neo4j"
    password: SecretStr = SecretStr("")
    database_name: str | None = None  # on a server with several databases; the user's default one unless set
    extractions: Path = Path()  # the folder that holds extraction folders; the current folder unless set
    heap: int | None = Field(default=None, ge=64)  # MiB for the embedded server

    @field_validator("home", "database", "extractions", mode="before")
    @classmethod
    def _a_path(cls, path: Any) -> Any:
        if "\0" in str(path) or not is_encodable(str(path)):
            raise ValueError("a path or an address must be UTF-8 without the character NUL")
        return path if path is None else os.path.expanduser(path)  # noqa: PTH111, a URL stays as it is

    @field_validator("database")
    @classmethod
    def _without_secrets(cls, database: str | None) -> str | None:
        if database and "://" in database and "@" in database:  # messages and `doctor` print the URL
            raise ValueError("an address may not hold a user or a password; set CIRCUITS_USER and CIRCUITS_PASSWORD")
        return database

    @property
    def place(self) -> str | Path:
        """Where the database is: a server's URL or a folder.

        `database` if that is set, else the folder `database` in `home`.
        """
        if self.database and "://" in self.database:
            return self.database
        return Path(self.database) if self.database else self.home / "database"


def _refuse_what_sets_nothing(file: Path) -> None:
    """Raise InvalidSettings for a misspelled CIRCUITS_ variable, or for a line of the file that cannot be read as one.

    Raises UnicodeError for a file in UTF-16 without a byte order mark: read as UTF-8 it is valid text but sets nothing.
    """
    content = file.read_bytes() if file.is_file() else b""
    if b"\0" in content[:2]:
        raise UnicodeError
    bindings = list(parse_stream(StringIO(content.decode("utf-8-sig"))))
    for binding in bindings:
        if binding.value is None and _PREFIX in binding.original.string.upper().partition("#")[0]:
            raise InvalidSettings(
                f"Line {binding.original.line} of the file {_FILE} here does not have the form NAME=value. Correct it, "
                "or leave it out."
            )
    known = [name.upper() for name in Settings.model_fields]
    for name in (*os.environ, *(binding.key or "" for binding in bindings)):
        prefix, own = name[: len(_PREFIX)].upper(), name[len(_PREFIX) :].upper()
        if prefix == _PREFIX and own not in known and (like := get_close_matches(own, known, 1, _LIKE)):
            raise InvalidSettings(f"{name} is not a setting. Write {_PREFIX}{like[0]}, or leave it out.")


def settings(**overrides: Any) -> Settings:
    """Read the settings; overrides that are not None take precedence. Raises InvalidSettings."""
    try:
        _refuse_what_sets_nothing(Path(_FILE))
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except (OSError, UnicodeError) as error:
        reason = reason_of(error) if isinstance(error, OSError) else "it is not text in UTF-8"
        raise InvalidSettings(
            f"The file {_FILE} here cannot be read: {reason}. Save it as UTF-8, or remove it."
        ) from error
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        raise InvalidSettings(
            f"CIRCUITS_{name} is not valid: {first['msg'].removeprefix('Value error, ')}. Correct it, or leave it out."
        ) from error
