"""Writes what is made from the code: `make docs`. The tests of tests/unit fail while it is out of date."""

from tests.pages import api, permissions, schema, settings, variables

for page in (schema, settings, permissions, variables, api):
    page.write()
