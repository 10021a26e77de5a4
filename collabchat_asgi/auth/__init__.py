"""Ready-made `authenticate` hooks."""

from ..core.text import anonymous_id
from .anonymous import anonymous
from .fastcomments import fastcomments_sso
from .jwt import jwt
from .sessions import django_user, flask_session, starlette_session

__all__ = [
    "anonymous",
    "anonymous_id",
    "django_user",
    "fastcomments_sso",
    "flask_session",
    "jwt",
    "starlette_session",
]
