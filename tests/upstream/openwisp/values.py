#!/usr/bin/env python3
"""Sends values to a server and compares its answers with those of OpenWISP, which `values.json` holds.

    ROLLCALL_URL=http://127.0.0.1:9000 ROLLCALL_ADMIN_PASSWORD=... values.py [--record URL] [GROUP...]

`--record` asks the OpenWISP at that URL instead and writes down what it answers; what was declared stays declared.
Groups are named by how their names begin.
"""

import argparse
import json
import os
import re
import secrets
import sys
from collections import Counter
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

from value_cases import FORM, JSON, cases

RECORD = Path(__file__).with_name("values.json")
API = "/api/v1/users"
# Reasons are the server's own.
FREE = re.compile(r"(JSON parse error - ).*")


class Server:
    """What stands on it is made once and put back as it was before each value."""

    def __init__(self, url, password):
        self.place = urlsplit(url).netloc
        self.token = None
        credentials = urlencode({"username": "admin", "password": password})
        self.token = self.good("POST", "/token/", credentials, FORM)["token"]
        # In all names, so that there may be many runs.
        self.run = f"v{secrets.token_hex(4)}"
        self.ids = {"run": self.run, "name": f"{self.run}-user"}
        self.made = 0
        for name in ("org", "other"):
            told = {"name": f"{self.run} {name}", "slug": f"{self.run}-{name}"}
            self.ids[name] = self.good("POST", "/organization/", told)["id"]
        self.ids["group"] = self.good("POST", "/group/", {"name": self.run, "permissions": []})["id"]
        groups = self.good("GET", "/group/?page_size=100")["results"]
        labels = [label for group in groups for label in group["permissions"] if label.endswith("Can view user")]
        self.ids["permission"] = int(labels[0].partition(":")[0])
        # Owns both organizations, so that nobody else comes to.
        owner = self.good("POST", "/user/", self.user("owner"))["id"]
        for name in ("org", "other"):
            told = {"organization_users": {"organization": self.ids[name], "is_admin": True}}
            self.good("PATCH", f"/user/{owner}/", told)
        self.ids["membership"] = self.good("GET", self.fill("/organization/<org>/"))["owner"]["organization_user"]
        self.ids["user"] = self.good("POST", "/user/", self.user("user"))["id"]
        for number in range(11):
            told = {"email": f"{self.run}-{number}@values.example"}
            self.ids["address"] = self.good("POST", self.fill("/user/<user>/email/"), told)["id"]
        self.start, self.now = {}, {}

    def user(self, name):
        name = f"{self.run}-{name}"
        return {"username": name, "email": f"{name}@values.example", "password": "Orchid-lantern-42"}

    def fill(self, text):
        """`text` with the ids in it, in the spelling that is wanted."""

        def known(found):
            name, _, spelling = found[1].partition(":")
            key = str(self.ids[name])
            if spelling == "mixed":
                return "".join(letter.upper() if at % 2 else letter for at, letter in enumerate(key))
            if spelling == "wide":
                return "".join(chr(ord(digit) - ord("0") + ord("０")) for digit in key)
            return {"upper": key.upper(), "hex": key.replace("-", ""), "urn": f"urn:uuid:{key}"}.get(spelling, key)

        return re.sub(r"<(\w+(?::\w+)?)>", known, text)

    def plain(self, body):
        """An answer's body with the names of ids in place of them."""
        if isinstance(body, dict):
            body = {name: self.plain(value) for name, value in body.items() if name != "modified"}
            for name in ("groups", "user_permissions"):
                kind = name.rpartition("_")[2].removesuffix("s")
                if isinstance(body.get(name), list):
                    body[name] = [f"<{kind}>" if value == self.ids[kind] else value for value in body[name]]
            return body
        if isinstance(body, list):
            return [self.plain(value) for value in body]
        if not isinstance(body, str):
            return body
        body = FREE.sub(r"\1…", body).replace(f"http://{self.place}{API}", "")
        for name, key in self.ids.items():
            if isinstance(key, int):
                body = re.sub(rf"(?<!\d){key}(?=: user \|)", f"<{name}>", body)
                continue
            for spelling in ("", ":upper", ":hex", ":mixed"):
                body = body.replace(self.fill(f"<{name}{spelling}>"), f"<{name}{spelling}>")
        return body

    def send(self, method, path, body=b"", content_type=JSON):
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        if body:
            headers["Content-Type"] = content_type
        connection = HTTPConnection(self.place, timeout=60)
        connection.request(method, API + path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if answer.getheader("Content-Type", "").startswith(JSON):
            return answer.status, json.loads(content)
        return answer.status, None

    def good(self, method, path, body=None, content_type=JSON):
        if body is not None and content_type == JSON:
            body = json.dumps(body)
        status, told = self.send(method, path, body or b"", content_type)
        assert status < 300, f"{method} {path} {body}: {status} {told}"
        return told

    def reset(self, path):
        """The object at `path` as it was when it was first looked at."""
        now = self.now.pop(path, None) or self.good("GET", path)
        start = self.start.setdefault(path, now)
        if now != start:
            told = {name: value for name, value in start.items() if now[name] != value}
            if told.pop("organization_users", None) is not None:
                for member in now["organization_users"]:
                    self.good("PATCH", path, {"organization_users": member})
            self.good("PATCH", path, told)
            now = self.good("GET", path)
            now["modified"] = start.get("modified")
            assert {**start, "modified": None} == {**now, "modified": None}, f"{path} stays {now}, but was {start}"
        return start

    def answer(self, case):
        path, body = quote(self.fill(case.path), safe="/?&=%:+-._~*'()!;[]"), case.body
        if b"<" in body:
            body = self.fill(body.decode()).encode()
        if case.method == "POST":
            self.made += 1
            body = self.with_user(body, case.content_type)
        before = self.reset(path) if case.method in ("PATCH", "PUT") else {}
        status, told = self.send(case.method, path, body, case.content_type)
        changed = {}
        if before:
            after = self.now[path] = self.good("GET", path)
            changed = {name: value for name, value in after.items() if name != "modified" and value != before[name]}
        if status >= 400:
            return self.plain([status, told] + ([{"changed": changed}] if changed else []))
        shown = {case.shows: told.get(case.shows)} if case.shows else {}
        if case.method == "GET" and not case.shows:
            if "results" in told:
                told["results"] = [row["email"].partition("@")[0].rpartition("-")[2] for row in told["results"]]
            return self.plain([status, told])
        return self.plain([status, shown | changed])

    def with_user(self, body, content_type):
        user = self.user(f"made-{self.made}")
        if content_type == FORM:
            return body + b"&" + urlencode(user).encode()
        return json.dumps(user).encode().removesuffix(b"}") + b", " + body.removeprefix(b"{")


def text_of(record):
    """JSON with a line for each value."""

    def line(name, value):
        return f"{json.dumps(name, ensure_ascii=False)}: {json.dumps(value, ensure_ascii=False)}"

    parts = []
    for group, answers in record.items():
        lines = ",\n    ".join(line(sent, answer) for sent, answer in answers.items())
        parts.append(f"  {json.dumps(group, ensure_ascii=False)}: {{\n    {lines}\n  }}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", metavar="URL")
    parser.add_argument("groups", nargs="*", metavar="GROUP")
    options = parser.parse_args()
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    reasons = record.get("reasons", {})
    server = Server(options.record or os.environ["ROLLCALL_URL"], os.environ["ROLLCALL_ADMIN_PASSWORD"])
    counts, seen = Counter(), set()
    new = {"reasons": reasons}
    for case in cases():
        assert (case.group, case.sent) not in seen, f"{case.group} has {case.sent} twice"
        seen.add((case.group, case.sent))
        known = record.get(case.group, {}).get(case.sent)
        if options.groups and not case.group.startswith(tuple(options.groups)):
            new.setdefault(case.group, {})[case.sent] = known
            continue
        answer = server.answer(case)
        if options.record:
            kept = {**known, "reference": answer} if isinstance(known, dict) else answer
            new.setdefault(case.group, {})[case.sent] = kept
            continue
        declared = isinstance(known, dict)
        expected = known["rollcall"] if declared else known
        counts["declared" if declared else "same"] += answer == expected
        if answer != expected:
            counts["different"] += 1
            told = f" (declared: {reasons[known['why']]})" if declared else ""
            print(f"{case.group}: {case.sent}\n    expected {json.dumps(expected, ensure_ascii=False)}{told}")
            print(f"    got      {json.dumps(answer, ensure_ascii=False)}")
    if options.record:
        RECORD.write_text(text_of(new))
        print(f"{len(seen)} recorded")
    else:
        print(f"{counts['same']} the same, {counts['declared']} declared, {counts['different']} different")
    return counts["different"] > 0


if __name__ == "__main__":
    sys.exit(main())
