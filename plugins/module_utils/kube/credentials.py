# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Turns kubernetes.core's auth options into a urllib3 pool, request headers, and a kubeconfig for other programs.

The only file that uses the ``kubernetes`` client, which is not imported where kubeconfig.py is enough. Precedence as in
kubernetes.core: options, then ``K8S_AUTH_*``, then in-cluster configuration, then the default kubeconfig.
"""

from __future__ import annotations

import base64
import logging
import os
import re
import shutil
import ssl
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from ansible_collections.kubernetes.core.plugins.module_utils.args_common import (
    AUTH_ARG_MAP,
    AUTH_ARG_SPEC,
    AUTH_PROXY_HEADERS_SPEC,
)

from ..failure import Code, error
from .auth_provider import refuse_renewals
from .exec_plugin import take_over
from .impersonation import Impersonation
from .kubeconfig import Active, active, read_simple
from .kubeconfig_flaws import flaw_of
from .proxy import proxy_of

# The client library caches the files that it has written, by content, for the whole process: one load at a time.
_LOADING = threading.Lock()
_CONNECTIONS = 16
_NOTHING = Active({}, {})
_OURS = ("kubeconfig", "context", "persist_config", "impersonate_user", "impersonate_groups", "proxy", "no_proxy")
_FALSE = ("0", "false", "no")  # as kubernetes.core reads its environment variables
_SAID = 400  # characters of what an exec plugin says
_IN_NO_HEADER = re.compile(r"[^\t\x20-\x7e\xa0-\xff]")


class Credentials:
    """Address of one API server, and the credentials for it.

    Certificates and keys are read once into memory; temporary files of the client library are removed at once.
    Errors: ``credentials`` (unusable or missing configuration), ``missing_library``.
    """

    def __init__(self, params: Mapping[str, Any]) -> None:
        auth = auth_options(params)
        by_context = bool(params.get("context")) and params.get("host") is None
        with _LOADING:
            scratch = _private_folder()
            try:
                if by_context and auth.get("host"):
                    _refuse_another_host(auth, scratch)
                self._configuration: Any = read_simple(auth, scratch)
                found = _NOTHING
                if self._configuration is None:
                    self._configuration, found = _configuration(auth, scratch)
                self._from_file = bool(found.user.get("tokenFile"))
                self.server: str = _server(self._configuration.host)
                _check_texts(self._configuration)
                self.impersonation = Impersonation.of(auth, found.user)
                self.proxy = proxy_of(self.server, auth, str(found.cluster.get("proxy-url") or ""))
                self._ca = _content(self._configuration.ssl_ca_cert, "CA certificate")
                self._cert = _content(self._configuration.cert_file, "client certificate")
                self._key = _content(self._configuration.key_file, "client key")
                self.pool = self._make_pool()
            finally:
                shutil.rmtree(scratch, ignore_errors=True)

    def headers(self) -> list[tuple[str, str]]:
        """Authorization and impersonation headers; the client library renews a token that is about to expire."""
        headers = []
        token = self._token()
        if token:
            headers.append(("Authorization", token))
        elif self._configuration.username:
            headers.append(("Authorization", self._configuration.get_basic_auth_token()))
        if any(_IN_NO_HEADER.search(value) for _name, value in headers):
            raise error(
                Code.CREDENTIALS,
                "The token or password for the cluster contains a line break or a character that no header can hold: "
                "correct it in the kubeconfig, api_key or password.",
            )
        return headers + self.impersonation.headers()

    def tls_options(self) -> dict[str, Any]:
        """The same trust and client certificate as of the pool, for the WebSocket library."""
        context = self._context  # the library sets these two anew
        options = {"context": context, "cert_reqs": context.verify_mode, "check_hostname": context.check_hostname}
        if self._configuration.tls_server_name:
            options["server_hostname"] = self._configuration.tls_server_name
        return options

    def kubeconfig(self) -> dict[str, Any]:
        """A complete kubeconfig as a dict: one cluster, one user, all data inline."""
        cluster: dict[str, Any] = {"server": self.server}
        user: dict[str, Any] = {}
        if not self._configuration.verify_ssl:
            cluster["insecure-skip-tls-verify"] = True
        elif self._ca:
            cluster["certificate-authority-data"] = _base64(self._ca)
        if self._configuration.tls_server_name:
            cluster["tls-server-name"] = self._configuration.tls_server_name
        if self.proxy:
            cluster["proxy-url"] = self.proxy
        if self._cert and self._key:
            user |= {"client-certificate-data": _base64(self._cert), "client-key-data": _base64(self._key)}
        token = self._token()
        if token.lower().startswith("bearer "):
            user["token"] = token.split(" ", 1)[1]
        elif token.lower().startswith("basic "):
            pair = base64.b64decode(token.split(" ", 1)[1]).decode("latin-1").split(":", 1)  # as the library encodes it
            user |= {"username": pair[0], "password": pair[-1]}
        elif self._configuration.username:
            user |= {"username": self._configuration.username, "password": self._configuration.password}
        user |= self.impersonation.as_kubeconfig()
        name = "todo-cloud"
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": name,
            "clusters": [{"name": name, "cluster": cluster}],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        }

    def _token(self) -> str:
        # Read through auth_settings(): it calls the client library's refresh hook (exec plugins, in-cluster tokens).
        with _said():  # what a plugin said that failed: the old token is tried, and a 401 tells it
            setting = self._configuration.auth_settings().get("BearerToken") or {}
        value = str(setting.get("value") or "")
        return value.strip() if self._from_file else value  # most files end with a line break, which kubectl takes off

    def _make_pool(self) -> Any:
        """A urllib3 pool manager. One TLS context for all connections: certificates do not stay on disk."""
        import urllib3

        settings: dict[str, Any] = {"maxsize": _CONNECTIONS}
        if self.server.startswith("https"):
            self._context = settings["ssl_context"] = self._tls_context()
        if self._configuration.tls_server_name:
            settings["server_hostname"] = self._configuration.tls_server_name
        if not self.proxy:
            return urllib3.PoolManager(**settings)
        if self.proxy.startswith("socks"):
            return _socks_manager()(self.proxy, **settings)
        headers = dict(getattr(self._configuration, "proxy_headers", None) or {})
        if pair := urllib3.util.parse_url(self.proxy).auth:
            headers |= urllib3.util.make_headers(proxy_basic_auth=unquote(pair))
        return urllib3.ProxyManager(self.proxy, proxy_headers=headers, **settings)

    def _tls_context(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cadata=self._ca.decode() if self._ca else None)
        except (ssl.SSLError, ValueError):
            raise error(
                Code.CREDENTIALS, "The CA certificate of the cluster cannot be used: it is not a certificate in PEM."
            ) from None
        # Go clients accept cluster CAs without an authority key identifier; Python 3.13's default does not.
        context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
        if not self._configuration.verify_ssl:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self._cert and self._key:
            try:
                context.load_cert_chain(self._configuration.cert_file, self._configuration.key_file)
            except (OSError, ssl.SSLError) as exc:
                raise error(Code.CREDENTIALS, f"The client certificate and key cannot be used: {exc}.") from exc
        return context


def _server(url: object) -> str:
    """The API server's URL. Raises ``credentials`` for what is none."""
    try:
        text = str(url).rstrip("/")
        _port = urlsplit(text).port  # reads host and port
    except ValueError:
        raise error(
            Code.CREDENTIALS, "The address of the API server is not a URL: correct server in the kubeconfig, or host."
        ) from None
    if not text:
        raise error(Code.CREDENTIALS, "The kubeconfig's cluster has no server: correct it, or set host.")
    return text


def _check_texts(configuration: Any) -> None:
    """Raises ``credentials`` for what the client library takes although it is no text."""
    for name in ("tls_server_name", "username", "password"):
        if not isinstance(getattr(configuration, name, None) or "", str):
            key = name.replace("_", "-")
            raise error(Code.CREDENTIALS, f"{key} of the kubeconfig is not text: correct it (put numbers in quotes).")


def auth_options(params: Mapping[str, Any]) -> dict[str, Any]:
    """Options as the client names them, with kubernetes.core's environment variables as fallback."""
    auth: dict[str, Any] = {}
    for client_name, option in [*AUTH_ARG_MAP.items(), ("impersonate_user",) * 2, ("impersonate_groups",) * 2]:
        value = params.get(option)
        if value is None and option == "proxy_headers":
            value = {
                key: os.environ[f"K8S_AUTH_PROXY_HEADERS_{key.upper()}"]
                for key in AUTH_PROXY_HEADERS_SPEC
                if os.environ.get(f"K8S_AUTH_PROXY_HEADERS_{key.upper()}")
            } or None
        elif value is None:
            text = os.environ.get(f"K8S_AUTH_{option.upper()}") or os.environ.get(f"K8S_AUTH_{client_name.upper()}")
            value = _typed(text, AUTH_ARG_SPEC[option].get("type", "str")) if text else None
        if value is not None:
            auth[client_name] = value
    return auth


def complete(auth: Mapping[str, Any]) -> bool:
    """Whether the options say where the server is and who asks, so that no kubeconfig is read."""
    pairs = (("username", "password"), ("cert_file", "key_file"))
    return bool(auth.get("host")) and (
        bool(auth.get("api_key")) or any(auth.get(one) and auth.get(other) for one, other in pairs)
    )


def _typed(text: str, kind: str) -> Any:
    if kind == "bool":
        return text.lower() not in _FALSE
    return [item for item in text.split(",") if item] if kind == "list" else text


def _configuration(auth: Mapping[str, Any], scratch: str) -> tuple[Any, Active]:
    """What the client library makes of the options, and cluster and user of the kubeconfig if one was used."""
    try:
        import urllib3
        import yaml
        from kubernetes.client import Configuration
        from kubernetes.config import ConfigException
    except ImportError as exc:
        raise error(
            Code.MISSING_LIBRARY,
            f"The Python library 'kubernetes' is missing ({exc}): install it where this module runs.",
        ) from exc
    configuration = Configuration()
    try:
        found = _load(configuration, auth, scratch)
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        where = f" (line {mark.line + 1} of {mark.name})" if mark else ""
        raise error(Code.CREDENTIALS, f"The kubeconfig is not valid YAML{where}: correct it.") from None
    except (ConfigException, OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as exc:
        if flaw := flaw_of(auth):
            raise error(Code.CREDENTIALS, flaw) from None
        raise error(
            Code.CREDENTIALS,
            f"No usable Kubernetes credentials ({_reason(exc)}): set kubeconfig, or host with api_key, "
            "or the environment variable K8S_AUTH_KUBECONFIG.",
        ) from exc
    for name, value in auth.items():
        if name == "api_key":
            configuration.api_key = {"BearerToken": f"Bearer {value}"}
            configuration.refresh_api_key_hook = None
        elif name == "proxy_headers":
            configuration.proxy_headers = urllib3.util.make_headers(**value)
        elif name not in _OURS:
            setattr(configuration, name, _server(value) if name == "host" else value)
    return configuration, found


def _reason(exc: Exception) -> str:
    """Why the client library cannot read a kubeconfig, without the entries that it shows, which hold secrets."""
    return " ".join(str(exc).partition("{")[0].split())[:_SAID].rstrip("/ ")


def _refuse_another_host(auth: Mapping[str, Any], scratch: str) -> None:
    """Refuse a server from the environment variable K8S_AUTH_HOST that differs from the named context's."""
    named = _configuration({k: v for k, v in auth.items() if k in ("kubeconfig", "context")}, scratch)[0].host.rstrip(
        "/"
    )
    if named != auth["host"].rstrip("/"):
        raise error(
            Code.CREDENTIALS,
            f"Context {auth['context']!r} is the cluster at {named}, but the environment variable K8S_AUTH_HOST names "
            f"{auth['host']}: unset it.",
        )


def _load(configuration: Any, auth: Mapping[str, Any], scratch: str) -> Active:
    """Fill ``configuration`` from a kubeconfig or the pod's service account, unless the options are complete."""
    from kubernetes import config

    if complete(auth):
        return _NOTHING
    kubeconfig, context = auth.get("kubeconfig"), auth.get("context")
    if not kubeconfig and not context:
        try:
            config.load_incluster_config(client_configuration=configuration)
            return _NOTHING
        except config.ConfigException:
            pass
    take_over()
    refuse_renewals()
    settings = {"context": context, "client_configuration": configuration, "temp_file_path": scratch}
    with _said() as words:
        if isinstance(kubeconfig, Mapping):
            config.load_kube_config_from_dict(dict(kubeconfig), persist_config=False, **settings)
        else:
            # Of several files some may be absent, as for kubectl; that none is there is what the library does not say.
            paths = [path for path in str(kubeconfig or "").split(os.pathsep) if path]
            if paths and not any(os.path.isfile(os.path.expanduser(path)) for path in paths):
                raise FileNotFoundError(f"kubeconfig {os.pathsep.join(paths)} does not exist")
            files = kubeconfig or os.environ.get("KUBECONFIG") or None  # the library's own default is of its import
            config.load_kube_config(files, persist_config=bool(auth.get("persist_config")), **settings)
    found = active(auth)
    if words and found.user.get("exec"):
        _refuse_exec_plugin(found.user["exec"], words)
    return found


class _Words(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.words: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.words.append(record.getMessage())


@contextmanager
def _said() -> Iterator[list[str]]:
    """Errors that the client library logs instead of raising them: those of exec plugins."""
    handler = _Words()
    logging.getLogger().addHandler(handler)
    try:
        yield handler.words
    finally:
        logging.getLogger().removeHandler(handler)


def _refuse_exec_plugin(plugin: object, words: Sequence[str]) -> None:
    command = plugin.get("command") if isinstance(plugin, Mapping) else ""
    text = "".join(each if each.isprintable() else " " for each in " ".join(words))
    raise error(
        Code.CREDENTIALS,
        f"The exec plugin {command!r} of the kubeconfig has failed: {' '.join(text.split())[:_SAID]}",
    )


def _socks_manager() -> Any:
    try:
        from urllib3.contrib.socks import SOCKSProxyManager
    except ImportError as exc:
        raise error(
            Code.MISSING_LIBRARY,
            "The API server is reached through a SOCKS proxy, which needs the Python library 'PySocks': install it "
            "where this module runs.",
        ) from exc
    return SOCKSProxyManager


def _private_folder() -> str:
    try:
        return tempfile.mkdtemp(prefix="todo-cloud-")
    except OSError as exc:
        raise error(
            Code.CREDENTIALS,
            f"There is no folder for certificates ({exc.strerror or exc}): make room, or set TMPDIR to one that can be "
            "written to.",
        ) from exc


def _content(path: str | None, what: str) -> bytes:
    if not path:
        return b""
    try:
        return Path(os.path.expanduser(path)).read_bytes()
    except OSError as exc:
        raise error(Code.CREDENTIALS, f"The {what} {path} cannot be read: {exc.strerror}.") from exc


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
