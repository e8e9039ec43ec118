"""All settings. Everything an installation may change comes from BIHUAN_… variables, listed in docs/operating.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import django_stubs_ext
from django.core.exceptions import ImproperlyConfigured

from bihuan.config import environment as env
from bihuan.config.databases import database
from bihuan.config.logs import logging_settings

django_stubs_ext.monkeypatch()

PACKAGE_DIR = Path(__file__).resolve().parents[1]
DATA_DIR = Path(env.text("BIHUAN_DATA") or PACKAGE_DIR.parents[1] / "var").absolute()

# --- what kind of installation -------------------------------------------------------------------------------------
PRODUCTION = env.switch("BIHUAN_PRODUCTION")
DEBUG = env.switch("BIHUAN_DEBUG")
BIHUAN_DEMO = env.switch("BIHUAN_DEMO")
BIHUAN_DEMO_ALLOW_REMOTE = env.switch("BIHUAN_DEMO_ALLOW_REMOTE")
BIHUAN_ACCENT = env.text("BIHUAN_ACCENT", "teal")
# Where people reach this installation, for links in mails and messages: https://service.example.com
BIHUAN_ADDRESS = env.address("BIHUAN_ADDRESS")
# Shared secrets of telephone systems by site code, "YL:secret,JW:another"; see docs/telephone.md.
BIHUAN_CALL_SECRETS = dict(pair.split(":", 1) for pair in env.words("BIHUAN_CALL_SECRETS") if ":" in pair)
# `make run` serves and works in one process; in production the worker is a process of its own.
BIHUAN_WORKER_IN_SERVER = env.switch("BIHUAN_WORKER_IN_SERVER")
if PRODUCTION and (DEBUG or BIHUAN_DEMO):
    raise ImproperlyConfigured("BIHUAN_PRODUCTION excludes BIHUAN_DEBUG and BIHUAN_DEMO")
if PRODUCTION and not env.text("BIHUAN_SECRET_KEY"):
    raise ImproperlyConfigured(
        "BIHUAN_PRODUCTION needs BIHUAN_SECRET_KEY (or BIHUAN_SECRET_KEY_FILE), the same on every node"
    )
SECRET_KEY = env.secret_key(DATA_DIR)

# --- applications --------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django_htmx",
    "axes",
    "bihuan.accounts",
    "bihuan.audit",
    "bihuan.org",
    "bihuan.forms",
    "bihuan.limits",
    "bihuan.notify",
    "bihuan.records",
    "bihuan.processes",
    "bihuan.operations",
    "bihuan.packs",
    "bihuan.web",
    "bihuan.config",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "bihuan.web.shell.security.ContentSecurityPolicy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "bihuan.config.urls"
WSGI_APPLICATION = "bihuan.config.wsgi.application"
APPEND_SLASH = False
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "DIRS": [PACKAGE_DIR / "web" / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            "environment": "bihuan.web.jinja.environment",
            "context_processors": ["bihuan.web.shell.context.shell"],
        },
    }
]

# --- database ------------------------------------------------------------------------------------------------------
DATABASES = {
    "default": database(
        env.text("BIHUAN_DB") or f"sqlite:///{DATA_DIR / 'bihuan.sqlite3'}",
        synchronous=env.text("BIHUAN_SQLITE_SYNCHRONOUS", "FULL"),
    )
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- people --------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
# The last one is the backend that remembers a signed-in person; the first only refuses those who failed too often.
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "signin:page"
AXES_FAILURE_LIMIT = env.number("BIHUAN_LOCKOUT_FAILURES", 5, least=1)
AXES_COOLOFF_TIME = env.number("BIHUAN_LOCKOUT_MINUTES", 15, least=1) / 60
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_CALLABLE = "bihuan.web.signin.views.locked_out"
AXES_RESET_ON_SUCCESS = True
AXES_DISABLE_ACCESS_LOG = True
AXES_VERBOSE = False
SESSION_COOKIE_AGE = env.number("BIHUAN_SESSION_HOURS", 12, least=1) * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"

# --- network -------------------------------------------------------------------------------------------------------
ALLOWED_HOSTS = env.words("BIHUAN_HOSTS", "localhost,127.0.0.1,[::1]")
BIHUAN_HTTPS = env.switch("BIHUAN_HTTPS", PRODUCTION)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = BIHUAN_HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if BIHUAN_HTTPS else 0
CSRF_TRUSTED_ORIGINS = env.words("BIHUAN_ORIGINS")
if env.switch("BIHUAN_BEHIND_PROXY"):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "bihuan.web.shell.errors.csrf_failed"
# A form with a signature and many lines; files are limited by the use cases that take them.
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5_000
DATA_UPLOAD_MAX_NUMBER_FILES = 30

# --- processes -----------------------------------------------------------------------------------------------------
# The shortest time after which a published timer may go off again.
BIHUAN_LEAST_RHYTHM_SECONDS = env.number("BIHUAN_LEAST_RHYTHM_SECONDS", 60, least=1)
# How many messages that nobody waits for are kept: of one name and key, and in all.
BIHUAN_KEPT_MESSAGES_PER_KEY = env.number("BIHUAN_KEPT_MESSAGES_PER_KEY", 100, least=1)
BIHUAN_KEPT_MESSAGES = env.number("BIHUAN_KEPT_MESSAGES", 100_000, least=1)

# --- files ---------------------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
MEDIA_ROOT = Path(env.text("BIHUAN_MEDIA") or DATA_DIR / "media")
# Finished history by policy; like the media it belongs into every backup and is shared by all nodes.
ARCHIVE_ROOT = Path(env.text("BIHUAN_ARCHIVE") or DATA_DIR / "archive")
# Served only through views that check who asks; this address is never routed.
MEDIA_URL = "/media/"
STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
FILE_UPLOAD_PERMISSIONS = 0o640

# --- language and time ---------------------------------------------------------------------------------------------
LANGUAGE_CODE = "zh-hans"
USE_I18N = True
USE_TZ = True
TIME_ZONE = env.text("BIHUAN_TIME_ZONE", "Asia/Shanghai")
# Django takes a default time of day for a mistaken "now" while the clock shows it.
SILENCED_SYSTEM_CHECKS = ["fields.W161"]

LOGGING_CONFIG = "bihuan.config.logs.configure"
LOGGING = logging_settings(
    as_json=env.switch("BIHUAN_LOG_JSON", PRODUCTION), level=env.text("BIHUAN_LOG_LEVEL", "INFO")
)
