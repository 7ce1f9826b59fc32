"""The live viewer starts, shows every class, and stops; without viser it says what to install."""

import sys
import urllib.request

import numpy as np
import pytest

from occforge.core.errors import InputError
from occforge.core.grid import GridSpec, Scene
from occforge.core.taxonomy import CARLA_SC
from occforge.view.viewer import build_server


def _scene() -> Scene:
    labels_XYZ = np.zeros((6, 5, 4), np.uint8)
    labels_XYZ[:, :, 0], labels_XYZ[2, 2, 1] = CARLA_SC.id_of("road"), CARLA_SC.id_of("vehicle")
    return Scene(labels_XYZ, GridSpec((6, 5, 4), (0.4, 0.4, 0.4), (0.0, -1.0, -2.0)), CARLA_SC)


def test_server_answers_and_stops() -> None:
    pytest.importorskip("viser")
    server = build_server(_scene(), [("front", np.zeros((4, 6, 3), np.uint8))], port=18731)
    try:
        address = f"http://127.0.0.1:{server.get_port()}"
        with urllib.request.urlopen(address, timeout=10) as answer:
            assert answer.status == 200
    finally:
        server.stop()


def test_missing_viser_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "viser", None)
    with pytest.raises(InputError, match=r"occforge\[view\]"):
        build_server(_scene())


@pytest.mark.parametrize(("host", "port", "says"), [("127.0.0.1", 99_999, "--port"), ("1.2.3.4", 8080, "--host")])
def test_addresses_that_nobody_can_listen_on(host: str, port: int, says: str) -> None:
    pytest.importorskip("viser")
    with pytest.raises(InputError, match=says):
        build_server(_scene(), host=host, port=port)
