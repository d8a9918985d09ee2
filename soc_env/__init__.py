"""A PettingZoo environment of a security operations center, defended by a team of four agents."""

from importlib.metadata import PackageNotFoundError, version

from soc_env import soc_v0
from soc_env.registration import register

try:
    __version__ = version("soc-env")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

register("soc-v0", "soc_env.soc_v0")

__all__ = ["__version__", "soc_v0"]
