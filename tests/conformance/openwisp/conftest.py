import email
import email.policy
import html
import os
import re
import tempfile
import time
import uuid
from html.parser import HTMLParser
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path

import pytest
import requests

from names import letters

BASE = os.environ.get("ROLLCALL_URL", "http://127.0.0.1:9000").rstrip("/")
ADMIN_USERNAME = os.environ.get("ROLLCALL_ADMIN_USERNAME", "admin")
ADMIN_PASSWORD = os.environ.get("ROLLCALL_ADMIN_PASSWORD", "admin-password-1")
SMTP_PORT = os.environ.get("ROLLCALL_SMTP_PORT")
PASSWORD = "Orchid-lantern-42"


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "improves: Rollcall does better than the reference here"
    )
    if not SMTP_PORT or hasattr(config, "workerinput"):
        return
    from aiosmtpd.controller import Controller

    folder = tempfile.mkdtemp(prefix="rollcall-mail-")
    os.environ["ROLLCALL_MAIL_FOLDER"] = folder

    class Catcher:
        async def handle_DATA(self, server, session, envelope):
            name = f"{time.time():.6f}-{uuid.uuid4().hex}"
            partial = Path(folder, name + ".part")
            partial.write_bytes(envelope.content)
            partial.rename(Path(folder, name + ".eml"))
            return "250 OK"

    config.rollcall_catcher = Controller(
        Catcher(), hostname="127.0.0.1", port=int(SMTP_PORT)
    )
    config.rollcall_catcher.start()


def pytest_unconfigure(config):
    catcher = getattr(config, "rollcall_catcher", None)
    if catcher:
        catcher.stop()


class Api:
    """Requests under /api/v1/users; a path starting with /api or /accounts is taken as it is."""

    def __init__(self, token=None, keeps_cookies=False):
        self.http = requests.Session()
        self.token = token
        if not keeps_cookies:
            self.http.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        if token:
            self.http.headers["Authorization"] = f"Bearer {token}"

    def request(self, method, path, **options):
        if not path.startswith(("http", "/api", "/accounts")):
            path = "/api/v1/users" + path
        if not path.startswith("http"):
            path = BASE + path
        options.setdefault("allow_redirects", False)
        options.setdefault("timeout", 60)
        return self.http.request(method, path, **options)

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def head(self, path, **options):
        return self.request("HEAD", path, **options)

    def options(self, path, **options):
        return self.request("OPTIONS", path, **options)

    def post(self, path, json=None, **options):
        return self.request("POST", path, json=json, **options)

    def put(self, path, json=None, **options):
        return self.request("PUT", path, json=json, **options)

    def patch(self, path, json=None, **options):
        return self.request("PATCH", path, json=json, **options)

    def delete(self, path, **options):
        return self.request("DELETE", path, **options)


def obtain_token(username, password):
    return Api().post("/token/", {"username": username, "password": password})


class Make:
    """Creates uniquely named things as the superuser."""

    def __init__(self, admin):
        self.admin = admin
        self._groups = {}
        self._permissions = None

    @staticmethod
    def name(prefix="u"):
        return f"{prefix}-{letters()}"

    @staticmethod
    def phone():
        return f"+39333{uuid.uuid4().int % 10_000_000:07d}"

    def payload(self, **fields):
        username = self.name()
        data = {
            "username": username,
            "email": f"{username}@mail.example",
            "password": PASSWORD,
            "email_verified": True,
        }
        data.update(fields)
        return data

    def user(self, permissions=None, **fields):
        response = self.admin.post("/user/", self.payload(**fields))
        assert response.status_code == 201, response.text[:500]
        user = response.json()
        user["path"] = f"/user/{user['id']}/"
        if permissions:
            patched = self.admin.patch(
                user["path"], {"user_permissions": self.permission_ids(*permissions)}
            )
            assert patched.status_code == 200, patched.text[:500]
        return user

    def client(self, user, password=PASSWORD):
        response = obtain_token(user["username"], password)
        assert response.status_code == 200, response.text[:500]
        return Api(response.json()["token"])

    def organization(self, **fields):
        name = self.name("org")
        data = {"name": name, "slug": name}
        data.update(fields)
        response = self.admin.post("/organization/", data)
        assert response.status_code == 201, response.text[:500]
        organization = response.json()
        organization["path"] = f"/organization/{organization['id']}/"
        return organization

    def member(self, organization, is_admin=False, **fields):
        return self.user(
            organization_users={
                "organization": organization["id"],
                "is_admin": is_admin,
            },
            **fields,
        )

    def join(self, user, organization, is_admin=False):
        response = self.admin.patch(
            user["path"],
            {
                "organization_users": {
                    "organization": organization["id"],
                    "is_admin": is_admin,
                }
            },
        )
        assert response.status_code == 200, response.text[:500]

    def manager(self, organization, **fields):
        fields.setdefault("groups", [self.group_id("Administrator")])
        user = self.member(organization, is_admin=True, **fields)
        return user, self.client(user)

    def group(self, *permissions, **fields):
        data = {
            "name": self.name("g"),
            "permissions": self.permission_ids(*permissions),
        }
        data.update(fields)
        response = self.admin.post("/group/", data)
        assert response.status_code == 201, response.text[:500]
        group = response.json()
        group["path"] = f"/group/{group['id']}/"
        return group

    def group_id(self, name):
        if name not in self._groups:
            page = 1
            while name not in self._groups:
                response = self.admin.get(f"/group/?page_size=100&page={page}")
                assert response.status_code == 200, f"no group {name!r}"
                for group in response.json()["results"]:
                    self._groups.setdefault(group["name"], group["id"])
                page += 1
        return self._groups[name]

    def permission_ids(self, *labels):
        """Every id whose label is 'model | Can verb model', found by trying small ids on a scratch group."""
        if not labels:
            return []
        if self._permissions is None:
            self._permissions = {}
            path = self.group()["path"]

            def learn(ids):
                response = self.admin.patch(path, {"permissions": list(ids)})
                if response.status_code != 200:
                    return False
                for text in response.json()["permissions"]:
                    number, label = text.split(": ", 1)
                    self._permissions.setdefault(label, set()).add(int(number))
                return True

            for start in range(1, 1000, 10):
                ids = range(start, start + 10)
                if not learn(ids) and not any([learn([number]) for number in ids]):
                    break
            self.admin.delete(path)
        return sorted(i for label in labels for i in self._permissions[label])

    def owner_of(self, organization):
        return self.admin.get(organization["path"]).json()["owner"]

    def emails(self, user):
        return self.admin.get(f"{user['path']}email/").json()["results"]


class Mailbox:
    def __init__(self, folder):
        self.folder = Path(folder)

    def all_for(self, address):
        found = []
        for file in sorted(self.folder.glob("*.eml")):
            message = email.message_from_bytes(
                file.read_bytes(), policy=email.policy.default
            )
            if message["To"].lower() == address.lower():
                found.append(message)
        return found

    def wait_for(self, address, count=1, seconds=15):
        deadline = time.time() + seconds
        while time.time() < deadline:
            found = self.all_for(address)
            if len(found) >= count:
                return found[count - 1]
            time.sleep(0.1)
        pytest.fail(f"no mail number {count} for {address} within {seconds} s")

    def stays_empty_for(self, address, seconds=1.5):
        time.sleep(seconds)
        return not self.all_for(address)

    @staticmethod
    def text(message):
        return message.get_body(("plain",)).get_content()

    @staticmethod
    def html(message):
        return message.get_body(("html",)).get_content()


class Forms(HTMLParser):
    """The forms of a page, each as its attributes and its named inputs."""

    def __init__(self, page):
        super().__init__()
        self.forms = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form":
            self.forms.append({"attributes": attributes, "inputs": {}})
        elif tag == "input" and self.forms and attributes.get("name"):
            self.forms[-1]["inputs"][attributes["name"]] = attributes.get("value", "")

    def posting(self):
        return [
            form
            for form in self.forms
            if form["attributes"].get("method", "").lower() == "post"
        ]


class Tools:
    BASE = BASE
    PASSWORD = PASSWORD
    NO_PERMISSION = {"detail": "You do not have permission to perform this action."}
    NO_CREDENTIALS = {"detail": "Authentication credentials were not provided."}
    NO_LOGIN = {"non_field_errors": ["Unable to log in with provided credentials."]}
    REQUIRED = ["This field is required."]
    BLANK = ["This field may not be blank."]
    NULL = ["This field may not be null."]
    NOT_BOOLEAN = ["Must be a valid boolean."]
    NOBODY = "00000000-0000-0000-0000-000000000000"
    Forms = Forms
    unescape = staticmethod(html.unescape)

    @staticmethod
    def obtain(username, password=PASSWORD):
        return obtain_token(username, password)

    @staticmethod
    def too_long(limit):
        return [f"Ensure this field has no more than {limit} characters."]

    @staticmethod
    def missing(model):
        return {"detail": f"No {model} matches the given query."}

    @staticmethod
    def unknown_pk(value):
        return [f'Invalid pk "{value}" - object does not exist.']

    @staticmethod
    def methods(response):
        return {m.strip() for m in response.headers["Allow"].split(",")}

    @staticmethod
    def shape(value, **types):
        assert isinstance(value, dict)
        assert set(value) == set(types)
        for key, kind in types.items():
            kinds = kind if isinstance(kind, tuple) else (kind,)
            assert type(value[key]) in kinds, (key, value[key])

    @staticmethod
    def is_json(response):
        return response.headers["Content-Type"].split(";")[0] == "application/json"

    @staticmethod
    def is_utc_time(text):
        pattern = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z"
        return re.fullmatch(pattern, text) is not None

    @staticmethod
    def confirm_link(text):
        return re.search(r"https?://[^\s/]+(/\S*accounts/confirm-email/[^\s/]+/)", text)[
            1
        ]

    @staticmethod
    def reset_pair(text):
        found = re.search(r"/accounts/password/reset/key/([^\s/-]+)-([^\s/]+)/", text)
        return {"uid": found[1], "token": found[2]}


@pytest.fixture(scope="session")
def admin():
    token = os.environ.get("ROLLCALL_ADMIN_TOKEN")
    if not token:
        response = obtain_token(ADMIN_USERNAME, ADMIN_PASSWORD)
        assert response.status_code == 200, response.text[:500]
        token = response.json()["token"]
    return Api(token)


@pytest.fixture(scope="session")
def make(admin):
    return Make(admin)


@pytest.fixture
def anonymous():
    return Api()


@pytest.fixture
def t():
    return Tools


@pytest.fixture
def with_token():
    return Api


@pytest.fixture
def browser():
    return Api(keeps_cookies=True)


@pytest.fixture
def mailbox():
    if not SMTP_PORT:
        pytest.skip("ROLLCALL_SMTP_PORT is not set")
    return Mailbox(os.environ["ROLLCALL_MAIL_FOLDER"])
