"""A real OpenID provider, Django OAuth Toolkit: `python provider.py FOLDER BACK`; prints its address. Kept out of the
tests' process, for it has settings for the whole of one.
"""

import json
import secrets
import sys
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings

FOLDER, BACK = sys.argv[1:]
CLIENT, SECRET = "arkwright", "a secret/that+is:spelt%oddly"
PEOPLE = {
    "ana": {"email": "ana@airport.example", "email_verified": True},
    "eve": {"email": "eve@airport.example", "email_verified": False},
    "sam": {"email": "sam@elsewhere.example", "email_verified": True, "groups": ["ml-owners", "all"]},
    "tom": {"email": "tom@elsewhere.example", "email_verified": True},
}


def key():
    made = rsa.generate_private_key(65537, 2048)
    form = serialization.PrivateFormat.PKCS8
    return made.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


settings.configure(
    SECRET_KEY=secrets.token_hex(32),
    DEBUG=False,
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "oauth2_provider"],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{FOLDER}/provider.db"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    LOGIN_URL="/enter",
    USE_TZ=True,
    OAUTH2_PROVIDER={
        "OIDC_ENABLED": True,
        "OIDC_RSA_PRIVATE_KEY": key(),
        "PKCE_REQUIRED": True,
        "SCOPES": {"openid": "who", "profile": "name", "email": "address"},
        "OAUTH2_VALIDATOR_CLASS": f"{__name__}.Validator",
    },
)
django.setup()

from django.contrib.auth import login  # noqa: E402 - Django wants its settings first
from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import HttpResponse, HttpResponseRedirect  # noqa: E402
from django.urls import include, path  # noqa: E402
from oauth2_provider.models import Application  # noqa: E402
from oauth2_provider.oauth2_validators import OAuth2Validator  # noqa: E402
from oauth2_provider.settings import oauth2_settings  # noqa: E402


class Validator(OAuth2Validator):
    """What it says of people; all of it where it is asked, as most providers do."""

    oidc_claim_scope = None

    def get_additional_claims(self, request):
        return {}

    def get_userinfo_claims(self, request):
        name = request.user.username
        return {**super().get_userinfo_claims(request), "preferred_username": name, **PEOPLE[name]}


def enter(request):
    """The provider's own log-in, short."""
    login(request, User.objects.get(username=request.GET.get("as", "sam")), "django.contrib.auth.backends.ModelBackend")
    return HttpResponseRedirect(request.GET["next"])


def rotate(_):
    """Another key, the one before still published."""
    old = oauth2_settings.OIDC_RSA_PRIVATE_KEY
    oauth2_settings.OIDC_RSA_PRIVATE_KEY = key()
    oauth2_settings.OIDC_RSA_PRIVATE_KEYS_INACTIVE = [old]
    return HttpResponse("done")


urlpatterns = [
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
    path("enter", enter),
    path("rotate", rotate),
]


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


if __name__ == "__main__":
    call_command("migrate", verbosity=0, interactive=False)
    for name in PEOPLE:
        User.objects.create_user(name)
    Application.objects.create(
        client_id=CLIENT, client_secret=SECRET, client_type="confidential",
        authorization_grant_type="authorization-code", redirect_uris=BACK,
        algorithm="RS256", skip_authorization=True, name="arkwright",
    )  # fmt: skip
    with make_server("127.0.0.1", 0, get_wsgi_application(), handler_class=Quiet) as server:
        sys.stdout.write(json.dumps({"address": f"http://127.0.0.1:{server.server_port}"}) + "\n")
        sys.stdout.flush()
        server.serve_forever()
