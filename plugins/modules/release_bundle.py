#!/usr/bin/python
# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: release_bundle
short_description: A verified release set with all that it needs as one signed OCI artefact, for another cluster
version_added: 1.0.0
description:
  - With O(state=built), makes a bundle of a verified release set of the environment, which holds the set as it is
    recorded, its charts, its values without secret ones, the digests of its images, and lists of what these are made of
    (SBOM) where they are attached. It is pushed to a registry, or written to one file, which holds the images too, with
    all platforms and signatures. Equal sets give equal bundles.
  - With O(state=opened), verifies a bundle, copies its images to where the images of O(waves) are named, and returns
    the waves for M(todo.cloud.release_apply) with the bundle's charts and digests. Everything is verified before
    anything is written. Afterwards M(todo.cloud.release_promotion) verifies what runs, and adds the tags.
  - Refused are a bundle that is damaged, cut off, of a newer format, or not signed by one of O(bundle_public_keys),
    files that no OCI image layout has, a credential among the values, components other than the verified ones, and a
    version that already names another image.
  - Dapr's sidecar is the platform's, and in no bundle.
options:
  state:
    description:
      - Whether a bundle is made or opened.
    type: str
    choices: [built, opened]
    required: true
  bundle:
    description:
      - Where the bundle is, C(oci://registry/repository:tag) or the path of a file.
      - A tag is never moved to another bundle. A bundle in a registry holds no images, so it can be deployed where the
        images' own registry is reached, or has been copied.
    type: str
    required: true
  commit:
    description:
      - Commit whose set is taken with O(state=built), at least seven characters. The default is the newest verified
        set.
    type: str
  push_registries:
    description:
      - Registries with credentials that may write, in the form of O(registries). A bundle is pushed by them, and images
        are copied to them when a bundle is opened; without any, all images must be there.
    type: list
    elements: dict
    default: []
    suboptions:
      host:
        description:
          - Registry as in image references, or V(*) for all others.
        type: str
        required: true
      endpoint:
        description:
          - URL of the registry, or of a mirror that replaces it.
        type: str
      pull_secret:
        description:
          - Name of a Secret of type C(kubernetes.io/dockerconfigjson) in O(namespace) with the credentials.
        type: str
      username:
        description:
          - User name.
        type: str
      password:
        description:
          - Password or access token.
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
  bundle_public_keys:
    description:
      - Public keys of O(record_key) of the environments whose bundles are taken with O(state=opened). Once they are
        given, bundle and release set must be signed by one of them; without any, a warning says that nothing was
        checked.
    type: list
    elements: str
    default: []
  waves:
    description:
      - Releases of the target, as in M(todo.cloud.release_apply). Required with O(state=opened).
    type: list
    elements: list
  folder:
    description:
      - A private folder for the bundle's charts, which must be there until they are deployed. Required with
        O(state=opened).
    type: path
  helm_binary:
    description:
      - The Helm program, by which O(state=built) gets charts that the release set only refers to.
    type: str
    default: helm
seealso:
  - module: todo.cloud.release_apply
  - module: todo.cloud.release_promotion
author:
  - todo.cloud maintainers (@todo-app)
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - todo.cloud.release_options.environment
  - todo.cloud.release_options.records
  - todo.cloud.release_options.may_differ
  - todo.cloud.registry_options.registries
  - todo.cloud.attributes
attributes:
  check_mode:
    support: full
    details: Registries are read. With O(state=opened) the charts are written to O(folder).
  diff_mode:
    support: full
    details: Images that are copied, or the bundle that is written.
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Write a bundle of what staging has verified, with its images
  todo.cloud.release_bundle:
    state: built
    environment: staging
    namespace: todo-staging
    record_key: "{{ lookup('ansible.builtin.file', 'staging.pem') }}"
    registries:
      - {host: ghcr.io, pull_secret: registry}
    bundle: bundle.tar

- name: Verify it elsewhere, and copy its images to the registry there
  todo.cloud.release_bundle:
    state: opened
    environment: acme
    namespace: todo-acme
    bundle: bundle.tar
    bundle_public_keys: ["{{ lookup('ansible.builtin.file', 'staging.pub') }}"]
    waves: "{{ waves }}"
    folder: "{{ lookup('todo.cloud.run_folder') }}"
    push_registries:
      - {host: registry.acme.example, username: todo, password: "{{ registry_push_password }}"}
  register: opened

- name: Deploy it
  todo.cloud.release_apply:
    environment: acme
    namespace: todo-acme
    waves: "{{ opened.waves }}"
    commit: "{{ opened.set.commit }}"
    origin: "{{ opened.origin }}"
"""

RETURN = r"""
digest:
  description: Digest of the bundle's manifest.
  returned: success
  type: str
  sample: sha256:5b0bcabd1ed22e9fb1310cf6c2dec7cdef19f0ad69efa1f392e94a4333501270
signed:
  description: Whether it is signed; with O(state=opened), whether that was checked.
  returned: success
  type: bool
  sample: true
set:
  description: The release set in the bundle.
  returned: success
  type: dict
  contains:
    id:
      description: Number of the set in its environment.
      type: int
    commit:
      description: Commit of the set; may be empty.
      type: str
    time:
      description: Time of its verification.
      type: str
  sample: {id: 12, commit: 1f3c5a7, time: "2026-11-21T09:30:00Z"}
images:
  description:
    - With O(state=built) the images of the set and the releases that run them.
    - With O(state=opened) those of the target's releases, as RV(todo.cloud.release_promotion#module:images).
  returned: success
  type: list
  elements: dict
  sample:
    - image: ghcr.io/todo-app/backend-api@sha256:5b0bcabd1ed22e9fb1310cf6c2dec7cdef19f0ad69efa1f392e94a4333501270
      releases: [backend-api]
missing:
  description: Releases that the set does not contain, and why.
  returned: with O(state=built)
  type: dict
  sample: {}
source:
  description: The environment that the bundle comes from.
  returned: with O(state=opened)
  type: dict
  contains:
    environment:
      description: Its name.
      type: str
    namespace:
      description: Its namespace.
      type: str
  sample: {environment: staging, namespace: todo-staging}
origin:
  description: Bundle, set and environment in one line, for O(todo.cloud.release_apply#module:origin).
  returned: with O(state=opened)
  type: str
  sample: sha256:5b0bcabd1ed22e9fb1310cf6c2dec7cdef19f0ad69efa1f392e94a4333501270 (set 12 of staging)
replaces:
  description: The target's newest verified set, as RV(todo.cloud.release_promotion#module:replaces).
  returned: with O(state=opened)
  type: dict
  sample: {id: 7, commit: 0d1c2b3, changed: [backend-api]}
waves:
  description: O(waves) with the bundle's charts, and with images by digest.
  returned: with O(state=opened)
  type: list
  elements: list
  sample: []
copies:
  description: What became of each image of the bundle that the target's releases need.
  returned: with O(state=opened)
  type: list
  elements: dict
  contains:
    image:
      description: The image by digest, where the target has it.
      type: str
    state:
      description: The result; V(there) means that nothing was copied.
      type: str
      choices: [copied, there]
  sample:
    - image: registry.acme.example/todo/api@sha256:5b0bcabd1ed22e9fb1310cf6c2dec7cdef19f0ad69efa1f392e94a4333501270
      state: copied
"""

import typing as t

from ansible_collections.todo.cloud.plugins.module_utils.argspec import (
    ENVIRONMENT,
    KUBE,
    MAY_DIFFER,
    RECORD_KEYS,
    REGISTRIES,
)
from ansible_collections.todo.cloud.plugins.module_utils.helm.cli import HelmCli
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.module import fail_json_on_error, live_progress, module_of
from ansible_collections.todo.cloud.plugins.module_utils.releases.bundle import open_bundle
from ansible_collections.todo.cloud.plugins.module_utils.releases.bundle_build import build

SPEC: dict[str, t.Any] = {
    **KUBE,
    **ENVIRONMENT,
    **RECORD_KEYS,
    **REGISTRIES,
    "state": {"type": "str", "choices": ["built", "opened"], "required": True},
    "bundle": {"type": "str", "required": True},
    "commit": {"type": "str"},
    "push_registries": REGISTRIES["registries"],
    "bundle_public_keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "waves": {"type": "list", "elements": "list"},
    **MAY_DIFFER,
    "folder": {"type": "path"},
    "helm_binary": {"type": "str", "default": "helm"},
}


def main() -> None:
    module = module_of(SPEC, supports_check_mode=True, required_if=[("state", "opened", ["waves", "folder"])])
    params, check, progress = module.params, module.check_mode, live_progress()
    with fail_json_on_error(module), KubeSession.from_params(params) as kube:
        if params["state"] == "built":
            helm = HelmCli(kube.kubeconfig, params["helm_binary"])
            result = build(kube, helm, params, progress, check=check)
        else:
            result = open_bundle(kube, params, progress, check=check)
    for warning in result.pop("warnings"):
        module.warn(warning)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
