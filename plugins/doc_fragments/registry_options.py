# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations


class ModuleDocFragment:
    """Options of the modules that talk to one image registry; ``registries``: of those that ask for many images."""

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

    REGISTRIES = r"""
options:
  registries:
    description:
      - Image registries that are asked which digest a tag points to. The digest counts as an input and is what the
        pods run, so a tag that was moved is a change. Each tag is asked for once per run.
      - The image is C(image) in the values, as a full reference, or as a dictionary that has C(digest) (which may be
        empty) beside C(repository) and C(tag), and optionally C(registry).
      - Where a registry is not named here, or can't be asked, the digest that is deployed for the same tag is kept,
        else the tag counts. A note in the result or a warning says so in one line.
      - When a registry has no such image, and none of its digests is deployed, the module fails before it writes.
    type: list
    elements: dict
    default: []
    suboptions:
      host:
        description:
          - Registry as the images name it, such as V(ghcr.io) or V(docker.io), or V(*) for all that are not named.
        type: str
        required: true
      endpoint:
        description:
          - URL where it is reached from here, for example a mirror that stands for it. Only one that begins with
            C(http://) is spoken to without TLS. By default HTTPS under its own name.
        type: str
      pull_secret:
        description:
          - Name of a Secret of type C(kubernetes.io/dockerconfigjson) in O(namespace) with the credentials, best
            the one that the pods pull with. Ignored while it is not there, or when O(registries[].password) is given.
        type: str
      username:
        description:
          - User name for the registry.
        type: str
      password:
        description:
          - Password or access token for O(registries[].username).
        type: str
      ca_path:
        description:
          - File with the certificates of the authorities that are trusted, instead of the system's.
        type: path
      validate_certs:
        description:
          - Check the registry's certificate.
        type: bool
        default: true
"""
