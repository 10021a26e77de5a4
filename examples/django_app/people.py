# DJANGO_SETTINGS_MODULE=examples.django_app.settings python -m examples.django_app.people
"""The two who may sign in here, as in the other examples: ann (tulip) and bob (rose)."""

import django

PASSWORDS = {"ann": "tulip", "bob": "rose"}


def move_in() -> None:
    """Make the accounts that are not there yet."""
    from django.contrib.auth import get_user_model

    users = get_user_model().objects
    for name, password in PASSWORDS.items():
        if not users.filter(username=name).exists():
            users.create_user(name, password=password, first_name=name.title())


if __name__ == "__main__":
    django.setup()
    move_in()
