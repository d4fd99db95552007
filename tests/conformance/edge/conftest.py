import os
import re
from types import SimpleNamespace

import pytest
import requests

from names import letters

BASE = os.environ.get("ROLLCALL_URL", "http://127.0.0.1:9000").rstrip("/")
ADMIN = (
    os.environ.get("ROLLCALL_ADMIN_USERNAME", "admin"),
    os.environ.get("ROLLCALL_ADMIN_PASSWORD", "admin-password-1"),
)
PASSWORD = "Pass@1233-edge"
FORBIDDEN = {"detail": "You do not have permission to perform this action."}
NOT_FOUND = {"detail": "Not found."}
UNKNOWN_ID = "0123456789abcdef01234567"

ID = re.compile(r"[0-9a-f]{24}")
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}")

BOOLEAN, TEXT, TEXT_OR_NULL = (bool,), (str,), (str, type(None))
USER_SHAPE = {
    "id": TEXT, "url": TEXT, "date_joined": TEXT, "previous_login_date": TEXT_OR_NULL,
    "preferences": (dict, type(None)), "username": TEXT, "first_name": TEXT_OR_NULL,
    "last_name": TEXT_OR_NULL, "email": TEXT, "description": TEXT, "is_active": BOOLEAN,
    "is_superuser": BOOLEAN, "is_staff": BOOLEAN, "can_inbox": BOOLEAN,
    "allow_rest_access": BOOLEAN, "organization": TEXT_OR_NULL, "memberships": (list,),
    "access_tokens_url": TEXT, "login_history_url": TEXT,
}
TOKEN_SHAPE = {
    "id": TEXT, "url": TEXT, "user": TEXT, "title": TEXT, "token": TEXT, "hashed_token": TEXT,
    "active": BOOLEAN, "created_on": TEXT, "updated_on": TEXT, "last_used": TEXT_OR_NULL,
    "expires": TEXT,
}
HISTORY_SHAPE = {
    "success": BOOLEAN, "user_agent": TEXT_OR_NULL, "attempted_on": TEXT,
    "remote_address": TEXT_OR_NULL,
}


def pytest_configure(config):
    config.addinivalue_line("markers", "improves: behaviour better than the documented original")
    config.addinivalue_line("markers", "slow: creates more than a hundred users")


class Client:
    def __init__(self, credentials=None, authorization=None):
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.auth = credentials
        if authorization is not None:
            self.session.headers["Authorization"] = authorization

    def request(self, method, path, **kwargs):
        url = path if path.startswith(("http://", "https://")) else BASE + path
        return self.session.request(method, url, allow_redirects=False, timeout=60, **kwargs)

    def get(self, path, **kwargs):
        return self.request("GET", path, **kwargs)

    def post(self, path, **kwargs):
        return self.request("POST", path, **kwargs)

    def patch(self, path, **kwargs):
        return self.request("PATCH", path, **kwargs)

    def delete(self, path, **kwargs):
        return self.request("DELETE", path, **kwargs)


def unique(prefix="u"):
    return prefix + letters()


def new_user(**fields):
    name = fields.get("username") or unique()
    return {
        "username": name, "password": PASSWORD, "first_name": "Edge", "last_name": "Tester",
        "email": f"{name}@example.com", **fields,
    }


def user_path(user):
    return f"/api/users/{user['id']}/"


def tokens_path(user):
    return f"/api/users/{user['id']}/tokens/"


def token_path(user, token):
    return f"/api/users/{user['id']}/tokens/{token['id']}/"


def history_path(user):
    return f"/api/users/{user['id']}/history/"


def with_token(username, secret):
    return Client(authorization=f"Token {username}:{secret}")


def assert_shape(value, shape):
    assert set(value) == set(shape)
    for key, types in shape.items():
        assert type(value[key]) in types, (key, value[key])


def assert_unauthorized(response, detail):
    assert response.status_code == 401
    assert response.json() == {"detail": detail}
    assert response.headers["WWW-Authenticate"] == 'Basic realm="api"'


def methods(response):
    return {name.strip() for name in response.headers["Allow"].split(",")}


@pytest.fixture(scope="session")
def admin():
    return Client(ADMIN)


@pytest.fixture
def anonymous():
    return Client()


@pytest.fixture
def make_user(admin):
    made = []

    def make(**fields):
        response = admin.post("/api/users/", json=new_user(**fields))
        assert response.status_code == 201, response.text
        made.append(response.json()["id"])
        return response.json()

    yield make
    for user_id in made:
        admin.delete(f"/api/users/{user_id}/")


@pytest.fixture
def make_token(admin):
    def make(user, title="Dashboard"):
        response = admin.post(tokens_path(user), json={"title": title})
        assert response.status_code == 201, response.text
        return response.json()

    return make


@pytest.fixture
def login():
    def client(user, password=PASSWORD):
        return Client((user["username"], password))

    return client


@pytest.fixture(scope="session")
def edge():
    return SimpleNamespace(**{name: value for name, value in globals().items() if name[0] != "_"})
