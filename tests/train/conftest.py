import sys
from pathlib import Path

from hypothesis import settings

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]  # tiny_world, tiny_run
settings.register_profile("steady", max_examples=40, deadline=None, derandomize=True, database=None)
settings.load_profile("steady")
