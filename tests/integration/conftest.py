"""The whole workflow, run once for all tests of this folder on a dozen rendered pictures."""

from project import copy, finished, project, source  # noqa: F401
