# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What account and token allow, before a cluster is made.

The API tells the limit of droplets, not how many there are; and no scopes of a token, only that a request lacks one.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..failure import Code, TodoCloudError, error
from .api import ACCESS, DigitalOcean
from .wanted import Pool

_NO_CLUSTER = "00000000-0000-4000-8000-000000000000"


def check_account(cloud: DigitalOcean, pools: Sequence[Pool]) -> list[str]:
    """Warnings. Raises cloud_refused for a locked account, and for more nodes than it may have droplets."""
    try:
        account = cloud.account()
    except TodoCloudError as exc:
        if exc.failure.details.get("status") != 403:
            raise
        return ["The token lacks account:read, so the account's limit of droplets was not looked at."]
    if account.get("status") == "locked":
        text = f"The account of DigitalOcean is locked: {account.get('status_message') or 'it does not say why'}."
        raise error(Code.CLOUD_REFUSED, text, request="GET /v2/account")
    limit, first = account.get("droplet_limit"), sum(each.body()["count"] for each in pools)
    most = sum(each.most for each in pools)
    if not isinstance(limit, int) or most <= limit:
        return []
    text = f"The account of DigitalOcean may have {limit} droplets, and node_pools "
    if first <= limit:
        return [f"{text}may grow to {most} nodes."]
    text += f"has {first} nodes. Take fewer, or ask DigitalOcean for more. Nothing was made."
    raise error(Code.CLOUD_REFUSED, text, request="GET /v2/account")


def check_token(cloud: DigitalOcean) -> list[str]:
    """A warning if the token may make a cluster whose kubeconfig it may not fetch. Reads one that is not there.

    Scopes to write can only be tried by writing: the request that lacks one says so.
    """
    try:
        cloud.kubeconfig(_NO_CLUSTER, 300)
    except TodoCloudError as exc:
        if exc.failure.details.get("status") == 403:
            return [f"The token lacks {ACCESS}, so the kubeconfig of this cluster cannot be fetched with it."]
        if exc.failure.code is not Code.NOT_FOUND:
            raise
    return []
