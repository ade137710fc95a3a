"""A conversion as text."""

from __future__ import annotations

from ansible_collections.todo.cloud.plugins.module_utils.services.convert import Conversion
from ansible_collections.todo.cloud.plugins.module_utils.services.convert_text import hidden, services_text

from .conversions import is_credential


def test_templates_of_others_are_marked() -> None:
    env = {"A": "{{ x }}", "B": "{# x #}", "C": "{% x %}"}
    text = services_text(Conversion(services={"web": {"env": env, "args": ["yes", "1"]}}))
    for said in ('A: !unsafe "{{ x }}"', 'B: !unsafe "{# x #}"', 'C: !unsafe "{% x %}"'):
        assert said in text
    assert "args: ['yes', '1']" in text
    assert text.startswith("services:\n  web:\n")


def test_variables_of_the_environment_stand_beside_it() -> None:
    text = services_text(Conversion({"name": "shop"}, {"web": {"port": 1}}, {"ingress_class_name": "nginx"}))
    assert text == "app: {name: shop}\nservices:\n  web: {port: 1}\ningress_class_name: nginx\n"


def test_credentials_are_masked_where_they_cannot_be_moved() -> None:
    made = Conversion(services={"web": {"args": ["--x=s3cret", "-v"], "secrets": {"A_TOKEN": "a/TOKEN"}}})
    hidden(made, is_credential)
    assert made.services["web"] == {"args": ["***", "-v"], "secrets": {"A_TOKEN": "a/TOKEN"}}
    assert made.unsaid == ["services.web.args[0] looks like a credential and is not shown: put it into a Secret."]
