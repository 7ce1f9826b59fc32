import subprocess
import sys

import pytest

from occforge import __version__
from occforge.cli.main import VERBS, help_text

HEAVY = {"torch", "numba", "PIL", "occforge.discrete", "occforge.render"}


def imported(*arguments):
    """(exit code, stdout, modules) of the command in a fresh process."""
    code = "\n".join(
        [
            "import sys",
            "from occforge.cli.main import main",
            f"sys.argv = ['occforge', *{list(arguments)!r}]",
            "try:",
            "    main()",
            "finally:",
            "    print('MODULES', *sys.modules)",
        ]
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    out, _, modules = done.stdout.partition("MODULES")
    assert done.stderr == ""
    return done.returncode, out, set(modules.split())


@pytest.mark.parametrize("verb", [(), *(v.split() for v in VERBS)], ids=lambda v: " ".join(v) or "none")
def test_help_answers_without_heavy_imports(verb):
    code, out, modules = imported(*verb, "--help")
    assert code == 0 and "usage: occforge" in out and " ".join(verb) in out
    assert not modules & HEAVY


def test_no_arguments_list_the_verbs(occforge):
    code, out, err = occforge()
    assert (code, err) == (0, "") and out.strip() == help_text() and all(verb in out for verb in VERBS)
    assert occforge("-h")[1] == out


def test_version(occforge):
    assert occforge("--version") == (0, f"{__version__}\n", "")


def test_recipes_are_listed_and_explain_their_flags(occforge):
    code, out, _ = occforge("train", "--help")
    assert code == 0 and "street.scene" in out
    code, out, _ = occforge("train", "street.scene", "--help")
    assert code == 0 and "--effort" in out
    code, out, _ = occforge("train", "semantic_kitti.pictures", "--help")
    assert code == 0 and "--stable-diffusion" in out and "default out/semantic_kitti.pictures" in out
    assert occforge("train", "mars.joint")[0] == 2


@pytest.mark.parametrize("arguments", [("fly",), ("world",), ("evaluate", "everything"), ("--fly",)])
def test_unknown_verbs(occforge, arguments):
    code, out, err = occforge(*arguments)
    assert code == 2 and out == "" and len(err.splitlines()) == 1
    assert err.startswith(f"occforge: no verb '{' '.join(arguments)}'")
    if arguments[0] == "evaluate":
        assert "evaluate scenes" in err and "generate" not in err


def test_unknown_recipes(occforge):
    code, _, err = occforge("train", "street.nothing")
    assert code == 2 and "no recipe 'street.nothing'" in err and len(err.splitlines()) == 1


def test_a_readout_needs_a_trained_network(occforge):
    code, out, err = occforge("train", "street.readout", "--start", "nowhere.safetensors")
    assert code == 2 and out == "" and len(err.splitlines()) == 1 and "nowhere.safetensors" in err
