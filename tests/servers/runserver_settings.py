"""The example's settings, with daphne's `runserver` in the place of Django's."""

from examples.django_app.settings import (
    ALLOWED_HOSTS,
    DATABASES,
    DEFAULT_AUTO_FIELD,
    INSTALLED_APPS,
    LOGIN_REDIRECT_URL,
    MIDDLEWARE,
    ROOT_URLCONF,
    SECRET_KEY,
    TEMPLATES,
)

__all__ = [
    "ALLOWED_HOSTS",
    "DATABASES",
    "DEFAULT_AUTO_FIELD",
    "LOGIN_REDIRECT_URL",
    "MIDDLEWARE",
    "ROOT_URLCONF",
    "SECRET_KEY",
    "TEMPLATES",
]

INSTALLED_APPS = ["daphne", *INSTALLED_APPS]
ASGI_APPLICATION = "examples.django_app.asgi.application"
# It tells the port.
LOGGING = {
    "version": 1,
    "handlers": {"terminal": {"class": "logging.StreamHandler"}},
    "loggers": {"daphne.server": {"handlers": ["terminal"], "level": "INFO"}},
}
