"""Where the catalog is and who asks for it: the environment's CIRCUITS_* variables, else those in a file .env here."""

from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from graph.errors import InvalidSettings


class Settings(BaseSettings):
    """What may be set; an argument goes before the environment, and that before .env."""

    model_config = SettingsConfigDict(env_prefix="CIRCUITS_", env_file=".env", env_ignore_empty=True, extra="ignore")

    home: Path = Path(".circuits")  # what this project keeps
    database: str | None = None  # a server's URL, or the folder of an embedded database
    user: str = "neo4j"
    password: SecretStr = SecretStr("")
    database_name: str | None = None  # on a server that has several; else the user's own
    heap: int | None = Field(default=None, ge=64)  # MiB for the embedded server

    @field_validator("database")
    @classmethod
    def _without_secrets(cls, database: str | None) -> str | None:
        if database and "://" in database and "@" in database:  # an address is shown, in messages and by `doctor`
            raise ValueError("an address holds no user and no password; CIRCUITS_USER and CIRCUITS_PASSWORD do")
        return database

    @property
    def place(self) -> str | Path:
        """A server's URL, or a folder: the one named, else `database` in `home`."""
        if self.database and "://" in self.database:
            return self.database
        return Path(self.database) if self.database else self.home / "database"


def settings(**given: Any) -> Settings:
    """The settings, those given first; None counts as not given. Raises InvalidSettings."""
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        raise InvalidSettings(
            f"CIRCUITS_{name} does not fit: {first['msg'].removeprefix('Value error, ')}. Mend it, or leave it out."
        ) from error
