"""Settings of the database: CIRCUITS_* variables of the environment, else of a file .env in the current folder."""

import os
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from extract.files import reason_of
from extract.printable import is_encodable
from graph.errors import InvalidSettings

_FILE = ".env"


class Settings(BaseSettings):
    """All settings; arguments override the environment, which overrides .env."""

    model_config = SettingsConfigDict(env_prefix="CIRCUITS_", env_file=_FILE, env_ignore_empty=True, extra="ignore")

    home: Path = Path(".circuits")  # the folder of this project's data
    database: str | None = None  # a server's URL, or the folder of an embedded database
    user: str = "neo4j"
    password: SecretStr = SecretStr("")
    database_name: str | None = None  # on a server that has several; else the user's own
    extractions: Path = Path()  # the folder in which extraction folders lie; the current one unless set
    heap: int | None = Field(default=None, ge=64)  # MiB for the embedded server

    @field_validator("home", "database", "extractions", mode="before")
    @classmethod
    def _a_path(cls, path: Any) -> Any:
        if "\0" in str(path) or not is_encodable(str(path)):
            raise ValueError("a path or an address is UTF-8 without the character NUL")
        return path if path is None else os.path.expanduser(path)  # noqa: PTH111, an address stays as it is

    @field_validator("database")
    @classmethod
    def _without_secrets(cls, database: str | None) -> str | None:
        if database and "://" in database and "@" in database:  # messages and `doctor` print the address
            raise ValueError("an address holds no user and no password; CIRCUITS_USER and CIRCUITS_PASSWORD do")
        return database

    @property
    def place(self) -> str | Path:
        """A server's URL, or a folder: `database` if it is set, else the folder `database` in `home`."""
        if self.database and "://" in self.database:
            return self.database
        return Path(self.database) if self.database else self.home / "database"


def _refuse_utf16(file: Path) -> None:
    """Raise UnicodeError for a file in UTF-16 without a mark: as UTF-8 it is a text, and sets nothing."""
    if file.is_file() and b"\0" in file.read_bytes()[:2]:
        raise UnicodeError


def settings(**overrides: Any) -> Settings:
    """Read the settings; overrides that are not None come first. Raises InvalidSettings."""
    try:
        _refuse_utf16(Path(_FILE))
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except (OSError, UnicodeError) as error:
        reason = reason_of(error) if isinstance(error, OSError) else "it is no UTF-8 text"
        raise InvalidSettings(
            f"The file {_FILE} here cannot be read: {reason}. Save it as UTF-8, or remove it."
        ) from error
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        raise InvalidSettings(
            f"CIRCUITS_{name} does not fit: {first['msg'].removeprefix('Value error, ')}. Mend it, or leave it out."
        ) from error
