"""What most tests of the service begin with. A file that needs another model or other options overrides the fixture of that name."""
import pytest


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The folder of a small random base."""
    from e2e.service import base_model  # here: the tests of plain HTTP need no reference library

    return base_model(tmp_path_factory.mktemp("base") / "model")


@pytest.fixture
def start(model, tmp_path):
    """Starts a service; called again with the same `name`, another one on the same folder. All end with the test."""
    from e2e.service import Service

    started = []

    def make(*options, name="data", base=model, **arguments):
        started.append(Service(base, tmp_path / name, *options, **arguments).start())
        return started[-1]

    yield make
    for service in started:
        service.stop()
