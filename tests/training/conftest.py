"""What the tests of training share: one thread, and transformers made exact in fp64."""

import pytest

from tests.helpers.exact import make_exact


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    import torch

    torch.set_num_threads(1)


@pytest.fixture
def exact(monkeypatch):
    """transformers without the fp32 casts that make its fp64 end at 1e-7."""
    make_exact(monkeypatch.setattr)
