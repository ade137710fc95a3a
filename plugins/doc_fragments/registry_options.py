# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations


class ModuleDocFragment:
    """Options of the modules that talk to one image registry."""

    DOCUMENTATION = r"""
options:
  endpoint:
    description:
      - URL where the registry is reached from here, for example C(http://10.0.0.5:5000) for a mirror that stands for
        it. Only an endpoint that begins with C(http://) is spoken to without TLS.
      - By default the registry is reached by HTTPS under the name in O(image), one on the loopback by plain HTTP.
    type: str
  username:
    description:
      - User name for the registry.
    type: str
  password:
    description:
      - Password or access token for O(username).
    type: str
  pull_secret:
    description:
      - Content of a Secret of type C(kubernetes.io/dockerconfigjson), as JSON or in base64, used when it names the
        registry and O(password) is not given.
    type: jsonarg
  ca_path:
    description:
      - File with the certificates of the authorities that are trusted, instead of the system's.
    type: path
  validate_certs:
    description:
      - Check the registry's certificate.
    type: bool
    default: true
  timeout:
    description:
      - Seconds that one request may take, retries included.
      - Refused connections, 429 and 5xx are tried again up to four times, after the time that the registry asks for.
    type: int
    default: 30
"""
