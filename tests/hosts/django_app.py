from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

from collabchat_asgi import CollabChatMiddleware
from tests.blackbox.app import collab


async def home(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"host": "still here"})


def echo(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.body)


def state(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"answer": 42})  # Django knows no lifespan


urlpatterns = [path("", home), path("echo", echo), path("state", state)]

if not settings.configured:
    settings.configure(
        ROOT_URLCONF=__name__,
        SECRET_KEY="for tests",
        ALLOWED_HOSTS=["*"],
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
        ],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "unused.db"}},
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    )
bare = get_asgi_application()
app = CollabChatMiddleware(bare, collab=collab)
