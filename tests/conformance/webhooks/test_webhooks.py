"""Webhooks as a receiver sees them, verified by the reference library of Standard Webhooks."""

import json
import os
import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from names import letters

URL = os.environ.get("ROLLCALL_URL", "http://127.0.0.1:9000").rstrip("/")
ADMIN_USERNAME = os.environ.get("ROLLCALL_ADMIN_USERNAME", "admin")
ADMIN_PASSWORD = os.environ.get("ROLLCALL_ADMIN_PASSWORD", "admin-password-1")
WEBHOOKS = f"{URL}/api/rollcall/v1/webhooks/"
USERS = f"{URL}/api/v1/users/user/"
# The server looks for new events every two seconds.
PATIENCE = 30


@pytest.fixture(scope="module")
def admin():
    session = requests.Session()
    login = {"username": ADMIN_USERNAME, "password": ADMIN_PASSWORD}
    token = session.post(f"{URL}/api/v1/users/token/", data=login, timeout=60).json()["token"]
    session.headers["Authorization"] = f"Bearer {token}"
    return session


@pytest.fixture
def receiver():
    """A receiver: where it listens, and the requests that have come, each with its headers and its body."""
    received = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            received.put((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/events", received
    server.shutdown()


@pytest.fixture
def webhook(admin, receiver):
    made = admin.post(WEBHOOKS, json={"url": receiver[0], "actions": ["user.created", "user.deleted"]}, timeout=60)
    assert made.status_code == 201, made.text[:500]
    yield made.json()
    assert admin.delete(f"{WEBHOOKS}{made.json()['id']}/", timeout=60).status_code == 204


def create_user(admin):
    name = letters()
    fields = {"username": name, "email": f"{name}@mail.example", "password": "Orchid-lantern-42"}
    made = admin.post(USERS, json=fields, timeout=60)
    assert made.status_code == 201, made.text[:500]
    return made.json()


def test_the_reference_library_verifies_what_is_sent(admin, receiver, webhook):
    user = create_user(admin)
    assert admin.delete(f"{USERS}{user['id']}/", timeout=60).status_code == 204
    for action in ["user.created", "user.deleted"]:
        headers, body = receiver[1].get(timeout=PATIENCE)
        event = Webhook(webhook["secret"]).verify(body, headers)
        assert (event["action"], event["target"]["id"]) == (action, user["id"])
        assert headers["webhook-id"] == event["id"]
        for changed in [body.replace(b"user", b"uzer"), body + b" "]:
            with pytest.raises(WebhookVerificationError):
                Webhook(webhook["secret"]).verify(changed, headers)
        with pytest.raises(WebhookVerificationError):
            Webhook(webhook["secret"]).verify(body, {**headers, "webhook-id": "another"})


def test_after_a_rotation_both_secrets_verify(admin, receiver, webhook):
    rotated = admin.post(f"{WEBHOOKS}{webhook['id']}/secret/", timeout=60).json()
    create_user(admin)
    headers, body = receiver[1].get(timeout=PATIENCE)
    for secret in [webhook["secret"], rotated["secret"]]:
        assert Webhook(secret).verify(body, headers) == json.loads(body)


def test_a_redelivery_is_verified_too(admin, receiver, webhook):
    create_user(admin)
    headers, body = receiver[1].get(timeout=PATIENCE)
    deliveries = f"{WEBHOOKS}{webhook['id']}/deliveries/"
    delivery = admin.get(deliveries, timeout=60).json()["results"][0]
    assert admin.post(f"{deliveries}{delivery['id']}/redeliver/", timeout=60).status_code == 200
    again, same = receiver[1].get(timeout=PATIENCE)
    assert (again["webhook-id"], same) == (headers["webhook-id"], body)
    Webhook(webhook["secret"]).verify(same, again)
