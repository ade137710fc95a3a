"""The documentation as a site: `make docs` builds it from docs/*.md and from what modules, plugins and roles say."""
