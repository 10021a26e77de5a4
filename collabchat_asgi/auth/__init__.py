"""Ready-made `authenticate` hooks."""

from ..core.text import anonymous_id
from .anonymous import anonymous
from .django import django_user
from .fastcomments import fastcomments_sso
from .flask import flask_session
from .jwt import jwt
from .starlette import starlette_session

__all__ = [
    "anonymous",
    "anonymous_id",
    "django_user",
    "fastcomments_sso",
    "flask_session",
    "jwt",
    "starlette_session",
]
