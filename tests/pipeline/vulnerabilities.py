# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A database of vulnerabilities for grype that knows a single one, since the real one comes by a network.

Its tables are those of grype's model 6 (grype/db/v6/models.go); what grype only looks at stays empty.
"""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

PACKAGE, BAD, GOOD, NAME = "left-behind", "1.0.0", "1.0.1", "GHSA-0000-0000-0001"
_DATE = "2026-11-01 00:00:00+00:00"
_EPSS_AND_CWES = {
    "known_exploited_vulnerability_handles": "id INTEGER PRIMARY KEY, cve, blob_id",
    "epss_handles": "id INTEGER PRIMARY KEY, cve, epss, percentile",
    "epss_metadata": "date DATETIME",
    "cwe_handles": "id INTEGER PRIMARY KEY, cve, cwe, source, type",
}
_HANDLE = "id INTEGER PRIMARY KEY, vulnerability_id INTEGER, blob_id INTEGER"
_TABLES = {
    "blobs": "id INTEGER PRIMARY KEY, value TEXT",
    "db_metadata": "build_timestamp DATETIME, model INTEGER, revision INTEGER, addition INTEGER",
    "providers": "id TEXT PRIMARY KEY, version, processor, date_captured DATETIME, input_digest",
    "vulnerability_handles": "id INTEGER PRIMARY KEY, name TEXT, status TEXT, published_date DATETIME,"
    " modified_date DATETIME, withdrawn_date DATETIME, provider_id TEXT, blob_id INTEGER",
    "vulnerability_aliases": "name TEXT, alias TEXT",
    "affected_package_handles": f"{_HANDLE}, operating_system_id INTEGER, package_id INTEGER",
    "unaffected_package_handles": f"{_HANDLE}, operating_system_id INTEGER, package_id INTEGER",
    "operating_systems": "id INTEGER PRIMARY KEY, name TEXT, release_id TEXT, major_version TEXT, minor_version TEXT,"
    " label_version TEXT, codename TEXT, channel TEXT, eol_date DATETIME, eoas_date DATETIME",
    "operating_system_specifier_overrides": "alias TEXT, version TEXT, version_pattern TEXT, codename TEXT,"
    " channel TEXT, replacement TEXT, replacement_major_version TEXT, replacement_minor_version TEXT,"
    " replacement_label_version TEXT, replacement_channel TEXT, rolling NUMERIC, applicable_client_db_schemas TEXT",
    "packages": "id INTEGER PRIMARY KEY, ecosystem TEXT COLLATE NOCASE, name TEXT COLLATE NOCASE",
    "package_specifier_overrides": "ecosystem TEXT, replacement_ecosystem TEXT",
    "architecture_aliases": "alias TEXT, canonical TEXT",
    "affected_cpe_handles": f"{_HANDLE}, cpe_id INTEGER",
    "unaffected_cpe_handles": f"{_HANDLE}, cpe_id INTEGER",
    "cpes": "id INTEGER PRIMARY KEY, part TEXT, vendor TEXT, product TEXT, edition TEXT, language TEXT,"
    " software_edition TEXT, target_hardware TEXT, target_software TEXT, other TEXT",
    "package_cpes": "package_id INTEGER, cpe_id INTEGER",
    **_EPSS_AND_CWES,
}


def write(path: Path) -> None:
    """All versions of ``PACKAGE`` before ``GOOD`` have it; high."""
    about = {"id": NAME, "severities": [{"scheme": "CHML", "value": "high", "rank": 1}]}
    affected = {
        "ranges": [
            {"version": {"type": "python", "constraint": f"<{GOOD}"}, "fix": {"version": GOOD, "state": "fixed"}}
        ]
    }
    rows: dict[str, list[tuple[object, ...]]] = {
        "blobs": [(1, json.dumps(about)), (2, json.dumps(affected))],
        "db_metadata": [(_DATE, 6, 1, 0)],
        "providers": [("github", "1", "test", _DATE, "sha256:0")],
        "vulnerability_handles": [(1, NAME, "active", _DATE, _DATE, None, "github", 1)],
        "packages": [(1, "python", PACKAGE)],
        "affected_package_handles": [(1, 1, 2, None, 1)],
        "epss_metadata": [(_DATE,)],
    }
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as database:
        for name, columns in _TABLES.items():
            database.execute(f"CREATE TABLE {name} ({columns})")
        for name, found in rows.items():
            for row in found:
                database.execute(f"INSERT INTO {name} VALUES ({', '.join('?' * len(row))})", row)
    database.close()
