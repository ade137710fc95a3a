# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Labels and annotations of this collection, and Helm's that it reads. Label values have at most 63 characters."""

from __future__ import annotations

ENVIRONMENT = "todo.cloud/environment"
INPUTS = "todo.cloud/inputs"
# Of the key by which the inputs were digested, if their values hold secrets.
INPUT_KEY = "todo.cloud/input-key"
CHART = "todo.cloud/chart"
WATCHED = "todo.cloud/watched"
# The revision that a run intended: a manual Helm call copies our labels, so this number does not match its revision.
REVISION = "todo.cloud/revision"
# Of a ReplicaSet whose controller was made to try again; its value is the time.
ASKED_AGAIN = "todo.cloud/asked-again"
# Of a revision that ran a migration: of which release, and whether older versions of it work afterwards.
MIGRATION = "todo.cloud/migration"
REVERSIBLE = "todo.cloud/reversible"
# Annotation of the pods of a service that sleeps; its value is what the service was, as JSON.
ASLEEP = "todo.cloud/asleep"
# Annotations by which Helm marks an object as a release's.
OWNER_RELEASE = "meta.helm.sh/release-name"
OWNER_NAMESPACE = "meta.helm.sh/release-namespace"
VERIFICATION_FAILED = "todo.cloud/verification-failed"  # annotation of a release set, when and how
ENVIRONMENT_DRIFT = "environment-drift"  # PrometheusRule of an environment, see records/announcement.py
RELEASE_EVENTS = "release-events"  # ConfigMap of an environment, see records/events.py
