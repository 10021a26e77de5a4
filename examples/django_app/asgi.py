# uvicorn examples.django_app.asgi:application
# Once before: python -m django migrate --settings examples.django_app.settings
#              python -m django createsuperuser --settings examples.django_app.settings
import os

from django.core.asgi import get_asgi_application

from collabchat_asgi import CollabChat, CollabChatMiddleware
from collabchat_asgi.auth import django_user

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "examples.django_app.settings")

collab = CollabChat(authenticate=django_user())
application = CollabChatMiddleware(get_asgi_application(), collab=collab)
