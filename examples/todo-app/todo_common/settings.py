"""Settings come from environment variables and nowhere else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

#: In both directions, between an app and its sidecar.
TOKEN_HEADER = "dapr-api-token"
FAULTS = ("crash", "never-ready", "wrong-port", "oom", "slow-start", "loses-tasks", "slow")


class ConfigError(Exception):
    """The environment is incomplete or wrong; the message names the variable."""


@dataclass(frozen=True)
class Settings:
    """What every service knows of itself and its surroundings."""

    service: str
    version: str
    pod: str
    namespace: str
    port: int
    log_level: str
    fault: str
    dapr_enabled: bool
    dapr_port: int
    pubsub: str
    app_token: str
    api_token: str
    env: Mapping[str, str]

    @classmethod
    def from_env(cls, service: str, env: Mapping[str, str] | None = None) -> Settings:
        """Read them, or raise ConfigError."""
        env = os.environ if env is None else env
        fault = env.get("APP_FAULT", "")
        if fault and fault not in FAULTS:
            raise ConfigError(f"APP_FAULT is '{fault}'; known are {', '.join(FAULTS)}, or leave it empty")
        return cls(
            service=env.get("APP_SERVICE") or service,
            version=env.get("APP_VERSION") or "dev",
            pod=env.get("POD_NAME") or os.uname().nodename,
            namespace=env.get("POD_NAMESPACE", ""),
            port=_number(env, "PORT", 8080),
            log_level=_level(env),
            fault=fault,
            dapr_enabled=_flag(env, "DAPR_ENABLED", True),
            dapr_port=_number(env, "DAPR_HTTP_PORT", 3500),
            pubsub=env.get("PUBSUB_NAME") or "pubsub",
            app_token=env.get("APP_API_TOKEN", ""),
            api_token=env.get("DAPR_API_TOKEN", ""),
            env=env,
        )

    @property
    def dapr_url(self) -> str:
        return f"http://127.0.0.1:{self.dapr_port}"

    @property
    def dapr_headers(self) -> dict[str, str]:
        """What the sidecar knows its app by, where it asks for it."""
        return {TOKEN_HEADER: self.api_token} if self.api_token else {}

    def required(self, name: str, what: str) -> str:
        """The value of a variable that has no default; `what` says what it is for."""
        value = self.env.get(name, "")
        if not value:
            raise ConfigError(f"{name} is not set; {self.service} needs it: {what}")
        return value

    def url(self, name: str, default: str) -> str:
        """The base URL of another service, without a trailing slash."""
        value = self.env.get(name) or default
        if not value.startswith(("http://", "https://")):
            raise ConfigError(f"{name} must be a URL such as {default}")
        return value.rstrip("/")


def _number(env: Mapping[str, str], name: str, default: int) -> int:
    value = env.get(name) or str(default)
    if not value.isdigit() or not 0 < int(value) < 65536:
        raise ConfigError(f"{name} must be a port number, not '{value}'")
    return int(value)


def _flag(env: Mapping[str, str], name: str, default: bool) -> bool:
    value = (env.get(name) or str(default)).lower()
    if value not in ("true", "false"):
        raise ConfigError(f"{name} must be true or false, not '{value}'")
    return value == "true"


def _level(env: Mapping[str, str]) -> str:
    value = (env.get("LOG_LEVEL") or "INFO").upper()
    if value not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise ConfigError(f"LOG_LEVEL must be debug, info, warning or error, not '{value.lower()}'")
    return value
