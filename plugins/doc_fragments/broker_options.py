# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations


class ModuleDocFragment:
    """Options of the modules that ask a broker, beside ``username`` and ``broker_namespace``, whose rights differ."""

    DOCUMENTATION = r"""
options:
  brokers:
    description:
      - Addresses of a broker that this machine reaches, C(host:port), separated by commas.
    type: str
  broker_password:
    description:
      - Password of the user. Needed with O(brokers).
    type: str
  mechanism:
    description:
      - SASL mechanism.
    type: str
    choices: [SCRAM-SHA-256, SCRAM-SHA-512, PLAIN]
    default: SCRAM-SHA-256
  tls:
    description:
      - Whether the connection is encrypted.
    type: bool
    default: true
  broker_ca:
    description:
      - CA certificate of the broker as PEM, if it is private.
    type: str
  timeout:
    description:
      - Seconds for each request to the broker, and for each Job.
    type: int
    default: 120
"""
