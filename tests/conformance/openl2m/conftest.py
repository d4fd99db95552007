import os
import uuid
from types import SimpleNamespace

import pytest
import requests

from names import letters

URL = os.environ.get("ROLLCALL_URL", "http://127.0.0.1:9000").rstrip("/")
ADMIN_USERNAME = os.environ.get("ROLLCALL_ADMIN_USERNAME", "admin")
ADMIN_PASSWORD = os.environ.get("ROLLCALL_ADMIN_PASSWORD", "admin-password-1")
SESSION_TOKEN = "ROLLCALL_OPENL2M_SESSION_TOKEN"


class Api:
    users = "/api/admin/users/"
    token = "/api/users/token/"

    def __init__(self, token=None):
        self.key = token
        self.headers = {"Authorization": f"Token {token}"} if token else {}

    def request(self, method, path, headers=None, **kwargs):
        kwargs.setdefault("allow_redirects", False)
        return requests.request(
            method, URL + path, headers={**self.headers, **(headers or {})}, timeout=60, **kwargs
        )

    def get(self, path, **kwargs):
        return self.request("GET", path, **kwargs)

    def post(self, path, **kwargs):
        return self.request("POST", path, **kwargs)

    def patch(self, path, **kwargs):
        return self.request("PATCH", path, **kwargs)

    def user_path(self, user_id):
        return f"{self.users}{user_id}/"

    def read(self, user_id):
        response = self.get(self.user_path(user_id))
        assert response.status_code == 200, response.text[:500]
        return response.json()

    def row(self, user_id):
        response = self.get(self.users)
        assert response.status_code == 200, response.text[:500]
        return next((row for row in response.json() if row["id"] == user_id), None)


def obtain_token(username, password):
    return requests.post(
        URL + Api.token, data={"username": username, "password": password}, timeout=60
    )


def admin_token(cache):
    # An account may hold three tokens and the API deletes none: keep one between runs.
    key = "rollcall/openl2m/" + uuid.uuid5(uuid.NAMESPACE_URL, URL).hex
    kept = cache.get(key, None)
    if kept and Api(kept).get(Api.users).status_code == 200:
        return kept
    response = obtain_token(ADMIN_USERNAME, ADMIN_PASSWORD)
    if response.status_code != 200:
        raise pytest.UsageError(
            f"{ADMIN_USERNAME} gets no token from {URL}: {response.status_code} "
            f"{response.text[:200]}; set ROLLCALL_ADMIN_TOKEN"
        )
    cache.set(key, response.json()["token"])
    return response.json()["token"]


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "improves: Rollcall does better here than OpenL2M; deselect when testing OpenL2M"
    )
    config.addinivalue_line(
        "markers", "newer: came to OpenL2M after its users admin documents were written"
    )
    if config.option.collectonly or SESSION_TOKEN in os.environ:
        return
    try:
        token = os.environ.get("ROLLCALL_ADMIN_TOKEN") or admin_token(config.cache)
    except requests.ConnectionError:
        raise pytest.UsageError(f"nothing answers at {URL}") from None
    os.environ[SESSION_TOKEN] = token


@pytest.fixture(scope="session")
def url():
    return URL


@pytest.fixture(scope="session")
def admin():
    return Api(os.environ[SESSION_TOKEN])


@pytest.fixture(scope="session")
def anonymous():
    return Api()


@pytest.fixture(scope="session")
def unique():
    return lambda prefix="user": f"{prefix}-{letters()}"


@pytest.fixture(scope="session")
def make_user(admin, unique):
    def make(flags=None, **fields):
        fields = {"username": unique(), "password": "first-password-1", **fields}
        response = admin.post(admin.users, json=fields)
        assert response.status_code == 201, response.text[:500]
        body = response.json()
        if flags:
            changed = admin.patch(admin.user_path(body["id"]), json=flags)
            assert changed.status_code == 200, changed.text[:500]
            body = changed.json()
        return SimpleNamespace(
            id=body["id"],
            username=fields["username"],
            password=fields["password"],
            path=admin.user_path(body["id"]),
            body=body,
        )

    return make


@pytest.fixture(scope="session")
def can_log_in():
    def check(username, password):
        response = obtain_token(username, password)
        assert response.status_code in (200, 400), response.text[:500]
        return response.status_code == 200

    return check


@pytest.fixture(scope="session")
def login():
    def as_user(user):
        response = obtain_token(user.username, user.password)
        assert response.status_code == 200, response.text[:500]
        return Api(response.json()["token"])

    return as_user
