"""A little site on pycopg.django, as a module: its settings, model, views, and applications for ASGI and WSGI.

tests/python/test_django.py uses it in its own process, and starts it under uvicorn and gunicorn.
"""

from __future__ import annotations

import os
from typing import Any

import django
from django.conf import settings

import pycopg
from pycopg.django import database

config = pycopg.Config.from_env(load_dotenv_file=False)
settings.configure(
    DATABASES={"default": database(config, ATOMIC_REQUESTS=True, OPTIONS={"pool": {"max_size": 4, "timeout": 5.0}})},
    ALLOWED_HOSTS=["*"],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=["django.contrib.postgres"],
    MIDDLEWARE=[],
    ROOT_URLCONF=__name__,
    SECRET_KEY="of a test",
    TIME_ZONE="UTC",
    USE_TZ=True,
)
django.setup()

from django.contrib.postgres import fields  # noqa: E402
from django.core.asgi import get_asgi_application  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import OperationalError, connection, models, transaction  # noqa: E402
from django.http import HttpRequest, JsonResponse, StreamingHttpResponse  # noqa: E402
from django.urls import path  # noqa: E402


class Person(models.Model):
    name = models.TextField(unique=True)
    data = models.JSONField(null=True)
    tags = fields.ArrayField(models.TextField(), default=list)
    days = fields.DateRangeField(null=True)
    at = models.DateTimeField(null=True)

    class Meta:
        app_label = "website"
        db_table = "website_people"


def add(request: HttpRequest, name: str) -> JsonResponse:
    """In one transaction, which `?fail` rolls back. Told by on_commit only if it was committed."""
    committed: list[str] = []
    transaction.on_commit(lambda: committed.append(name))
    Person.objects.create(name=name)
    if "fail" in request.GET:
        raise RuntimeError("this request fails")
    return JsonResponse({"pid": connection.connection.info.backend_pid, "committed_already": committed})


def count(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"people": Person.objects.count()})


@transaction.non_atomic_requests
async def count_async(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"people": await Person.objects.acount()})


@transaction.non_atomic_requests
async def count_on_loop(request: HttpRequest) -> JsonResponse:
    """Without a thread: by an object for asyncio on the pool of Django's database."""
    db = pycopg.AsyncPooledDatabase(connection.pool)
    return JsonResponse({"people": await db.fetch_val("SELECT count(*) FROM website_people")})


@transaction.non_atomic_requests
def killed(request: HttpRequest) -> JsonResponse:
    """Loses its connection, and goes on with another."""
    Person.objects.count()
    pid = connection.connection.info.backend_pid
    connection.pool.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    try:
        Person.objects.count()
        seen = ""
    except OperationalError as error:
        seen = type(error).__name__
    return JsonResponse({"error": seen, "people": Person.objects.count()})


@transaction.non_atomic_requests
def names(request: HttpRequest) -> StreamingHttpResponse:
    """Read by a cursor of the server, while they are sent."""
    return StreamingHttpResponse(f"{person.name}\n" for person in Person.objects.order_by("id").iterator(chunk_size=3))


@transaction.non_atomic_requests
def stats(request: HttpRequest) -> JsonResponse:
    """Of the process that answers. It leases nothing."""
    return JsonResponse({**connection.pool.stats, "process": os.getpid()})


urlpatterns = [
    path("add/<str:name>", add),
    path("count", count),
    path("count_async", count_async),
    path("count_on_loop", count_on_loop),
    path("killed", killed),
    path("names", names),
    path("stats", stats),
]

asgi: Any = get_asgi_application()
wsgi: Any = get_wsgi_application()

if "TOUCH_AT_START" in os.environ:  # with --preload: before the workers are forked
    Person.objects.count()
