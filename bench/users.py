#!/usr/bin/env python3
"""Writes what `dumpdata` of an OpenWISP with so many users gives, to measure how fast they move in.

    bench/users.py 20000 >users.json
    ROLLCALL_DATA=$(mktemp -d) rollcall import openwisp users.json

Every user has a verified address and a hash, and every second one is in one of ten organizations.
"""

import itertools
import json
import sys
import uuid

FIRST = ["Ana", "Bengt", "Chiara", "Dmitri", "Esther", "Farid", "Grace", "Hiroshi", "Ines", "Jonas"]
LAST = ["Andersen", "Bianchi", "Castillo", "Dubois", "Eriksen", "Fischer", "Garcia", "Hansen", "Ivanov"]
HASH = "pbkdf2_sha256$1000$salt1$xaKOusS1RRy+dGoqGEFxb53cjFht0st472o2Qtrqc6E="
ORGANIZATIONS = 10


def identifier(kind, number):
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{kind}-{number}.example.org"))


def row(model, pk, **fields):
    return {"model": model, "pk": pk, "fields": fields}


def organizations():
    for number in range(ORGANIZATIONS):
        yield row(
            "openwisp_users.organization", identifier("organization", number), name=f"Organization {number}",
            is_active=True, created="2024-01-01T00:00:00Z", modified="2024-01-01T00:00:00Z",
            slug=f"organization-{number}", description="", email="", url="",
        )


def user(number):
    pk, name = identifier("user", number), f"user{number}"
    email = f"{name}@mail.example.org"
    minutes, second = divmod(number, 60)
    hours, minute = divmod(minutes, 60)
    day, hour = divmod(hours, 24)
    yield row(
        "openwisp_users.user", pk, password=HASH, last_login=None, is_superuser=False, username=name,
        first_name=FIRST[number % len(FIRST)], last_name=LAST[number % len(LAST)], is_staff=False, is_active=True,
        date_joined=f"2024-{day // 28 % 12 + 1:02}-{day % 28 + 1:02}T{hour:02}:{minute:02}:{second:02}Z", email=email,
        bio="", url="", company="", location="", phone_number=None, birth_date=None, notes="", language="en-gb",
        password_updated="2024-01-02", expiration_date=None, groups=[], user_permissions=[],
    )
    yield row("account.emailaddress", number + 1, user=pk, email=email, verified=True, primary=True)
    if number % 2:
        yield row(
            "openwisp_users.organizationuser", identifier("membership", number), user=pk, is_admin=False,
            organization=identifier("organization", number % ORGANIZATIONS),
            created="2024-01-01T00:00:00Z", modified="2024-01-01T00:00:00Z",
        )


def main():
    if len(sys.argv) != 2 or not sys.argv[1].isdecimal():
        sys.exit(__doc__)
    users = itertools.chain.from_iterable(map(user, range(int(sys.argv[1]))))
    lines = map(json.dumps, itertools.chain(organizations(), users))
    print("[", ",\n".join(lines), "]", sep="\n")


if __name__ == "__main__":
    main()
