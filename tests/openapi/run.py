"""Holds a running server to its own OpenAPI document with Schemathesis: no 5xx, no status, header or body that is not documented.

Needs `schemathesis` on the path, and ROLLCALL_URL and ROLLCALL_ADMIN_PASSWORD. The directory is full of rubbish afterwards.

Every address is a run of its own, with a caller and objects of its own, since requests out of nowhere change passwords
and delete users: otherwise most of the requests would soon be answered with 401 and 404. Deletions come last.
"""

import base64
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

URL = os.environ["ROLLCALL_URL"].rstrip("/")
ADMIN = ("admin", os.environ["ROLLCALL_ADMIN_PASSWORD"])
PASSWORD = "Orchid-lantern-42"
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
]
NAMES = (f"target-{time.time_ns():x}-{number}" for number in itertools.count())
USERS = "/api/v1/users/user/"


def call(path: str, authorization: str | None = None, body: dict | None = None):
    """What a request is answered with; POST if there is a body."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": authorization} if authorization else {})
    request = urllib.request.Request(URL + path, json.dumps(body).encode() if body else None, headers)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def bearer(username: str, password: str) -> str:
    return "Bearer " + call("/api/v1/users/token/", body={"username": username, "password": password})["token"]


def token(username: str, password: str) -> str:
    return "Token " + call("/api/users/token/", body={"username": username, "password": password})["token"]


def basic(username: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def authorization(path: str, username: str, password: str) -> str:
    """A header of the API that an address belongs to."""
    if path.startswith("/api/v1/"):
        return bearer(username, password)
    if path.startswith(("/api/rollcall/", "/scim/")):
        # An API token, which stays good after signing out everywhere.
        return token(username, password).replace("Token", "Bearer")
    return basic(username, password) if path.startswith("/api/users/") else token(username, password)


def made_user(admin: str, **fields) -> dict:
    name = next(NAMES)
    return call(USERS, admin, {"username": name, "email": f"{name}@example.org", "password": PASSWORD} | fields)


def ids(path: str, admin: str, caller: str) -> dict:
    """The variable parts of an address, of objects made for it."""
    if "{" not in path:
        return {}
    if path.startswith("/api/rollcall/v1/me/tokens/"):
        # Not the one that is shown with the requests.
        known = "Bearer " + token(caller, PASSWORD).removeprefix("Token ")
        return {"token": call("/api/rollcall/v1/me/tokens/", known)["results"][-1]["id"]}
    if path.startswith("/api/rollcall/v1/users/"):
        return {"id": made_user(admin)["id"]}
    if path.startswith("/api/rollcall/"):
        return {}
    if path.startswith("/scim/v2/ResourceTypes/"):
        return {"id": "User"}
    if path.startswith("/scim/v2/Schemas/"):
        return {"id": "urn:ietf:params:scim:schemas:core:2.0:Group"}
    if path.startswith("/scim/v2/Groups/"):
        return {"id": call("/scim/v2/Groups", admin, {"displayName": next(NAMES)})["id"]}
    if path.startswith("/api/v1/users/group/"):
        return {"id": call("/api/v1/users/group/", admin, {"name": next(NAMES), "permissions": []})["id"]}
    if path.startswith("/api/v1/users/organization/"):
        name = next(NAMES)
        return {"id": call("/api/v1/users/organization/", admin, {"name": name, "slug": name})["id"]}
    user = made_user(admin)
    name = user["username"]
    if path.startswith("/api/admin/"):
        rows = call("/api/admin/users/", token(*ADMIN))
        return {"id": next(row["id"] for row in rows if row["username"] == name)}
    if path.startswith("/api/users/"):
        [row] = call(f"/api/users/?username={name}", basic(*ADMIN))
        found = {"id": row["id"]}
        if "{token}" in path:
            made = call(f"/api/users/{row['id']}/tokens/", basic(*ADMIN), {"title": name})
            found["token"] = made["id"]
        return found
    found = {"id": user["id"]}
    if "{organization}" in path:
        made = call("/api/v1/users/organization/", admin, {"name": name, "slug": name})
        found["organization"] = made["id"]
        call(f"{USERS}{user['id']}/organization/", admin, {"organization": made["id"]})
    if "{number}" in path:
        found["number"] = call(f"{USERS}{user['id']}/email/", admin, {"email": f"more-{name}@example.org"})["id"]
    return found


def holds(folder: str, path: str, methods: list[str], admin: str) -> bool:
    """Runs the requests of an address, and asks whether its caller was known to the end."""
    caller = made_user(admin, is_superuser=True, is_staff=True)["username"]
    known = authorization(path, caller, PASSWORD)
    config = os.path.join(folder, f"{caller}.toml")
    with open(config, "w", encoding="utf-8") as file:
        file.write(f"[headers]\nAuthorization = {json.dumps(known)}\n[parameters]\n")
        for name, value in ids(path, admin, caller).items():
            file.write(f'"path.{name}" = {json.dumps(value)}\n')
    command = ["schemathesis", "--no-color", "--config-file", config, "run", f"{folder}/openapi.json", "--url", URL]
    command += ["--seed", "1", "--max-examples", "10", "--checks", ",".join(CHECKS)]
    command += ["--phases", "examples,coverage,fuzzing", "--warnings", "off"]
    command += [f"--include-name={method.upper()} {path}" for method in methods]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    cases = next((line.strip() for line in result.stdout.splitlines() if " generated" in line), "no cases")
    print(f"{'ok' if result.returncode == 0 else 'FAILED'}  {' '.join(methods).upper()} {path}: {cases}", flush=True)
    if result.returncode:
        print(result.stdout, result.stderr)
    if "no cases" in cases:
        return False
    if "password" not in path:
        call(known_path(path), known)
    return result.returncode == 0


def known_path(path: str) -> str:
    """An address that answers 200 to a superuser."""
    if path.startswith("/api/v1/"):
        return USERS
    if path.startswith("/api/rollcall/"):
        return "/api/rollcall/v1/me/tokens/"
    if path.startswith("/scim/"):
        return "/scim/v2/Users?count=1"
    return "/api/users/" if path.startswith("/api/users/") else "/api/admin/users/"


def main() -> int:
    admin = bearer(*ADMIN)
    document = call("/api/v1/docs.json", admin)
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "openapi.json"), "w", encoding="utf-8") as file:
            json.dump(document, file)
        runs = []
        for path, item in document["paths"].items():
            methods = [method for method in item if method in ("get", "post", "put", "patch", "head", "options")]
            runs += [(path, methods)] + ([(path, ["delete"])] if "delete" in item else [])
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            outcomes = list(pool.map(lambda run: holds(folder, *run, admin), runs))
    print(f"{sum(outcomes)} of {len(outcomes)} runs hold")
    return 0 if all(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
