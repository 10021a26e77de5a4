from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView
from django.urls import path
from django.views.generic import TemplateView

urlpatterns = [
    path("accounts/login/", LoginView.as_view(), name="login"),
    path("", login_required(TemplateView.as_view(template_name="article.html"))),
]
