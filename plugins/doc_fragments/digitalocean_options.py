# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations


class ModuleDocFragment:
    """Options of the modules that ask DigitalOcean; ``cluster``: of those that ask about one cluster."""

    DOCUMENTATION = r"""
options:
  api_token:
    description:
      - Token of DigitalOcean. By default E(DIGITALOCEAN_ACCESS_TOKEN), E(DIGITALOCEAN_TOKEN) or E(DO_API_TOKEN), the
        first that is set. It is sent to O(api_url) alone and follows no redirect.
    type: str
  api_url:
    description:
      - Address of the API. By default E(DIGITALOCEAN_API_URL), then V(https://api.digitalocean.com).
    type: str
  api_timeout:
    description:
      - Seconds that one request may wait for the API's rate limit. Lost answers and 5xx are tried again for half a
        minute; a request that makes something is only sent again when a look has shown that nothing was made.
    type: int
    default: 180
  api_ca_path:
    description:
      - CA bundle to trust instead of the system's.
    type: path
"""

    CLUSTER = r"""
options:
  name:
    description:
      - Name of the cluster. If there are several of that name, O(cluster_id) is needed.
    type: str
  cluster_id:
    description:
      - DigitalOcean's id of the cluster.
    type: str
"""
