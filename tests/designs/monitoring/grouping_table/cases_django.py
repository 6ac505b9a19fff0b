"""Django, DRF and Celery around the application: requests, commands, signals, tasks, queries."""

from __future__ import annotations

from tests.designs.monitoring.grouping_table.model import Case, another, case, edit, one, split

__all__ = ["CASES"]

VIEWS = """
from django.http import HttpResponse
from django.test import Client, override_settings
from django.urls import path

def price(order):
    raise LookupError(order)

def weight(order):
    raise LookupError(order)

def show(request, order):
    return HttpResponse(price(order))

async def show_async(request, order):
    return HttpResponse(weight(order))

urlpatterns = [path("orders/<int:order>/", show), path("async/<int:order>/", show_async)]

def run(address="/orders/5/"):
    with override_settings(ROOT_URLCONF=__name__):
        Client().get(address)
"""
MIDDLEWARE = """
class Counting:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)
"""
API = """
from django.test import override_settings
from django.urls import path
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

class Listing(APIView):
    authentication_classes = permission_classes = ()

    def get(self, request):
        return Response(self.rows(request))

    def rows(self, request):
        raise LookupError(request.path)

    def handle_exception(self, exc):
        raise exc

class Detail(Listing):
    def rows(self, request):
        raise LookupError(request.path)

def run(view=Listing):
    view.as_view()(APIRequestFactory().get("/orders/5/"))
"""
CELERY = """
from celery import Celery

app = Celery("shop")
app.conf.update(broker_url="memory://", result_backend="cache+memory://")

@app.task(name="pay")
def pay(order):
    raise LookupError(order)

@app.task(name="send")
def send(order):
    raise LookupError(order)

def run():
    pay.apply(args=(5,), throw=True)
"""

CASES: list[Case] = [
    case(
        "a view",
        VIEWS,
        one("another order", edit("/orders/5/", "/orders/77/")),
        one("without a middleware", edit("ROOT_URLCONF=__name__", "ROOT_URLCONF=__name__, MIDDLEWARE=[]")),
        one("never cached", edit("def show(request", "from django.views.decorators.cache import never_cache\n\n@never_cache\ndef show(request")),
        another("another one", edit('"/orders/5/"', '"/async/5/"')),
        split("called by another view", edit("def show(request", "def list_all(request, order):\n    return show(request, order)\n\ndef show(request"), edit("<int:order>/\", show)", "<int:order>/\", list_all)"),
              reason="functions of the application count"),
    ),
    case(
        "an async view",
        VIEWS.replace('"/orders/5/"', '"/async/5/"').replace("weight", "measure"),
        one("another order", edit("/async/5/", "/async/77/")),
    ),
    case(
        "a view with a library's middleware",
        {"shop/orders.py": VIEWS.replace("ROOT_URLCONF=__name__", 'ROOT_URLCONF=__name__, MIDDLEWARE=["counting.Counting"]').replace("price", "cost"), "lib:counting.py": MIDDLEWARE},
        one("the middleware is upgraded", edit("    def __call__(self, request):\n", "    def __call__(self, request):\n        return self.answer(request)\n\n    def answer(self, request):\n")),
        one("without it", edit('MIDDLEWARE=["counting.Counting"]', "MIDDLEWARE=[]")),
    ),
    case(
        "a view of DRF",
        API,
        one("another request", edit("/orders/5/", "/parts/")),
        another("another view", edit("view=Listing", "view=Detail")),
    ),
    case(
        "a serializer of DRF",
        """
from rest_framework import serializers

class Order(serializers.Serializer):
    size = serializers.IntegerField()

    def validate_size(self, size):
        raise LookupError(size)

class Part(serializers.Serializer):
    size = serializers.IntegerField()

    def validate_size(self, size):
        raise LookupError(size)

def run(kind=Order):
    kind(data={"size": 5}).is_valid()
""",
        one("another size", edit('"size": 5', '"size": 6')),
        another("another serializer", edit("kind=Order", "kind=Part")),
    ),
    case(
        "a command",
        """
from django.core.management import call_command
from django.core.management.base import BaseCommand

class Command(BaseCommand):
    def add_arguments(self, parser):
        parser.add_argument("--size", type=int, default=5)

    def handle(self, *args, **options):
        raise LookupError(options["size"])

def run():
    call_command(Command(), size=1)
""",
        one("another option", edit("size=1", "size=2")),
        one("called directly", edit("call_command(Command(), size=1)", "Command().execute(force_color=False, no_color=True, size=1, skip_checks=True)")),
    ),
    case(
        "a task of Celery",
        CELERY,
        one("another order", edit("(5,)", "(6,)")),
        one("called directly", edit("pay.apply(args=(5,), throw=True)", "pay(5)")),
        one("bound", edit('@app.task(name="pay")\ndef pay(order)', '@app.task(name="pay", bind=True)\ndef pay(self, order)')),
        another("another task", edit("pay.apply(", "send.apply(")),
    ),
    case(
        "a task of Celery that tries again",
        CELERY.replace('@app.task(name="pay")', '@app.task(name="pay", autoretry_for=(LookupError,), max_retries=2, retry_backoff=False, default_retry_delay=0)')
        .replace("raise LookupError(order)", "raise LookupError(order, 1)"),
        one("more attempts", edit("max_retries=2", "max_retries=4")),
        split("no further attempt", edit("max_retries=2", "max_retries=0"), reason="an eager task tries again within the first attempt, so that attempt led to it"),
    ),
    case(
        "a query that finds nothing",
        """
from django.contrib.contenttypes.models import ContentType
from django.db import connection

def find(number):
    return ContentType.objects.get(pk=number)

def find_name(name):
    return ContentType.objects.get(model=name)

def run():
    with connection.schema_editor() as editor:
        editor.create_model(ContentType)
    try:
        return find(5)
    finally:
        with connection.schema_editor() as editor:
            editor.delete_model(ContentType)
""",
        one("another number", edit("find(5)", "find(6)")),
        one("filtered first", edit("return find(5)", "ContentType.objects.filter(pk=1).first()\n        return find(5)")),
        another("another query", edit("return find(5)", "return find_name('a')")),
    ),
    case(
        "a query that is wrong",
        """
from django.db import connection

def find(table):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table}")

def count(table):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")

def run():
    find("orders")
""",
        another("another query", edit('    find("orders")', '    count("orders")')),
        one("in a transaction", edit('    find("orders")', '    from django.db import transaction\n    with transaction.atomic():\n        find("orders")')),
    ),
    case(
        "code after a transaction",
        """
from django.db import transaction

def notify():
    raise LookupError(1)

def run():
    with transaction.atomic():
        transaction.on_commit(lambda: notify())
""",
        one("outside of a transaction", edit("    with transaction.atomic():\n    ", "    if True:\n    ")),
    ),
    case(
        "a filter of a template",
        """
from django.template import Context, Engine, Library

register = Library()

@register.filter
def price(order):
    raise LookupError(order)

TEXT = "<p>{{ order|price }}</p>"

def run():
    engine = Engine()
    engine.template_builtins.append(register)
    engine.from_string(TEXT).render(Context({"order": 5}))
""",
        one("another order", edit('"order": 5', '"order": 6')),
        one("in a block of the template", edit('"<p>{{ order|price }}</p>"', '"{% if 1 %}{% with a=1 %}{{ order|price }}{% endwith %}{% endif %}"')),
    ),
    case(
        "a form's check",
        """
from django import forms

class Order(forms.Form):
    size = forms.IntegerField()

    def clean_size(self):
        raise LookupError(self.cleaned_data["size"])

def run():
    Order({"size": "5"}).is_valid()
""",
        one("asked for its errors", edit("is_valid()", "errors")),
    ),
]  # fmt: skip
