"""Where Neo4j is and who we are there."""

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Neo4jSettings(BaseSettings):
    """Read from `NEO4J_URI`, `NEO4J_USER` and `NEO4J_PASSWORD`; the defaults are those of the embedded stack."""

    model_config = SettingsConfigDict(env_prefix="NEO4J_", frozen=True)

    uri: str = "bolt://127.0.0.1:7687"
    user: str = "neo4j"
    password: SecretStr = SecretStr("vigia-local")
