import re
import secrets
from datetime import datetime, timedelta, timezone

import pytest

USERNAME_MESSAGE = (
    "Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters."
)
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z")


def test_smallest_form_post_creates_a_plain_active_user(admin, unique):
    username = unique()
    response = admin.post(admin.users, data={"username": username, "password": "x"})
    assert response.status_code == 201
    assert response.headers["Content-Type"].startswith("application/json")
    user = response.json()
    assert isinstance(user.pop("id"), int)
    assert isinstance(user.pop("profile"), int)
    assert isinstance(user.pop("password"), str)
    assert TIMESTAMP.fullmatch(user.pop("date_joined"))
    assert user == {
        "username": username, "first_name": "", "last_name": "", "email": "",
        "is_active": True, "is_staff": False, "is_superuser": False, "last_login": None,
        "groups": [], "user_permissions": [], "switchgroups": [],
    }


def test_documented_create_call_gives_the_documented_answer(admin, unique):
    username = unique("jane")
    response = admin.post(
        admin.users,
        data={
            "first_name": "Jane", "last_name": "Doe", "email": "jane.doe@test.com",
            "username": username, "password": "my_new_password",
            "profile": '{"allow_poe_toggle": false, "are_you_sure": false, "theme": "dark"}',
        },
    )
    assert response.status_code == 201
    user = response.json()
    assert user["first_name"] == "Jane"
    assert user["last_name"] == "Doe"
    assert user["email"] == "jane.doe@test.com"
    assert user["username"] == username
    profile = user["profile"]
    assert isinstance(profile["id"], int)
    documented = {
        "allow_poe_toggle": False, "are_you_sure": False, "bulk_edit": True,
        "edit_if_descr": True, "last_ldap_dn": "", "last_ldap_login": None,
        "read_only": False, "theme": "dark", "user": user["id"], "vlan_edit": False,
    }
    assert {key: profile[key] for key in documented} == documented
    assert admin.read(user["id"]) == user


def test_json_and_multipart_create_the_same_user_as_a_form(admin, unique):
    def fields():
        return {
            "username": unique(), "password": "x", "first_name": "Zoë", "last_name": "漢字",
            "email": "zoe@example.org", "profile": '{"bulk_edit": false}',
        }

    form = admin.post(admin.users, data=fields())
    json = admin.post(admin.users, json=fields())
    multipart = admin.post(
        admin.users, files={name: (None, value) for name, value in fields().items()}
    )
    answers = [form, json, multipart]
    assert [answer.status_code for answer in answers] == [201] * 3
    for answer in answers:
        user = admin.read(answer.json()["id"])
        assert user["first_name"] == "Zoë"
        assert user["last_name"] == "漢字"
        assert user["email"] == "zoe@example.org"
        assert user["profile"]["bulk_edit"] is False
        assert user["profile"]["theme"] == "light"


def test_date_joined_is_the_moment_of_creation_in_utc(make_user):
    before = datetime.now(timezone.utc) - timedelta(minutes=5)
    joined = datetime.fromisoformat(make_user().body["date_joined"].replace("Z", "+00:00"))
    assert before < joined < before + timedelta(minutes=10)


def test_password_works_for_login_and_is_never_answered(make_user, admin, can_log_in):
    user = make_user(password="a-Secret-of-Jane")
    assert can_log_in(user.username, "a-Secret-of-Jane")
    assert user.body["password"] != "a-Secret-of-Jane"
    assert admin.row(user.id)["password"] != "a-Secret-of-Jane"


def test_no_password_policy_is_applied(admin, unique, can_log_in):
    username = unique()
    for name, password in ((unique(), "1"), (unique(), "password"), (username, username)):
        assert admin.post(
            admin.users, data={"username": name, "password": password}
        ).status_code == 201
        assert can_log_in(name, password)


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        (
            {},
            {
                "username": ["This field is required."],
                "password": ["This field is required."],
            },
        ),
        ({"username": "someone"}, {"password": ["This field is required."]}),
        ({"password": "x"}, {"username": ["This field is required."]}),
        (
            {"username": "", "password": "   "},
            {
                "username": ["This field may not be blank."],
                "password": ["This field may not be blank."],
            },
        ),
    ],
)
def test_username_and_password_are_required_and_not_blank(admin, fields, errors):
    for body in ({"data": fields}, {"json": fields}):
        response = admin.post(admin.users, **body)
        assert (response.status_code, response.json()) == (400, errors)


def test_taken_username_is_400_and_leaves_the_owner_alone(admin, make_user, can_log_in):
    owner = make_user(first_name="Owner")
    response = admin.post(
        admin.users,
        data={"username": owner.username, "password": "other", "first_name": "Thief"},
    )
    assert response.status_code == 400
    assert response.json() == {"username": ["A user with that username already exists."]}
    assert admin.read(owner.id)["first_name"] == "Owner"
    assert can_log_in(owner.username, owner.password)


def test_usernames_that_differ_in_case_are_two_users(admin, make_user, unique):
    lower = make_user(username=unique("case"))
    upper = make_user(username=lower.username.upper())
    assert lower.id != upper.id
    assert admin.read(lower.id)["username"] == lower.username
    assert admin.read(upper.id)["username"] == lower.username.upper()


@pytest.mark.parametrize("middle", [" ", "/", "!", "<b>", "😀", "\t"])
def test_username_with_a_forbidden_character_is_400(admin, unique, middle):
    response = admin.post(
        admin.users, json={"username": f"a{middle}{unique()}", "password": "x"}
    )
    assert (response.status_code, response.json()) == (400, {"username": [USERNAME_MESSAGE]})


@pytest.mark.parametrize("prefix", ["a@b.+-_", "éü", "漢字", "7"])
def test_username_may_use_any_letter_digit_and_five_signs(admin, unique, prefix):
    username = prefix + unique()
    response = admin.post(admin.users, data={"username": username, "password": "x"})
    assert response.status_code == 201
    assert response.json()["username"] == username


@pytest.mark.parametrize(
    ("field", "limit"),
    [("username", 150), ("first_name", 150), ("last_name", 150), ("password", 128)],
)
def test_length_limit_is_exact(admin, unique, field, limit):
    def create(length):
        value = (unique("x") + "y" * length)[:length]
        return admin.post(
            admin.users, json={"username": unique(), "password": "x", field: value}
        )

    assert create(limit).status_code == 201
    response = create(limit + 1)
    assert response.status_code == 400
    assert response.json() == {
        field: [f"Ensure this field has no more than {limit} characters."]
    }


def test_email_is_checked_and_kept_as_written(admin, unique):
    def create(email):
        return admin.post(
            admin.users, data={"username": unique(), "password": "x", "email": email}
        )

    for email in ("jdoe@localhost", "O'Neil+tag@Mail.Example.ORG", ""):
        response = create(email)
        assert (response.status_code, response.json()["email"]) == (201, email)
    for email in ("jdoe", "jdoe@", "@example.org", "a b@example.org", "a@example", "a@b..org"):
        response = create(email)
        assert response.status_code == 400
        assert response.json() == {"email": ["Enter a valid email address."]}


def test_a_second_user_with_the_same_email_is_created_or_refused_by_that_field(
    admin, make_user, unique
):
    email = f"{unique()}@example.org"
    make_user(email=email)
    response = admin.post(
        admin.users, data={"username": unique(), "password": "x", "email": email}
    )
    assert response.status_code in (201, 400)
    assert response.status_code == 201 or list(response.json()) == ["email"]


def test_surrounding_white_space_is_cut_off(admin, unique):
    username = unique()
    response = admin.post(
        admin.users,
        json={
            "username": f"  {username}\n", "password": "x", "first_name": " Jane ",
            "last_name": "\tDoe", "email": " jane@example.org ",
        },
    )
    user = response.json()
    assert response.status_code == 201
    assert user["username"] == username
    assert (user["first_name"], user["last_name"]) == ("Jane", "Doe")
    assert user["email"] == "jane@example.org"


def test_unknown_and_server_owned_fields_are_ignored(admin, unique, make_user):
    other = make_user()
    username = unique()
    response = admin.post(
        admin.users,
        json={
            "username": username, "password": "x", "id": other.id, "pk": other.id,
            "nonsense": {"a": 1}, "date_joined": "2001-02-03T04:05:06Z",
            "last_login": "2001-02-03T04:05:06Z",
        },
    )
    assert response.status_code == 201
    user = response.json()
    assert user["id"] != other.id
    assert "nonsense" not in user
    assert not user["date_joined"].startswith("2001")
    assert user["last_login"] is None
    assert admin.read(other.id)["username"] == other.username


def test_all_errors_come_together_and_nothing_is_created(admin, unique):
    username = unique()
    response = admin.post(
        admin.users,
        json={
            "username": username, "password": "", "email": "nope", "first_name": None,
            "last_name": True, "is_active": "perhaps", "last_login": "yesterday",
            "groups": [999999999], "user_permissions": "all",
        },
    )
    assert response.status_code == 400
    assert response.json() == {
        "password": ["This field may not be blank."],
        "email": ["Enter a valid email address."],
        "first_name": ["This field may not be null."],
        "last_name": ["Not a valid string."],
        "is_active": ["Must be a valid boolean."],
        "last_login": [
            "Datetime has wrong format. Use one of these formats instead: "
            "YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]."
        ],
        "groups": ['Invalid pk "999999999" - object does not exist.'],
        "user_permissions": ['Expected a list of items but got type "str".'],
    }
    assert username not in {row["username"] for row in admin.get(admin.users).json()}


def test_numbers_are_taken_as_text_and_other_types_are_refused(admin):
    number = secrets.randbelow(10**15) + 10**15
    response = admin.post(
        admin.users, json={"username": number, "password": 12345, "first_name": 1.5}
    )
    assert response.status_code == 201
    assert response.json()["username"] == str(number)
    assert response.json()["first_name"] == "1.5"
    for value in (True, [], {}):
        refused = admin.post(admin.users, json={"username": value, "password": value})
        assert refused.status_code == 400
        assert refused.json() == {
            "username": ["Not a valid string."], "password": ["Not a valid string."],
        }


@pytest.mark.parametrize(
    ("body", "kind"), [("[]", "list"), ('"text"', "str"), ("7", "int")]
)
def test_json_body_must_be_an_object(admin, body, kind):
    response = admin.post(
        admin.users, data=body, headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 400
    assert response.json() == {
        "non_field_errors": [f"Invalid data. Expected a dictionary, but got {kind}."]
    }


@pytest.mark.improves
def test_flags_sent_at_creation_are_applied(admin, unique):
    response = admin.post(
        admin.users,
        json={
            "username": unique(), "password": "x", "is_staff": True, "is_superuser": True,
            "is_active": False,
        },
    )
    assert response.status_code == 201
    user = admin.read(response.json()["id"])
    assert user["is_staff"] is user["is_superuser"] is True
    assert user["is_active"] is False
