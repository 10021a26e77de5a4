"""Ready-made `authenticate` hooks."""

from ..core.text import anonymous_id
from .anonymous import anonymous

__all__ = ["anonymous", "anonymous_id"]
