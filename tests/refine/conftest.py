"""A test server that is stopped at the end of the test."""

from tests.helpers.served_teacher import served  # noqa: F401
