#!/usr/bin/env python3
"""Measures servers that speak the OpenWISP or the OpenL2M users API.

    ROLLCALL_ADMIN_PASSWORD=... bench/drive.py URL [URL2] [--api openl2m] [--pid PID] [--pid2 PID]

Signs in as a superuser, makes some users, and then sends one kind of request after the other, as fast as responses come.
Every response must be a success. Two servers are driven in turn, several times for each kind, so that whatever else the
machine does meets both; the table then ends with how many times as much the first one takes as the second.

The users that it makes stay, so begin with empty servers and with failed logins and requests unlimited. It needs wrk
(`apt install wrk`). Both servers must have the same superuser.
"""

import argparse
import json
import os
import pathlib
import secrets
import statistics
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


def load(options, url, kind, seconds, mark):
    """Sends one kind of request for some seconds. `mark` makes names of users differ from those of other runs."""
    _, method, path, body, headers = kind
    command = ["wrk", "--threads", "1", "--connections", str(options.connections), "--duration", f"{seconds}s",
               "--timeout", "30s", "--script", str(REQUESTS), url, "--", method, path]
    done = subprocess.run([*command, body.replace("{n}", f"{mark}-{{n}}"), *headers], check=True,
                          capture_output=True, text=True).stdout
    result = json.loads(done.split("RESULT ", 1)[1])
    if result["refused"] or result["failed"]:
        sys.exit(f"{url}, {kind[0]}: not every response was a success: {result}")
    return result


def measure(options, servers, kinds):
    """One row of the table: what each server did with its kind of request, and the ratios of the first to the second."""
    for (url, _), kind in zip(servers, kinds):
        load(options, url, kind, 1, "warm")
    rounds = [[] for _ in servers]
    for number in range(options.rounds):
        for (url, pids), kind, results in zip(servers, kinds, rounds):
            before = processor_seconds(pids)
            result = load(options, url, kind, max(1, options.seconds // options.rounds), number)
            results.append(result | {"cpu": processor_seconds(pids) - before})
    row, figures = [], []
    for (url, pids), results in zip(servers, rounds):
        requests = sum(result["requests"] for result in results)
        if not requests:
            sys.exit(f"{url}, {kinds[0][0]}: no response within {options.seconds} s")
        rate = requests / sum(result["microseconds"] for result in results) * 1e6
        cpu = sum(result["cpu"] for result in results) / requests * 1000 if pids else None
        p50, p99 = (statistics.median(result[name] for result in results) / 1000 for name in ("p50", "p99"))
        row += [f"{rate:,.0f}", f"{p50:.1f} ms", f"{p99:.1f} ms", f"{cpu:.2f} ms" if pids else "?"]
        figures.append((p50, cpu))
    if len(figures) == 2:
        row += [f"{one / other:.2f}" if one and other else "?" for one, other in zip(*figures)]
    return [kinds[0][0], *row]


def program(pid):
    """What a process runs, and its version."""
    try:
        path = os.readlink(f"/proc/{pid}/exe")
        told = subprocess.run([f"/proc/{pid}/exe", "--version"], capture_output=True, text=True, timeout=10)
        return f"{path}: {(told.stdout or told.stderr).strip()}"
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"process {pid}: {error}"


def machine():
    """The processors of this machine."""
    text = pathlib.Path("/proc/cpuinfo").read_text()
    model = next((line.split(": ", 1)[1] for line in text.splitlines() if line.startswith("model name")), "unknown")
    return f"{os.cpu_count()} processors, {model}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", nargs="+", help="base URLs of one or two servers, without a path")
    parser.add_argument("--api", choices=["openwisp", "openl2m"], default="openwisp")
    parser.add_argument("--username", default="admin", help="a superuser; ROLLCALL_ADMIN_PASSWORD has the password")
    parser.add_argument("--users", type=int, default=100, help="how many users it makes first (100)")
    parser.add_argument("--connections", type=int, default=8, help="concurrent requests (8)")
    parser.add_argument("--seconds", type=int, default=10, help="how long each kind is sent to each server (10)")
    parser.add_argument("--rounds", type=int, help="in how many parts of whole seconds (1, with two servers 3)")
    parser.add_argument("--pid", type=int, action="append", default=[],
                        help="a process of the first server, on this machine, whose CPU time is shown; "
                             "those that it started are included")
    parser.add_argument("--pid2", type=int, action="append", default=[], help="the same for the second server")
    options = parser.parse_args()
    if options.rounds is None:
        options.rounds = 3 if len(options.url) == 2 else 1
    if len(options.url) > 2:
        parser.error("at most two servers")
    if options.rounds < 1 or options.seconds < options.rounds:
        parser.error("--seconds must be at least the number of rounds, which is at least 1")
    if options.users < 1:
        parser.error("--users must be at least 1")
    servers = list(zip((url.rstrip("/") for url in options.url), (options.pid, options.pid2)))
    login = urllib.parse.urlencode({"username": options.username, "password": os.environ["ROLLCALL_ADMIN_PASSWORD"]})
    api = {"openwisp": openwisp, "openl2m": openl2m}[options.api]
    run = f"bench-{secrets.token_hex(4)}"
    print(f"{machine()}; {options.connections} concurrent requests")
    for number, (url, pids) in enumerate(servers, 1):
        print(f"server {number}: {url}", *(f"({program(pid)})" for pid in pids))
    columns = [f"{name}{suffix}" for suffix in ([""] if len(servers) == 1 else [" (1)", " (2)"])
               for name in ("requests/s", "p50", "p99", "CPU per request")]
    columns += ["p50, 1 : 2", "CPU, 1 : 2"] if len(servers) == 2 else []
    print("\n| request |", " | ".join(columns), "|")
    print("|---" * (len(columns) + 1) + "|", flush=True)
    # Both may have the same users.
    for kinds in zip(*(api(url, login, f"{run}-{number}", options.users) for number, (url, _) in enumerate(servers, 1))):
        print("|", " | ".join(measure(options, servers, kinds)), "|", flush=True)


if __name__ == "__main__":
    main()
