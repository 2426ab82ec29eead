"""``seed_shop``: fills the shop with products, and can add an admin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from shop import catalogue

if TYPE_CHECKING:
    from django.core.management.base import CommandParser


class Command(BaseCommand):
    help = (
        "Fill the shelves with a small catalogue. Run it as often as you like: only what is missing is added."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--admin", action="store_true", help='also create the user "admin" with the password "admin"'
        )

    def handle(self, *args: Any, **options: Any) -> None:
        added = catalogue.seed()
        self.stdout.write(f"{added} records added." if added else "All records are on the shelf already.")
        if options["admin"]:
            self.create_admin()

    def create_admin(self) -> None:
        if settings.PRODUCTION:
            raise CommandError(
                "With PRODUCTION=1 there is no user with a password that everybody knows: "
                "run manage.py createsuperuser."
            )
        if User.objects.filter(username="admin").exists():
            self.stdout.write('The user "admin" exists already.')
            return
        User.objects.create_superuser("admin", "admin@example.com", "admin")
        self.stdout.write('Created the user "admin" with the password "admin": for trying things out only.')
