import pytest

LIST = {"GET", "POST", "HEAD", "OPTIONS"}
DETAIL = {"GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}


@pytest.mark.parametrize("resource", ["user", "organization", "group"])
def test_allow_names_the_methods_of_lists_and_details(admin, make, t, resource):
    created = {
        "user": make.user,
        "organization": make.organization,
        "group": make.group,
    }[resource]()
    listed = admin.get(f"/{resource}/?page_size=1")
    assert t.methods(listed) == LIST
    assert t.methods(admin.get(created["path"])) == DETAIL
    for method in ("PUT", "PATCH", "DELETE"):
        response = admin.request(method, f"/{resource}/", json={})
        assert response.status_code == 405
        assert response.json() == {"detail": f'Method "{method}" not allowed.'}
        assert t.methods(response) == LIST
    response = admin.post(created["path"], {})
    assert response.status_code == 405
    assert response.json() == {"detail": 'Method "POST" not allowed.'}
    assert t.methods(response) == DETAIL


def test_allow_names_the_methods_of_email_addresses(admin, make, t):
    user = make.user()
    path = f"{user['path']}email/"
    assert t.methods(admin.get(path)) == LIST
    one = f"{path}{make.emails(user)[0]['id']}/"
    assert t.methods(admin.get(one)) == DETAIL
    assert admin.post(one, {}).status_code == 405
    assert admin.delete(path).status_code == 405


def test_allow_does_not_depend_on_permissions(make, t):
    response = make.client(make.user()).get("/user/")
    assert response.status_code == 403
    assert t.methods(response) == LIST


def test_answers_vary_by_accept(admin):
    response = admin.get("/user/?page_size=1")
    assert "accept" in response.headers["Vary"].lower()


def test_json_is_the_default_and_non_ascii_is_utf8(admin, make, t):
    user = make.user(first_name="Žofie 用")
    response = admin.get(user["path"], headers={"Accept": "*/*"})
    assert t.is_json(response)
    assert response.content.decode("utf-8").count("Žofie 用") == 1


@pytest.mark.parametrize("path", ["/user/", "/organization/", "/group/"])
def test_head_answers_like_get_without_a_body(admin, t, path):
    response = admin.head(f"{path}?page_size=1")
    assert response.status_code == 200
    assert response.content == b""
    assert t.is_json(response)


def test_head_of_detail(admin, make, t):
    assert admin.head(make.user()["path"]).status_code == 200
    assert admin.head(f"/user/{t.NOBODY}/").status_code == 404


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_missing_final_slash_redirects_and_does_nothing(admin, make, method):
    user = make.user()
    path = user["path"].rstrip("/")
    response = admin.request(method, path, json={"first_name": "x"})
    assert response.status_code in (301, 308)
    assert response.headers["Location"].endswith(f"/api/v1/users{path}/")
    assert admin.get(user["path"]).json()["first_name"] == ""


def test_redirect_for_the_final_slash_leads_to_the_answer(admin):
    assert admin.get("/user?page_size=1", allow_redirects=True).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/nothing-here/",
        "/user/not-a-uuid/",
        "/group/not-a-number/",
        "/organization/12/",
        "/user.json",
    ],
)
def test_address_of_no_endpoint_is_404(admin, path):
    assert admin.get(path).status_code == 404


def test_malformed_json_is_400(admin, t):
    for path in ("/user/", "/group/", "/organization/", "/token/"):
        response = admin.post(
            path, data='{"name": ', headers={"Content-Type": "application/json"}
        )
        assert response.status_code == 400
        t.shape(response.json(), detail=str)
        assert response.json()["detail"].startswith("JSON parse error - ")


@pytest.mark.parametrize(
    "body,kind", [("[]", "list"), ('"x"', "str"), ("1", "int"), ("true", "bool")]
)
def test_json_that_is_no_object_is_400(admin, body, kind):
    response = admin.post(
        "/user/", data=body, headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 400
    assert response.json() == {
        "non_field_errors": [
            f"Invalid data. Expected a dictionary, but got {kind}."
        ]
    }


def test_empty_body_is_an_empty_object(admin, t):
    response = admin.post("/group/", headers={"Content-Type": "application/json"})
    assert response.status_code == 400
    assert response.json() == {"name": t.REQUIRED}


@pytest.mark.parametrize("kind", ["text/plain", "application/xml"])
def test_other_content_types_are_415(admin, kind):
    response = admin.post("/user/", data="x", headers={"Content-Type": kind})
    assert response.status_code == 415
    assert response.json() == {
        "detail": f'Unsupported media type "{kind}" in request.'
    }


def test_json_with_a_charset_parameter_is_read(admin, make):
    response = admin.post(
        "/group/",
        data=f'{{"name": "{make.name("g")}", "permissions": []}}',
        headers={"Content-Type": "application/json; charset=utf-8"},
    )
    assert response.status_code == 201


@pytest.mark.parametrize("accept", ["application/xml", "image/png"])
def test_accept_that_cannot_be_met_is_406(admin, accept):
    response = admin.get("/user/", headers={"Accept": accept})
    assert response.status_code == 406
    assert response.json() == {
        "detail": "Could not satisfy the request Accept header."
    }


def test_accept_that_allows_anything_gets_json(admin, t):
    accept = "application/xml, */*;q=0.1"
    assert t.is_json(admin.get("/user/?page_size=1", headers={"Accept": accept}))


def test_unknown_format_parameter_is_404(admin):
    response = admin.get("/user/?format=xml")
    assert response.status_code == 404
    assert response.json() == {"detail": "Not found."}


def test_unknown_query_parameters_are_ignored(admin, make):
    organization = make.organization()
    _, client = make.manager(organization)
    make.member(organization)
    page = client.get("/user/?color=zzz&username=zzz&ordering=username").json()
    assert page["count"] == 2


def test_next_link_keeps_other_parameters(make):
    organization = make.organization()
    _, client = make.manager(organization)
    make.member(organization)
    page = client.get("/user/?page_size=1&color=red").json()
    assert page["next"].endswith("/user/?color=red&page=2&page_size=1")
    assert client.get(page["next"]).json()["previous"].endswith(
        "/user/?color=red&page_size=1"
    )


def test_options_describes_the_list_to_who_may_create(admin, t):
    response = admin.options("/user/")
    assert response.status_code == 200
    body = response.json()
    assert {"name", "description", "renders", "parses", "actions"} <= set(body)
    assert set(body["parses"]) == {
        "application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
    }
    assert {"application/json", "text/html"} <= set(body["renders"])
    fields = body["actions"]["POST"]
    assert fields["username"]["required"] is True
    assert fields["username"]["max_length"] == 150
    assert fields["email"]["type"] == "email"
    assert fields["id"]["read_only"] is True
    assert fields["is_active"]["type"] == "boolean"
    assert fields["birth_date"]["type"] == "date"
    assert fields["is_active"]["required"] is False


def test_options_of_a_detail_describes_put(admin, make):
    fields = admin.options(make.organization()["path"]).json()["actions"]["PUT"]
    assert fields["name"]["required"] is True
    assert fields["slug"]["type"] == "slug"
    assert fields["created"]["read_only"] is True
    assert "organization_user" in fields["owner"]["children"]


def test_options_offers_no_actions_to_who_may_not_create(make, t):
    response = make.client(make.user()).options("/user/")
    assert response.status_code == 200
    assert "actions" not in response.json()
    assert t.methods(response) == LIST


def test_browser_gets_a_page_with_the_answer_in_it(admin, make):
    user = make.user()
    response = admin.get(
        user["path"],
        headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"},
    )
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/html")
    assert user["username"] in response.text
    assert "<html" in response.text.lower()


def test_page_for_a_browser_keeps_the_status(anonymous, admin, t):
    page = {"Accept": "text/html"}
    refused = anonymous.get("/user/", headers=page)
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    missing = admin.get(f"/user/{t.NOBODY}/", headers=page)
    assert missing.status_code == 404
    for response in (refused, missing):
        assert response.headers["Content-Type"].startswith("text/html")


def test_page_escapes_what_users_wrote(admin, make):
    user = make.user(first_name="<script>alert(1)</script>")
    page = admin.get(user["path"], headers={"Accept": "text/html"})
    assert "<script>alert(1)</script>" not in page.text


def test_format_parameter_chooses_json_over_accept(admin, t):
    response = admin.get("/user/?format=json", headers={"Accept": "text/html,*/*"})
    assert t.is_json(response)


def test_form_leaves_absent_flags_off_on_create(admin, make):
    data = make.payload()
    response = admin.post("/user/", data=data)
    assert response.status_code == 201
    assert response.json()["is_active"] is False
    on = admin.post("/user/", data=make.payload(is_active="true"))
    assert on.json()["is_active"] is True


def test_form_names_nested_fields_with_a_dot_and_repeats_lists(admin, make):
    organization = make.organization()
    groups = sorted([make.group()["id"], make.group()["id"]])
    fields = make.payload(
        is_active="on",
        groups=groups,
        birth_date="",
        phone_number="",
        expiration_date="",
    ) | {
        "organization_users.organization": organization["id"],
        "organization_users.is_admin": "true",
    }
    response = admin.post("/user/", data=fields)
    assert response.status_code == 201
    user = response.json()
    assert sorted(user["groups"]) == groups
    assert user["birth_date"] is user["expiration_date"] is None
    assert user["organization_users"] == [
        {"is_admin": True, "organization": organization["id"]}
    ]


def test_form_put_clears_absent_flags_and_lists_and_form_patch_does_not(admin, make):
    group = make.group()["id"]
    user = make.user(groups=[group], is_staff=True)
    patched = admin.patch(user["path"], data={"first_name": "x"}).json()
    assert (patched["is_active"], patched["is_staff"]) == (True, True)
    assert patched["groups"] == [group]
    replaced = admin.put(user["path"], data={"username": user["username"]}).json()
    assert (replaced["is_active"], replaced["is_staff"]) == (False, False)
    assert replaced["groups"] == []
    assert replaced["first_name"] == "x"


def test_multipart_form_is_read(admin, make):
    user = make.user()
    response = admin.patch(user["path"], files={"first_name": (None, "Multi")})
    assert response.status_code == 200
    assert response.json()["first_name"] == "Multi"


def test_documentation_is_not_for_strangers(anonymous):
    for path in ("/api/v1/docs/", "/api/v1/docs.json"):
        assert anonymous.get(path).status_code == 403


def test_documentation_is_for_users(make, anonymous, t):
    user = make.user()
    login = (user["username"], t.PASSWORD)
    page = anonymous.get("/api/v1/docs/", auth=login, headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert page.headers["Content-Type"].startswith("text/html")
    described = anonymous.get("/api/v1/docs.json", auth=login)
    assert described.status_code == 200
    paths = described.json()["paths"]
    prefix = described.json().get("basePath", "").rstrip("/")
    known = {prefix + path for path in paths}
    for path in ("user/", "user/{id}/", "organization/", "group/{id}/", "token/"):
        assert f"/api/v1/users/{path}" in known


@pytest.mark.improves
def test_documentation_opens_with_a_bearer_token_too(make):
    client = make.client(make.user())
    assert client.get("/api/v1/docs.json").status_code == 200


@pytest.mark.improves
def test_address_of_no_endpoint_is_a_json_404(admin, t):
    response = admin.get("/nothing-here/")
    assert response.status_code == 404
    assert t.is_json(response)
    assert response.json() == {"detail": "Not found."}


@pytest.mark.improves
def test_api_sets_no_cookies(admin, make, mailbox):
    response = admin.post("/user/", make.payload(email_verified=False))
    assert "Set-Cookie" not in response.headers
