#!/usr/bin/env python3
"""Measures a server that speaks the OpenWISP or the OpenL2M users API, so that servers can stand side by side.

    ROLLCALL_ADMIN_PASSWORD=... bench/drive.py http://127.0.0.1:9000 [--api openl2m] [--pid PID]

Signs in as a superuser, makes some users, and then sends one kind of request after the other, as fast as answers come.
Every answer must be a success. The users that it makes stay, so begin with an empty server and with failed logins and
requests unlimited. It needs wrk (`apt install wrk`).
"""

import argparse
import json
import os
import pathlib
import secrets
import subprocess
import sys
import urllib.parse
import urllib.request

REQUESTS = pathlib.Path(__file__).with_name("requests.lua")
PASSWORD = "Orchid-lantern-42"
FORM = "Content-Type: application/x-www-form-urlencoded"
JSON = "Content-Type: application/json"


def ask(url, body, *headers):
    """The JSON that a POST answers."""
    request = urllib.request.Request(url, data=body.encode(), method="POST")
    for header in headers:
        request.add_header(*header.split(": ", 1))
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def openwisp(base, login, run, count):
    """The requests of OpenWISP: name, method, path, body, headers."""
    token = ask(f"{base}/api/v1/users/token/", login, FORM)["token"]
    authorization = f"Authorization: Bearer {token}"
    users = "/api/v1/users/user/"

    def user(name):
        return json.dumps({"username": name, "email": f"{name}@mail.example", "password": PASSWORD})

    one = [ask(base + users, user(f"{run}-{index}"), JSON, authorization) for index in range(count)][0]["id"]
    return [
        ("token", "POST", "/api/v1/users/token/", login, [FORM]),
        ("detail", "GET", f"{users}{one}/", "", [authorization]),
        ("list, a page of 10", "GET", f"{users}?page_size=10", "", [authorization]),
        ("create", "POST", users, user(f"{run}-{{n}}"), [JSON, authorization]),
    ]


def openl2m(base, login, run, count):
    """The requests of OpenL2M. A user may hold three tokens there, so that obtaining them cannot be measured."""
    authorization = f"Authorization: Token {ask(f'{base}/api/users/token/', login, FORM)['token']}"
    users = "/api/admin/users/"

    def user(name):
        return urllib.parse.urlencode({"username": name, "password": PASSWORD}, safe="{}")

    one = [ask(base + users, user(f"{run}-{index}"), FORM, authorization) for index in range(count)][0]["id"]
    return [
        ("detail", "GET", f"{users}{one}/", "", [authorization]),
        ("list, all users", "GET", users, "", [authorization]),
        ("create", "POST", users, user(f"{run}-{{n}}"), [FORM, authorization]),
    ]


def processor_seconds(pids):
    """What these processes and all that they have started have used so far."""
    used, parents = {}, {}
    for entry in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue  # it has ended meanwhile
        pid = int(entry.parent.name)
        parents[pid], used[pid] = int(fields[1]), int(fields[11]) + int(fields[12])
    wanted = set(pids)
    if missing := wanted - used.keys():
        sys.exit(f"no process {missing}")
    while more := {pid for pid, parent in parents.items() if parent in wanted} - wanted:
        wanted |= more
    return sum(used[pid] for pid in wanted) / os.sysconf("SC_CLK_TCK")


def measure(options, name, method, path, body, headers):
    """One row of the table."""
    def load(seconds):
        command = ["wrk", "--threads", "1", "--connections", str(options.connections), "--duration", f"{seconds}s",
                   "--timeout", "30s", "--script", str(REQUESTS), options.url, "--", method, path]
        # The first run warms the server up; both must not name the same users.
        done = subprocess.run([*command, body.replace("{n}", f"{seconds}-{{n}}"), *headers], check=True,
                              capture_output=True, text=True).stdout
        result = json.loads(done.split("RESULT ", 1)[1])
        if result["refused"] or result["failed"]:
            sys.exit(f"{name}: not every answer was a success: {result}")
        return result

    load(1)
    before = processor_seconds(options.pid)
    result = load(options.seconds)
    used = processor_seconds(options.pid) - before
    requests = result["requests"]
    if not requests:
        sys.exit(f"{name}: no answer within {options.seconds} s")
    return (name, f"{requests / result['microseconds'] * 1e6:,.0f}", f"{result['p50'] / 1000:.1f} ms",
            f"{result['p99'] / 1000:.1f} ms", f"{used / requests * 1000:.2f} ms" if options.pid else "?")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="base URL of the server, without a path")
    parser.add_argument("--api", choices=["openwisp", "openl2m"], default="openwisp")
    parser.add_argument("--username", default="admin", help="a superuser; ROLLCALL_ADMIN_PASSWORD has the password")
    parser.add_argument("--users", type=int, default=100, help="how many users it makes first (100)")
    parser.add_argument("--connections", type=int, default=8, help="requests under way at once (8)")
    parser.add_argument("--seconds", type=int, default=10, help="how long each kind is sent (10); not 1")
    parser.add_argument("--pid", type=int, action="append", default=[],
                        help="a server process on this machine, whose processor time is told; those it started count too")
    options = parser.parse_args()
    if options.seconds < 2:
        parser.error("--seconds must be at least 2")
    if options.users < 1:
        parser.error("--users must be at least 1")
    options.url = options.url.rstrip("/")
    login = urllib.parse.urlencode({"username": options.username, "password": os.environ["ROLLCALL_ADMIN_PASSWORD"]})
    api = {"openwisp": openwisp, "openl2m": openl2m}[options.api]
    print("| request | requests/s | p50 | p99 | CPU per request |\n|---|---|---|---|---|", flush=True)
    for row in api(options.url, login, f"bench-{secrets.token_hex(4)}", options.users):
        print("|", " | ".join(measure(options, *row)), "|", flush=True)


if __name__ == "__main__":
    main()
