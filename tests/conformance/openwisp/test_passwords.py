import pytest

NEW = "Granite-meadow-58"
CHANGED = {"status": "Success", "message": "Password updated successfully"}
WRONG_OLD = ["Your old password was entered incorrectly. Please enter it again."]
MISMATCH = ["The two password fields didn’t match."]


def set_password(client, user, current, new=NEW, again=None):
    return client.put(
        f"{user['path']}password/",
        {
            "current_password": current,
            "new_password": new,
            "confirm_password": new if again is None else again,
        },
    )


def change_own(client, old, new=NEW, again=None):
    return client.post(
        "/user/password/change/",
        {
            "old_password": old,
            "new_password1": new,
            "new_password2": new if again is None else again,
        },
    )


def test_superuser_sets_a_password_without_knowing_the_current(admin, make, t):
    user = make.user()
    response = set_password(admin, user, None)
    assert response.status_code == 200
    assert response.json() == CHANGED
    assert t.obtain(user["username"], NEW).status_code == 200
    assert t.obtain(user["username"]).json() == t.NO_LOGIN


def test_set_password_accepts_a_form_with_a_blank_current_password(admin, make, t):
    user = make.user()
    response = admin.put(
        f"{user['path']}password/",
        data={"current_password": "", "new_password": NEW, "confirm_password": NEW},
    )
    assert response.status_code == 200
    assert t.obtain(user["username"], NEW).status_code == 200


def test_set_password_needs_all_three_fields(admin, make, t):
    response = admin.put(f"{make.user()['path']}password/", {})
    assert response.status_code == 400
    assert response.json() == dict.fromkeys(
        ("current_password", "new_password", "confirm_password"), t.REQUIRED
    )


def test_set_password_refuses_blank_and_null(admin, make, t):
    user = make.user()
    blank = set_password(admin, user, "x", "")
    assert blank.status_code == 400
    assert blank.json() == {"new_password": t.BLANK, "confirm_password": t.BLANK}
    path = f"{user['path']}password/"
    null = admin.put(
        path, {"current_password": "x", "new_password": None, "confirm_password": None}
    )
    assert null.status_code == 400
    assert null.json() == {"new_password": t.NULL, "confirm_password": t.NULL}
    empty_current = set_password(admin, user, "")
    assert empty_current.status_code == 400
    assert empty_current.json() == {"current_password": t.BLANK}


def test_set_password_with_a_differing_confirmation_is_400(admin, make, t):
    user = make.user()
    response = set_password(admin, user, None, NEW, NEW + "x")
    assert response.status_code == 400
    assert response.json() == {"confirm_password": MISMATCH}
    assert t.obtain(user["username"]).status_code == 200


def test_set_password_to_the_current_one_given_is_400(admin, make, t):
    response = set_password(admin, make.user(), t.PASSWORD, t.PASSWORD)
    assert response.status_code == 400
    assert response.json() == {
        "new_password": ["New password cannot be the same as your old password."]
    }


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_set_password_allows_only_put(admin, make, t, method):
    response = admin.request(method, f"{make.user()['path']}password/")
    assert response.status_code == 405
    assert response.json() == {"detail": f'Method "{method}" not allowed.'}
    assert t.methods(response) == {"PUT", "OPTIONS"}


def test_set_password_of_an_unknown_user_is_404(admin, t):
    response = set_password(admin, {"path": f"/user/{t.NOBODY}/"}, None)
    assert response.status_code == 404
    assert response.json() == t.missing("User")


def test_set_password_without_a_token_is_401(anonymous, make, t):
    response = set_password(anonymous, make.user(), t.PASSWORD)
    assert response.status_code == 401
    assert response.json() == t.NO_CREDENTIALS


def test_staff_user_sets_own_password_by_knowing_it(make, t):
    user = make.user(is_staff=True)
    client = make.client(user)
    for wrong in ("not it", None):
        response = set_password(client, user, wrong)
        assert response.status_code == 400
        assert response.json() == {"current_password": WRONG_OLD}
    assert t.obtain(user["username"]).status_code == 200
    assert set_password(client, user, t.PASSWORD).json() == CHANGED
    assert t.obtain(user["username"], NEW).status_code == 200


def test_user_without_permissions_cannot_set_anothers_password(make, t):
    client = make.client(make.user(is_staff=True))
    user = make.user()
    response = set_password(client, user, t.PASSWORD)
    assert response.status_code == 403
    assert response.json() == t.NO_PERMISSION
    assert t.obtain(user["username"]).status_code == 200


def test_manager_sets_the_password_of_a_member(make, t):
    organization = make.organization()
    _, client = make.manager(organization)
    member = make.member(organization)
    assert set_password(client, member, None).json() == CHANGED
    assert t.obtain(member["username"], NEW).status_code == 200


def test_manager_cannot_set_the_password_of_outsiders_or_superusers(make, t):
    organization = make.organization()
    _, client = make.manager(organization)
    for user in (make.user(), make.member(organization, is_superuser=True)):
        response = set_password(client, user, None)
        assert response.status_code == 404
        assert response.json() == t.missing("User")
        assert t.obtain(user["username"]).status_code == 200


def test_own_password_changes_through_the_self_service_endpoint(make, t):
    user = make.user()
    response = change_own(make.client(user), t.PASSWORD)
    assert response.status_code == 200
    assert response.json() == {"detail": "New password has been saved."}
    assert t.obtain(user["username"], NEW).status_code == 200
    assert t.obtain(user["username"]).json() == t.NO_LOGIN


def test_change_own_accepts_a_form(make, t):
    user = make.user()
    response = make.client(user).post(
        "/user/password/change/",
        data={"old_password": t.PASSWORD, "new_password1": NEW, "new_password2": NEW},
    )
    assert response.status_code == 200
    assert t.obtain(user["username"], NEW).status_code == 200


def test_change_own_needs_the_right_old_password(make, t):
    user = make.user()
    response = change_own(make.client(user), "not it")
    assert response.status_code == 400
    assert response.json() == {"old_password": WRONG_OLD}
    assert t.obtain(user["username"]).status_code == 200


def test_change_own_needs_all_three_fields(make, t):
    response = make.client(make.user()).post("/user/password/change/", {})
    assert response.status_code == 400
    assert response.json() == dict.fromkeys(
        ("old_password", "new_password1", "new_password2"), t.REQUIRED
    )


def test_change_own_without_a_token_is_401(anonymous, t):
    response = change_own(anonymous, t.PASSWORD)
    assert response.status_code == 401
    assert response.json() == t.NO_CREDENTIALS
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_change_own_allows_only_post(make, t):
    response = make.client(make.user()).get("/user/password/change/")
    assert response.status_code == 405
    assert t.methods(response) == {"POST", "OPTIONS"}


@pytest.mark.parametrize(
    "new,errors",
    [
        (
            "Ux7!",
            ["This password is too short. It must contain at least 8 characters."],
        ),
        ("password", ["This password is too common."]),
        (
            "12345678",
            ["This password is too common.", "This password is entirely numeric."],
        ),
        ("86420975318642", ["This password is entirely numeric."]),
        (
            "Orchid-lantern-42",
            ["You cannot re-use your current password. Enter a new password."],
        ),
    ],
)
def test_change_own_to_a_weak_password_is_refused(make, t, new, errors):
    user = make.user()
    response = change_own(make.client(user), t.PASSWORD, new)
    assert response.status_code == 400
    assert response.json() == {"new_password2": errors}
    assert t.obtain(user["username"]).status_code == 200


@pytest.mark.parametrize(
    "field,label",
    [
        ("username", "username"),
        ("first_name", "first name"),
        ("last_name", "last name"),
        ("email", "email address"),
    ],
)
def test_change_own_to_something_like_ones_own_data_is_refused(make, t, field, label):
    unlike = f"zq-{make.phone()[1:]}"
    user = make.user(
        **{
            "username": make.name("aaaa"),
            field: unlike + ("@mail.example" if field == "email" else ""),
        }
    )
    response = change_own(make.client(user), t.PASSWORD, user[field])
    assert response.status_code == 400
    assert response.json() == {
        "new_password2": [f"The password is too similar to the {label}."]
    }


def test_change_own_with_a_differing_repeat_is_refused(make, t):
    response = change_own(make.client(make.user()), t.PASSWORD, NEW, NEW + "x")
    assert response.status_code == 400
    assert response.json() == {"new_password2": MISMATCH}


def test_change_own_beyond_128_characters_is_refused(make, t):
    response = change_own(make.client(make.user()), t.PASSWORD, "xY7-" * 33)
    assert response.status_code == 400
    assert response.json() == dict.fromkeys(
        ("new_password1", "new_password2"), t.too_long(128)
    )


def test_reset_answers_alike_for_known_and_unknown_identifiers(anonymous, make, mailbox):
    for identifier in (make.user()["username"], make.name("nobody")):
        response = anonymous.post("/password/reset/", {"input": identifier})
        assert response.status_code == 200
        assert response.json() == {"detail": "Password reset e-mail has been sent."}


@pytest.mark.parametrize(
    "body,error",
    [
        ({}, "This field is required."),
        ({"email": "a@mail.example"}, "This field is required."),
        ({"input": ""}, "This field may not be blank."),
        ({"input": None}, "This field may not be null."),
    ],
)
def test_reset_needs_an_input(anonymous, body, error):
    response = anonymous.post("/password/reset/", body)
    assert response.status_code == 400
    assert response.json() == {"input": [error]}


@pytest.mark.parametrize("identifier", ["username", "email", "phone_number"])
def test_reset_mail_goes_to_the_users_address(
    anonymous, make, mailbox, t, identifier
):
    user = make.user(phone_number=make.phone())
    anonymous.post("/password/reset/", {"input": user[identifier]})
    message = mailbox.wait_for(user["email"])
    assert message["Subject"].startswith("Password reset on ")
    text = mailbox.text(message)
    assert user["username"] in text
    pair = t.reset_pair(text)
    assert f"{pair['uid']}-{pair['token']}" in t.unescape(mailbox.html(message))


def test_reset_sends_nothing_to_inactive_users(anonymous, make, mailbox):
    user = make.user(is_active=False)
    response = anonymous.post("/password/reset/", {"input": user["username"]})
    assert response.status_code == 200
    assert mailbox.stays_empty_for(user["email"])


def test_reset_is_confirmed_once_with_the_pair_from_the_mail(
    anonymous, make, mailbox, t
):
    user = make.user()
    anonymous.post("/password/reset/", {"input": user["username"]})
    pair = t.reset_pair(mailbox.text(mailbox.wait_for(user["email"])))
    body = pair | {"new_password1": NEW, "new_password2": NEW}
    response = anonymous.post("/password/reset/confirm/", body)
    assert response.status_code == 200
    assert response.json() == {
        "detail": "Password has been reset with the new password."
    }
    assert t.obtain(user["username"], NEW).status_code == 200
    assert t.obtain(user["username"]).json() == t.NO_LOGIN
    again = anonymous.post("/password/reset/confirm/", body)
    assert again.status_code == 400
    assert again.json() == {"token": ["Invalid value"]}


def test_reset_confirm_checks_the_new_password(anonymous, make, mailbox, t):
    user = make.user()
    anonymous.post("/password/reset/", {"input": user["username"]})
    pair = t.reset_pair(mailbox.text(mailbox.wait_for(user["email"])))
    for new, again, errors in (
        (NEW, NEW + "x", MISMATCH),
        ("password", "password", ["This password is too common."]),
        (
            t.PASSWORD,
            t.PASSWORD,
            ["You cannot re-use your current password. Enter a new password."],
        ),
    ):
        response = anonymous.post(
            "/password/reset/confirm/",
            pair | {"new_password1": new, "new_password2": again},
        )
        assert response.status_code == 400
        assert response.json() == {"new_password2": errors}
    assert t.obtain(user["username"]).status_code == 200


def test_reset_confirm_with_a_made_up_token_is_400(anonymous, make, mailbox, t):
    user = make.user()
    anonymous.post("/password/reset/", {"input": user["username"]})
    pair = t.reset_pair(mailbox.text(mailbox.wait_for(user["email"])))
    body = pair | {"token": "abc-def", "new_password1": NEW, "new_password2": NEW}
    response = anonymous.post("/password/reset/confirm/", body)
    assert response.status_code == 400
    assert response.json() == {"token": ["Invalid value"]}


def test_reset_confirm_needs_all_four_fields(anonymous, t):
    response = anonymous.post("/password/reset/confirm/", {})
    assert response.status_code == 400
    assert response.json() == dict.fromkeys(
        ("uid", "token", "new_password1", "new_password2"), t.REQUIRED
    )


def test_reset_pair_dies_when_the_password_changes_otherwise(
    admin, anonymous, make, mailbox, t
):
    user = make.user()
    anonymous.post("/password/reset/", {"input": user["username"]})
    pair = t.reset_pair(mailbox.text(mailbox.wait_for(user["email"])))
    set_password(admin, user, None)
    response = anonymous.post(
        "/password/reset/confirm/",
        pair | {"new_password1": "Basalt-river-63", "new_password2": "Basalt-river-63"},
    )
    assert response.status_code == 400
    assert response.json() == {"token": ["Invalid value"]}


@pytest.mark.improves
def test_user_who_is_not_staff_sets_own_password_by_knowing_it(make, t):
    user = make.user()
    client = make.client(user)
    assert set_password(client, user, "not it").status_code == 400
    response = set_password(client, user, t.PASSWORD)
    assert response.status_code == 200
    assert t.obtain(user["username"], NEW).status_code == 200


@pytest.mark.improves
def test_manager_must_know_own_password_to_set_it(make, t):
    manager, client = make.manager(make.organization())
    response = set_password(client, manager, "not it")
    assert response.status_code == 400
    assert response.json() == {"current_password": WRONG_OLD}
    assert t.obtain(manager["username"]).status_code == 200


@pytest.mark.improves
def test_set_password_beyond_128_characters_is_refused(admin, make, t):
    response = set_password(admin, make.user(), None, "xY7-" * 33)
    assert response.status_code == 400
    assert response.json()["new_password"] == t.too_long(128)


@pytest.mark.improves
def test_password_reset_revokes_tokens_obtained_before(anonymous, make, mailbox, t):
    user = make.user(is_superuser=True)
    client = make.client(user)
    anonymous.post("/password/reset/", {"input": user["username"]})
    pair = t.reset_pair(mailbox.text(mailbox.wait_for(user["email"])))
    anonymous.post(
        "/password/reset/confirm/", pair | {"new_password1": NEW, "new_password2": NEW}
    )
    assert client.get("/user/").status_code == 401


@pytest.mark.improves
def test_malformed_reset_uid_is_told_like_a_wrong_one(anonymous):
    response = anonymous.post(
        "/password/reset/confirm/",
        {"uid": "zz", "token": "x", "new_password1": NEW, "new_password2": NEW},
    )
    assert response.status_code == 400
    assert response.json() == {"uid": ["Invalid value"]}
