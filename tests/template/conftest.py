"""What the tests share."""

import pytest
from stack import transformed


@pytest.fixture(scope="session")
def stack():
    """The transformed template with its defaults."""
    return transformed()
