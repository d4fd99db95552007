"""The project in which OpenWISP's tests run: what they put into its database is what the other server gets."""

from celery import Celery

SECRET_KEY = "of no use outside these tests"
ALLOWED_HOSTS = ["*"]
SITE_ID = 1
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
INSTALLED_APPS = """
    django.contrib.auth django.contrib.contenttypes django.contrib.sessions django.contrib.messages
    openwisp_users.accounts allauth allauth.account allauth.socialaccount openwisp_users openwisp_utils.admin_theme
    rest_framework rest_framework.authtoken django.contrib.admin django.contrib.sites django.contrib.staticfiles
""".split()
MIDDLEWARE = """
    django.contrib.sessions.middleware.SessionMiddleware django.middleware.common.CommonMiddleware
    django.middleware.csrf.CsrfViewMiddleware django.contrib.auth.middleware.AuthenticationMiddleware
    allauth.account.middleware.AccountMiddleware django.contrib.messages.middleware.MessageMiddleware
    openwisp_users.middleware.PasswordExpirationMiddleware
""".split()
PROCESSORS = """
    django.template.context_processors.request django.contrib.auth.context_processors.auth
    django.contrib.messages.context_processors.messages openwisp_utils.admin_theme.context_processor.menu_groups
""".split()
ENGINE = "django.template.backends.django.DjangoTemplates"
TEMPLATES = [{"BACKEND": ENGINE, "APP_DIRS": True, "OPTIONS": {"context_processors": PROCESSORS}}]
ROOT_URLCONF = "openwisp.urls"
TEST_RUNNER = "openwisp.runner.Runner"
STATIC_URL = "/static/"
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
LANGUAGE_CODE = "en-gb"
USE_TZ = True
TIME_ZONE = "UTC"

AUTH_USER_MODEL = "openwisp_users.User"
AUTHENTICATION_BACKENDS = ["openwisp_users.backends.UsersAuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [{"NAME": "openwisp_users.password_validation.PasswordReuseValidator"}]
PASSWORD_HASHERS = ["openwisp.hashers.Quick", "openwisp.hashers.Argon2"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
ACCOUNT_RATE_LIMITS = False
OPENWISP_USERS_AUTH_THROTTLE_RATE = None

Celery("openwisp").conf.task_always_eager = True
