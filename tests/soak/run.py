#!/usr/bin/env python3
"""`rollcall serve` among hostile clients: whoever is signed in is still answered quickly, nothing is lost, and memory is bounded.

A quiet time comes first, for comparison. Then come, each from addresses of its own: connections that send a byte a second, bodies
that stall, large bodies, floods of wrong passwords and of resets, and mails that the mail server refuses. Needs Linux, where all
of 127.0.0.0/8 is this machine, and nothing but Python.
"""

import argparse
import asyncio
import http.client
import json
import multiprocessing
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PASSWORD = "Orchid-lantern-42"
USERS = "/api/v1/users/user/"
HONEST = 40  # Calls in a second.
MOST_MEMORY = 300  # MB


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path, help="the rollcall to run")
    parser.add_argument("--seconds", type=int, default=600, help="of hostile traffic")
    parser.add_argument("--ratio", type=float, default=5, help="how many times longer a detail may take then (99th percentile)")
    return parser.parse_args()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Client:
    """One connection, kept open, made anew when the server has closed it."""

    def __init__(self, port, token=None, address="127.0.0.1"):
        self.port, self.token, self.address, self.connection = port, token, address, None

    def call(self, method, path, body=None):
        for last in (False, True):
            kept = self.connection is not None
            if not kept:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30, source_address=(self.address, 0))
            headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {self.token}"} if self.token else {})
            try:
                self.connection.request(method, path, json.dumps(body) if body is not None else None, headers)
                answer = self.connection.getresponse()
                text = answer.read()
                if answer.will_close:
                    self.close()
                return answer.status, json.loads(text) if text[:1] in (b"{", b"[") else None
            except (http.client.HTTPException, OSError):
                self.close()
                if last or not kept:
                    raise
        raise AssertionError("two tries are all")

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None


# --- The mail server ------------------------------------------------------------------------------------------------------


def mail_server(port, accepted, refused):
    """Refuses everything to `refused.example`, and counts the rest by receiver."""

    async def serve(reader, writer):
        receiver = None

        async def say(text):
            writer.write(f"{text}\r\n".encode())
            await writer.drain()

        try:
            await say("220 mail.example")
            while line := (await reader.readline()).decode(errors="replace").strip():
                word = line.split(" ")[0].upper()
                if word == "RCPT":
                    receiver = line.split("<")[-1].split(">")[0]
                    if receiver.endswith("@refused.example"):
                        with refused.get_lock():
                            refused.value += 1
                        await say("550 no such mailbox")
                    else:
                        await say("250 ok")
                elif word == "DATA":
                    await say("354 go on")
                    while (await reader.readline()) not in (b".\r\n", b""):
                        pass
                    accepted.append(receiver)
                    await say("250 ok")
                elif word == "QUIT":
                    await say("221 bye")
                    break
                else:
                    await say("250 ok")
        except OSError:
            pass
        writer.close()

    async def run():
        server = await asyncio.start_server(serve, "127.0.0.1", port)
        async with server:
            await server.serve_forever()

    asyncio.run(run())


# --- The hostile ----------------------------------------------------------------------------------------------------------


def hostile(work):
    """Runs until it is ended, after everybody else: it is the server that is to be measured."""

    def begun(*given):
        os.nice(19)
        random.seed(os.getpid())
        while True:
            try:
                work(*given)
            except (OSError, http.client.HTTPException, ValueError):
                time.sleep(0.05)

    return begun


def strange_address():
    return f"127.{random.randrange(10, 200)}.{random.randrange(256)}.{random.randrange(1, 255)}"


def slowly(port, address, head, count):
    """Many connections of one address, on each of which a byte comes in a second."""

    async def one():
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))
                writer.write(head)
                while not reader.at_eof():
                    writer.write(b"x")
                    await writer.drain()
                    await asyncio.sleep(1)
                writer.close()
            except OSError:
                pass
            await asyncio.sleep(0.5)

    async def all_of_them():
        await asyncio.gather(*(one() for _ in range(count)))

    asyncio.run(all_of_them())


def large_bodies(port, address):
    body = b"a&" * 2_000_000
    with socket.create_connection(("127.0.0.1", port), timeout=30, source_address=(address, 0)) as stream:
        head = f"POST {USERS} HTTP/1.1\r\nhost: h\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {len(body)}\r\n\r\n"
        stream.sendall(head.encode() + body)
        stream.recv(4096)


def wrong_passwords(port, names, statuses):
    address, name = strange_address(), random.choice(names)
    client = Client(port, address=address)
    for number in range(15):
        path = random.choice(["/api/v1/users/token/", "/api/users/token/"])
        status, _ = client.call("POST", path, {"username": name, "password": f"wrong {number}"})
        with statuses[status // 100].get_lock():
            statuses[status // 100].value += 1
    client.close()


def resets(port, names, statuses):
    client = Client(port, address=strange_address())
    for name in random.sample(names, 10):
        status, _ = client.call("POST", "/api/v1/users/password/reset/", {"input": name})
        with statuses[status // 100].get_lock():
            statuses[status // 100].value += 1
    client.close()


# --- The honest -----------------------------------------------------------------------------------------------------------


def p99(times):
    return sorted(times)[int(len(times) * 0.99)]


def details(port, token, paths, seconds, result):
    """Reads users at a steady pace; how long each call takes, and what was answered."""
    client, times, wrong = Client(port, token), [], []
    end, due = time.monotonic() + seconds, time.monotonic()
    while due < end:
        time.sleep(max(0, due - time.monotonic()))
        due += 1 / HONEST
        if random.random() < 0.05:
            client.close()  # New connections come in too.
        path, name = random.choice(paths)
        began = time.monotonic()
        try:
            status, user = client.call("GET", path)
            if status != 200 or user["username"] != name:
                wrong.append(f"{status} {user}")
        except (OSError, http.client.HTTPException) as error:
            client.close()
            wrong.append(repr(error))
        times.append(time.monotonic() - began)
    result.put((times, wrong))


def measured(port, token, paths, seconds):
    result = multiprocessing.Queue()
    process = multiprocessing.Process(target=details, args=(port, token, paths, seconds, result), daemon=True)
    process.start()
    found = result.get(timeout=seconds + 120)
    process.join()
    return found


def writes(port, token, seconds, result):
    """Makes users, each with a mail to confirm the address."""
    client, made, failed = Client(port, token), {}, []
    end, number = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        number += 1
        name = f"made{number}"
        body = {"username": name, "email": f"{name}@mail.example", "password": PASSWORD, "email_verified": False}
        try:
            status, user = client.call("POST", USERS, body)
            if status == 201:
                made[user["id"]] = name
            else:
                failed.append(f"{status} {user}")
        except (OSError, http.client.HTTPException) as error:
            client.close()
            failed.append(repr(error))
        time.sleep(1)
    result.put((made, failed))


def memory(pid):
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024


def soak(program, seconds, most_ratio, folder):
    port, mail_port = free_port(), free_port()
    manager = multiprocessing.Manager()
    accepted, refused = manager.list(), multiprocessing.Value("i", 0)
    helpers = [multiprocessing.Process(target=mail_server, args=(mail_port, accepted, refused), daemon=True)]
    helpers[0].start()
    settings = {
        "ROLLCALL_LISTEN": f"127.0.0.1:{port}",
        "ROLLCALL_DATA": str(folder / "store"),
        "ROLLCALL_ADMIN_PASSWORD": PASSWORD,
        "ROLLCALL_SMTP_URL": f"smtp://127.0.0.1:{mail_port}",
        "RUST_LOG": "warn",
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("ROLLCALL_", "AWS_"))}
    log = (folder / "log").open("w")
    server = subprocess.Popen([program, "serve"], env=inherited | settings, stdout=log, stderr=log)
    try:
        troubles = observed(server, port, seconds, most_ratio, accepted, refused, helpers)
    finally:
        for helper in helpers:
            helper.kill()
        server.kill()
    text = (folder / "log").read_text()
    if "panicked" in text:
        troubles.append("a panic, which the log tells")
    if troubles:
        print("\n".join(text.splitlines()[-30:]))
    return troubles


def observed(server, port, seconds, most_ratio, accepted, refused, helpers):
    for _ in range(300):
        try:
            token = Client(port).call("POST", "/api/v1/users/token/", {"username": "admin", "password": PASSWORD})[1]["token"]
            break
        except (OSError, http.client.HTTPException):
            time.sleep(0.1)
    else:
        return ["it does not start"]
    admin, paths, names = Client(port, token), [], []
    for number in range(40):
        domain = "refused.example" if number % 2 else "mail.example"
        name = f"user{number}"
        body = {"username": name, "email": f"{name}@{domain}", "password": PASSWORD, "email_verified": True}
        status, user = admin.call("POST", USERS, body)
        assert status == 201, user
        paths.append((f"{USERS}{user['id']}/", name))
        names.append(name)

    quiet_seconds = max(8, seconds // 8)
    quiet, wrong = measured(port, token, paths, quiet_seconds)
    troubles = [f"while it was quiet: {wrong[0]}"] if wrong else []

    statuses = {"wrong passwords": [multiprocessing.Value("i", 0) for _ in range(6)], "resets": [multiprocessing.Value("i", 0) for _ in range(6)]}
    head = b"GET / HTTP/1.1\r\nhost: h\r\nx-slow: "
    stalled = f"POST {USERS} HTTP/1.1\r\nhost: h\r\ncontent-length: 1000000\r\n\r\n".encode()
    attacks = [(slowly, port, f"127.1.0.{n}", head, 150) for n in range(1, 4)]
    attacks += [(slowly, port, f"127.1.1.{n}", stalled, 150) for n in range(1, 3)]
    attacks += [(large_bodies, port, f"127.1.2.{n}") for n in range(1, 3)]
    attacks += [(wrong_passwords, port, [*names, "nobody", "admin"], statuses["wrong passwords"])] * 6
    attacks += [(resets, port, [*names, *(f"nobody{n}" for n in range(20))], statuses["resets"])] * 3
    helpers += [multiprocessing.Process(target=hostile(work), args=given, daemon=True) for work, *given in attacks]
    written = multiprocessing.Queue()
    helpers.append(multiprocessing.Process(target=writes, args=(port, token, seconds, written), daemon=True))
    for helper in helpers[1:]:
        helper.start()
    loud, wrong = measured(port, token, paths, seconds)
    made, failed = written.get(timeout=120)
    troubles += [f"among the hostile: {each}" for each in wrong[:3] + failed[:3]]
    for helper in helpers[1:]:
        helper.kill()
    if server.poll() is not None:
        return [*troubles, f"it has ended with {server.returncode}"]

    lost = [name for id, name in made.items() if (admin.call("GET", f"{USERS}{id}/")[1] or {}).get("username") != name]
    troubles += [f"lost: {lost}"] if lost else []
    unsent = {f"{name}@mail.example" for name in made.values()}
    for _ in range(300):
        unsent -= set(accepted)
        if not unsent:
            break
        time.sleep(0.2)
    troubles += [f"unsent after a minute: {sorted(unsent)[:5]} of {len(made)}"] if unsent else []
    ratio, most = p99(loud) / p99(quiet), memory(server.pid)
    troubles += [f"a ratio of {ratio:.1f}"] if ratio > most_ratio else []
    troubles += [f"{most:.0f} MB"] if most > MOST_MEMORY else []

    told = {kind: ", ".join(f"{n}xx {count.value}" for n, count in enumerate(counts) if count.value) for kind, counts in statuses.items()}
    print(f"quiet:    {len(quiet)} details, p99 {p99(quiet) * 1000:.1f} ms ({quiet_seconds} s)")
    print(f"hostile:  {len(loud)} details, p99 {p99(loud) * 1000:.1f} ms ({seconds} s), {ratio:.1f} times as long; {len(wrong)} failed")
    print(f"          {len(made)} users made, {len(failed)} refused, {len(lost)} lost, {len(unsent)} of their mails unsent")
    print(f"          wrong passwords: {told['wrong passwords']}; resets: {told['resets']}; mails refused {refused.value} times")
    print(f"memory:   {most:.0f} MB at most")
    return troubles


def main():
    given = arguments()
    with tempfile.TemporaryDirectory() as folder:
        troubles = soak(given.program.resolve(), given.seconds, given.ratio, Path(folder))
    for trouble in troubles:
        print(f"TROUBLE: {trouble}")
    print(f"{0 if troubles else 1} passed, {len(troubles)} failed")
    sys.exit(bool(troubles))


if __name__ == "__main__":
    main()
