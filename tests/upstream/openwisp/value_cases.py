"""The values that `values.py` sends. `<org>` and its like stand for ids, which each server gives out itself."""

from typing import NamedTuple
from urllib.parse import quote, quote_plus

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


class Case(NamedTuple):
    group: str
    sent: str
    method: str
    path: str
    body: bytes = b""
    content_type: str = JSON
    # What of a good answer is compared, beside what has changed.
    shows: str = ""


def cases():
    yield from charsets()
    yield from moments()
    yield from booleans()
    yield from pages()
    yield from references()


def by_json(group, method, path, field, values):
    """`field` is that of the body, with `=` and a template for what is around the value."""
    name, _, template = field.partition("=")
    for value in values:
        body = f'{{"{name}":{(template or "%s").replace("%s", value)}}}'
        yield Case(group, value, method, path, body.encode(), shows=name)


def by_form(group, method, path, field, values):
    for value in values:
        body = f"{field}={quote_plus(value, safe='<>:')}"
        yield Case(group, f"{field}={value}", method, path, body.encode(), FORM, field.partition(".")[0])


# Charsets of bodies: the label, the bytes of a name, and how to say them.
TEXTS = [
    ("", "André".encode(), "André in UTF-8"),
    ("; charset=utf-8", "André".encode(), "André in UTF-8"),
    ("; charset=UTF8", "André".encode(), "André in UTF-8"),
    ('; charset="utf-8"', "André".encode(), "André in UTF-8"),
    ("; charset=", "André".encode(), "André in UTF-8"),
    ("; charset=klingon", "André".encode(), "André in UTF-8"),
    ("; charset=klingon", b"Andre", "Andre"),
    ("; charset=utf-8; charset=latin-1", "André".encode(), "André in UTF-8"),
    ("", b"Andr\xe9", "Andr, byte E9"),
    ("; charset=utf-8", b"Andr\xe9", "Andr, byte E9"),
    ("; charset=utf-8", b"\xed\xa0\x80", "a surrogate, bytes ED A0 80"),
    ("; charset=utf-8", b"\xc1\xa1", "an overlong a, bytes C1 A1"),
    ("; charset=us-ascii", b"Andr\xe9", "Andr, byte E9"),
    ("; charset=ISO-8859-1", b"Andr\xe9", "Andr, byte E9"),
    ("; charset=latin-1", b"Andr\xe9", "Andr, byte E9"),
    ("; charset=latin1", b"Andr\xe9", "Andr, byte E9"),
    ("; charset=ISO-8859-1", b"\x80uro", "byte 80, uro"),
    ("; charset=windows-1252", b"\x80uro", "byte 80, uro"),
    ("; charset=windows-1252", b"\x81uro", "byte 81, uro"),
    ("; charset=iso-8859-15", b"\xa4uro", "byte A4, uro"),
    ("; charset=koi8-r", b"\xe4\xc1", "Да in KOI8-R"),
    ("; charset=EUC-JP", "花子".encode("euc-jp"), "花子 in EUC-JP"),
    ("; charset=EUC-JP", b"\xb2", "half a sign, byte B2"),
    ("; charset=Shift_JIS", "花子".encode("shift_jis"), "花子 in Shift_JIS"),
    ("; charset=gb2312", "花子".encode("gb2312"), "花子 in GB 2312"),
    ("; charset=big5", "花子".encode("big5"), "花子 in Big5"),
    ("; charset=cp437", "André".encode("cp437"), "André in code page 437"),
]
# The same of whole bodies: how all of it is written.
WHOLES = [
    ("", "utf-8-sig", "UTF-8 with a mark"),
    ("; charset=utf-8", "utf-8-sig", "UTF-8 with a mark"),
    ("; charset=ISO-8859-1", "utf-8-sig", "UTF-8 with a mark"),
    ("", "utf-16", "UTF-16 with a mark"),
    ("; charset=utf-8", "utf-16", "UTF-16 with a mark"),
    ("; charset=utf-16", "utf-16", "UTF-16 with a mark"),
    ("; charset=utf-16", "be", "UTF-16, big end first, with a mark"),
    ("; charset=utf-16", "utf-16-le", "UTF-16 LE without a mark"),
    ("; charset=utf-16le", "utf-16-le", "UTF-16 LE without a mark"),
    ("; charset=utf-16le", "utf-16", "UTF-16 LE with a mark"),
    ("; charset=utf-16be", "utf-16-be", "UTF-16 BE without a mark"),
    ("; charset=utf-32", "utf-32", "UTF-32 with a mark"),
    ("; charset=utf-7", "utf-7", "UTF-7"),
]


def charsets():
    path = "/user/<user>/"
    for label, name, told in TEXTS:
        sent = f"{label or 'no charset'}: {told}"
        json = b'{"first_name":"' + name + b'"}'
        yield Case("charset, JSON", sent, "PATCH", path, json, JSON + label, "first_name")
        escaped = b"first_name=" + quote(name).encode()
        yield Case("charset, form, escaped", sent, "PATCH", path, escaped, FORM + label, "first_name")
        yield Case("charset, form, raw", sent, "PATCH", path, b"first_name=" + name, FORM + label, "first_name")
        part = b'--b\r\nContent-Disposition: form-data; name="first_name"\r\n\r\n' + name + b"\r\n--b--\r\n"
        multipart = f"multipart/form-data{label}; boundary=b"
        yield Case("charset, multipart", sent, "PATCH", path, part, multipart, "first_name")
    for label, codec, told in WHOLES:
        sent = f"{label or 'no charset'}: {told}"
        for group, text, kind in [
            ("charset, JSON", '{"first_name":"André"}', JSON),
            ("charset, form, raw", "first_name=André", FORM),
        ]:
            body = b"\xfe\xff" + text.encode("utf-16-be") if codec == "be" else text.encode(codec)
            yield Case(group, sent, "PATCH", path, body, kind + label, "first_name")


# Of a day that is not past.
DAYS = """
    2099-02-03 2099-2-3 2099-02-3 20990203 2099-0203 209902-03 2099/02/03 03-02-2099 03.02.2099 99-02-03 +2099-02-03
    12099-02-03 2099-02-30 2099-13-01 2099-00-01 2096-02-29 2099-02-29 0000-01-01 9999-12-31 10000-01-01 2099-02
    2099 2099-W05-3 2099W053 2099-W05 2099-034 2099034 2099-02-03T00:00:00Z 2099-02-03T00:00 2099-02-03T24:00
    2099-02-03T24:00:00Z 2099-02-03T00:00:00.000000Z 2099-02-03T04:05:06.5+02:00 2099-02-03T04:05:06+0200
    2099-02-03T04:05:06+02 2099-02-03Z 2099-02-03+02:00 T04:05 4070908800 ２０９９-02-03 2099-02-0３ 2099–02–03 today
    null None
""".split()
DAYS += ["", " ", "2099-02-03 00:00:00", "2099-02-03 ", " 2099-02-03", "\t2099-02-03\n", "2099-02-03\n", "2099 02 03"]
DAYS += ["2099-02-03\0"]
OTHER_DAYS = 'null true false 0 1 4070908800 20990203 20990203.0 [] ["2099-02-03"] {} 1e400 NaN'.split()
# Of the past, which only a birth date may be.
PAST = ['"0001-01-01"', '"0999-12-31"', '"1899-12-31"', '"1970-01-01"', '"2000-02-29"', '"1900-02-29"']
MOMENTS = ['"2021-02-03T04:05:06Z"', '"2021-02-03"', '"yesterday"', '""', "null", "0"]


def moments():
    days = [text(day) for day in DAYS] + OTHER_DAYS
    for field in ("birth_date", "expiration_date"):
        yield from by_json(f"{field}, JSON", "PATCH", "/user/<user>/", field, days + PAST)
        yield from by_form(f"{field}, form", "PATCH", "/user/<user>/", field, DAYS)
    for field in ("last_login", "date_joined"):
        for case in by_json(f"{field}, JSON", "PATCH", "/user/<user>/", field, MOMENTS):
            # That it has not changed is enough.
            yield case._replace(shows="")
    few = ['"2099-2-3"', '""', "null", "1", '"2099-02-03T00:00"']
    yield from by_json("birth_date, POST", "POST", "/user/", "birth_date", few)
    few = ["2099-2-3", "", "null", " 2099-02-03"]
    yield from by_form("birth_date, POST, form", "POST", "/user/", "birth_date", few)


WORDS = """
    true True TRUE t T yes Yes y Y on On ON 1 false False f F no No n N off OFF 0 null Null NULL None maybe 2 -1 1.0
    0.0 01 +1 １ truе tru [] {} enabled
""".split()
WORDS += ["", " ", "true ", " true", "\tfalse\n", "1 ", " null "]
OTHERS = """
    true false 1 0 2 -1 1.0 0.0 1e0 0.5 -0 -0.0 100000000000000000000 null [] {} [true] [1] NaN Infinity 1e400 {"a":true}
""".split()


def booleans():
    values = [text(word) for word in WORDS] + OTHERS
    user = "/user/<user>/"
    yield from by_json("is_active of a user, JSON", "PATCH", user, "is_active", values)
    yield from by_json("is_staff, JSON", "PATCH", user, "is_staff", values)
    yield from by_form("is_active of a user, form", "PATCH", user, "is_active", WORDS)
    yield from by_form("is_staff, form", "PATCH", user, "is_staff", WORDS)
    yield from by_json("is_active of an organization, JSON", "PATCH", "/organization/<org>/", "is_active", values)
    yield from by_json("primary, JSON", "PATCH", user + "email/<address>/", "primary", values)
    member = '{"organization":"<org>","is_admin":%s}'
    yield from by_json("is_admin, JSON", "PATCH", user, "organization_users=" + member, values)
    for word in WORDS:
        body = f"organization_users.organization=<org>&organization_users.is_admin={quote_plus(word)}"
        yield Case("is_admin, form", f"is_admin={word}", "PATCH", user, body.encode(), FORM, "organization_users")
    yield from by_json("is_active, POST", "POST", "/user/", "is_active", values)
    for case in by_json("email_verified, POST", "POST", "/user/", "email_verified", values):
        # No answer has it.
        yield case._replace(shows="")
    few = ["true", "on", "1", "off", "", " ", "null", "maybe"]
    yield from by_form("is_active, POST, form", "POST", "/user/", "is_active", few)
    yield Case("is_active, POST, form", "absent", "POST", "/user/", b"first_name=", FORM, "is_active")
    for sent in [f"is_active={word}" for word in few] + ["absent"]:
        body = "username=<name>" + (f"&{sent.replace(' ', '+')}" if sent != "absent" else "")
        yield Case("is_active, PUT, form", sent, "PUT", user, body.encode(), FORM, "is_active")


PAGES = """
    1 2 3 4 0 -1 -0 +1 +2 01 0002 1.0 2.0 1.5 １ ２ ٢ ² last Last LAST first abc 1e1 1e0 0x1 1_0 0_2 1,0 1;2 true null None [1]
    11 100 101 9223372036854775807 9223372036854775808 18446744073709551616 100000000000000000000000000000
""".split()
PAGES += ["", " ", " 1", "1 ", "\t2\n", " last", "1\0", "9" * 5000]


def pages():
    path = "/user/<user>/email/?"
    for value in PAGES:
        sent = value if len(value) < 100 else f"{len(value)} digits 9"
        yield Case("page", f"page={sent}", "GET", f"{path}page={quote(value)}&page_size=5")
        yield Case("page_size", f"page_size={sent}", "GET", f"{path}page_size={quote(value)}")
    for query in """
        page page= page_size page=1&page=2 page=2&page= page=&page=2 page=2&page=abc page[]=2 Page=2 page=+2
        page=%202 page=%FF page=%zz page=2%00 page_size=2&page_size=3 page_size=3&page_size= page=2&page_size=1.5
        page=2;page_size=1 page=3&page_size=2&x=%FF page=2&page_size=2&b=2&a=1&b=1 page=2&page_size=2&a=
        page=2&page_size=2&a page=2&page_size=02 page_size=%202&page=2 page=2&page_size=2&a=%C3%A9%20~*'()!
    """.split():
        size = "" if "page_size" in query else "&page_size=5"
        yield Case("queries", query + size, "GET", path + query + size)


# Integer keys.
KEYS = """
    [<group>] ["<group>"] ["~<group>"] ["<group>~"] ["\\t<group>\\n"] [<group>.0] [<group>.5] ["<group>.0"]
    ["+<group>"] ["0<group>"] [0<group>] [<group>,<group>] ["<group>",<group>] [""] ["~"] [null] [true] [false] [0]
    [-1] ["-1"] [99999] ["99999"] [99999.0] [99999e0] ["abc"] ["<group:wide>"] ["0_<group>"] ["0x1"] [1e400] [NaN]
    [[]] [[<group>]] [{}] [{"id":<group>}] [2147483648] [9223372036854775807] [9223372036854775808]
    [18446744073709551616] [100000000000000000000000] ["100000000000000000000000"] [-9223372036854775809] [1e30]
    [99999,99998] ["<group>",99999] [] null "" "abc" "<group>" <group> true 1.5 {} {"0":<group>} {"<group>":1}
""".split()
KEYS = [key.replace("~", " ") for key in KEYS]
# UUIDs, of what is there and of what is not.
UUIDS = """
    "<org>" "<org:upper>" "<org:hex>" "<org:urn>" "{<org>}" "~<org>" "<org>~" "<org:mixed>" "<user>" "" "~" null true
    false 0 1 1.0 1.5 -1 "abc" "None" "null" "00000000-0000-0000-0000-000000000000"
    "00000000-0000-4000-8000-000000000000" "00000000000040008000000000000000"
    "urn:uuid:00000000-0000-4000-8000-000000000000" "0000-0000-0000-4000-8000-000000000000-0000"
    "00000000-0000-4000-8000-00000000000g" 100000000000000000000 340282366920938463463374607431768211455
    340282366920938463463374607431768211456 1e30 1e400 NaN [] ["<org>"] {} {"id":"<org>"}
""".split()
UUIDS = [value.replace("~", " ") for value in UUIDS]
MEMBERSHIPS = [value.replace("<org", "<membership") for value in UUIDS] + ['"<org>"']
NESTED = ["null", '""', '" "', "true", "1", "1.5", '"abc"', "{}", "[]", "[null]", '["abc"]', "[[]]", "[{}]"]


def references():
    user, organization = "/user/<user>/", "/organization/<org>/"
    yield from by_json("groups, JSON", "PATCH", user, "groups", KEYS)
    permissions = [key.replace("group", "permission") for key in KEYS]
    yield from by_json("user_permissions, JSON", "PATCH", user, "user_permissions", permissions)
    yield from by_json("permissions of a group, JSON", "PATCH", "/group/<group>/", "permissions", permissions)
    yield from by_json("groups, POST", "POST", "/user/", "groups", KEYS[:12] + KEYS[13:20] + KEYS[-10:])
    words = "<group> <group>.0 null abc 99999 true [<group>] <group>,<group> 100000000000000000000".split()
    yield from by_form("groups, form", "PATCH", user, "groups", [*words, " <group>", "", " "])
    for body in """
        groups=<group>&groups=<group> groups=<group>&groups= groups[0]=<group> groups[]=<group> groups
    """.split():
        yield Case("groups, form", body, "PATCH", user, body.encode(), FORM, "groups")
    member = 'organization_users={"organization":%s,"is_admin":true}'
    yield from by_json("organization, PATCH", "PATCH", user, member, UUIDS)
    yield from by_json("organization, POST", "POST", "/user/", member, UUIDS)
    entries = NESTED + ['[{"organization":"<org>","is_admin":true},1]', '[{"organization":""}]', '{"is_admin":true}']
    yield from by_json("organization_users, PATCH", "PATCH", user, "organization_users", entries)
    for entry in entries:
        body = f'{{"username":"<name>","organization_users":{entry}}}'
        yield Case("organization_users, PUT", entry, "PUT", user, body.encode(), shows="organization_users")
    yield from by_json("organization_users, POST", "POST", "/user/", "organization_users", entries)
    identifiers = ["<org>", "<org:upper>", "<org:hex>", " <org>", "", " ", "null", "abc"]
    yield from by_form("organization, form", "PATCH", user, "organization_users.organization", identifiers)
    yield from by_form("organization, POST, form", "POST", "/user/", "organization_users.organization", identifiers)
    yield from by_json("owner.organization_user", "PATCH", organization, 'owner={"organization_user":%s}', MEMBERSHIPS)
    owners = NESTED + ['[{"organization_user":"<membership>"}]', '[{"organization_user":null}]']
    yield from by_json("owner", "PATCH", organization, "owner", owners)
    members = ["<membership>", "<membership:upper>", "", " ", "null", "abc"]
    yield from by_form("owner, form", "PATCH", organization, "owner.organization_user", members)
    numbers = """
        <group> 0 00<group> -1 +1 1.0 <group:wide> 99999 9223372036854775808 100000000000000000000000
    """.split()
    identifiers = "<org> <org:upper> <org:hex> <org:urn> <user> abc 00000000-0000-4000-8000-000000000000".split()
    for path, kind, keys, shows in [
        ("/group/", "group", numbers, "name"),
        (f"{user}email/", "address", numbers, "email"),
        ("/organization/", "org", identifiers, "name"),
    ]:
        for key in keys:
            key = key.replace("group", kind)
            yield Case("ids in paths", f"{path}{key}/", "GET", f"{path}{quote(key, safe='<>:+')}/", shows=shows)


def text(value):
    """A JSON string, with what is not ASCII as it is."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\0", "\\u0000")
    return f'"{escaped}"'.replace("\t", "\\t").replace("\n", "\\n")
