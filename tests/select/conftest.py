"""The small UniXcoder, as a folder and in a hub cache."""

from tests.helpers.small_unixcoder import hub_home, unixcoder  # noqa: F401
