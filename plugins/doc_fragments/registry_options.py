# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations


class ModuleDocFragment:
    """Options of the modules that use one image registry; ``registries``: of those that use several."""

    DOCUMENTATION = r"""
options:
  endpoint:
    description:
      - URL of the registry, or of a mirror that replaces it, for example C(http://10.0.0.5:5000). TLS is used unless
        the endpoint begins with C(http://).
      - The default is HTTPS and the host of the image; for a registry on the loopback interface, plain HTTP.
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
      - Content of a Secret of type C(kubernetes.io/dockerconfigjson), as JSON or in base64. It is used when it has
        credentials for the registry and O(password) is not given.
    type: jsonarg
  ca_path:
    description:
      - CA bundle to trust instead of the system's.
    type: path
  validate_certs:
    description:
      - Validate the registry's certificate.
    type: bool
    default: true
  timeout:
    description:
      - Seconds that one request may take, including retries.
      - Refused connections, 429 and 5xx are retried up to four times, after the delay that the registry asks for.
    type: int
    default: 30
"""

    REGISTRIES = r"""
options:
  registries:
    description:
      - Image registries that resolve tags to digests. The digest counts as an input and is what the pods run, so a tag
        that was moved is a change. Each tag is resolved once per run.
      - An image that is deployed already keeps the tag by which it was deployed, so that a new tag alone restarts no
        pods; the release set says the new one.
      - The image is C(image) in the values, as a full reference, or as a dictionary that has C(digest) (which may be
        empty) beside C(repository) and C(tag), and optionally C(registry).
      - Where a registry is not listed here, or cannot be reached, the digest that is deployed for the same tag is kept;
        without one, the tag is used. A note in the result or a warning says so.
      - When a registry has no such image, and none of its digests is deployed, the module fails before it writes.
    type: list
    elements: dict
    default: []
    suboptions:
      host:
        description:
          - Registry as in image references, such as V(ghcr.io) or V(docker.io), or V(*) for all others; then a password
            needs an O(registries[].endpoint) too.
        type: str
        required: true
      endpoint:
        description:
          - URL of the registry, or of a mirror that replaces it. TLS is used unless the URL begins with C(http://). The
            default is HTTPS and O(registries[].host).
        type: str
      pull_secret:
        description:
          - Name of a Secret of type C(kubernetes.io/dockerconfigjson) in O(namespace) with the credentials, preferably
            the one that the pods use. Ignored when it does not exist, or when O(registries[].password) is given.
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
          - CA bundle to trust instead of the system's.
        type: path
      validate_certs:
        description:
          - Validate the registry's certificate.
        type: bool
        default: true
"""
