//! Pages for browsers at every endpoint (`contracts/openwisp.md` section 14).

use axum::body::Body;
use http::header::ACCEPT;
use http::{Method, StatusCode};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use shared::web::endpoint::Route;

use crate::support::{Answer, Browser, NOBODY, PASSWORD, TestApp, USERS, request};

const GROUPS: &str = "/api/v1/users/group/";
const ORGANIZATIONS: &str = "/api/v1/users/organization/";
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; \
                      frame-ancestors 'none'; base-uri 'none'";

/// Something at every address of the API.
async fn addresses(app: &TestApp) -> Vec<String> {
    let admin = app.admin().await;
    let user = admin.create_user("target", &json!({"groups": [1]})).await;
    let user = format!("{USERS}{}/", user["id"].as_str().expect("an id"));
    let made = async |path: &str, body: Value| {
        let answer = admin.post(path, &body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        format!("{path}{}/", answer.json()["id"].to_string().replace('"', ""))
    };
    let group = made(GROUPS, json!({"name": "Readers", "permissions": [28]})).await;
    let organization = made(ORGANIZATIONS, json!({"name": "Library", "slug": "library"})).await;
    let address = made(&format!("{user}email/"), json!({"email": "more@mail.example"})).await;
    let id = |path: &str| path.trim_end_matches('/').rsplit('/').next().expect("an id").to_owned();
    let joined = admin.post(&format!("{user}organization/"), &json!({ "organization": id(&organization) })).await;
    assert_eq!(joined.status, StatusCode::CREATED, "{joined:?}");
    rollcall::openwisp_routes()
        .iter()
        .map(|Route { endpoint, .. }| {
            let of = if endpoint.path.starts_with(ORGANIZATIONS) { &organization } else { &user };
            let number = if endpoint.path.starts_with(GROUPS) { &group } else { &address };
            let path = endpoint.path.replace("{id}", &id(of)).replace("{number}", &id(number));
            path.replace("{organization}", &id(&organization))
        })
        .collect()
}

/// The tags of a page with the names of their attributes, in order: what a browser makes of it, but for texts.
#[track_caller]
fn structure(page: &str) -> Vec<String> {
    let mut tags = Vec::new();
    let mut rest = page;
    while let Some((_, tag)) = rest.split_once('<') {
        // No value holds an end of a tag: it would be a reference.
        let (tag, after) = tag.split_once('>').expect("a tag ends");
        let names: Vec<&str> = tag
            .split('"')
            .step_by(2)
            .map(|outside| outside.trim().trim_end_matches('='))
            .filter(|name| !name.is_empty())
            .collect();
        tags.push(names.join(" "));
        rest = after;
    }
    tags
}

/// Whether every tag that is opened is closed in its turn, and every id is there once.
#[track_caller]
fn is_sound(page: &str) {
    let mut open: Vec<String> = Vec::new();
    let void = ["!DOCTYPE", "meta", "link", "input"];
    for tag in structure(page) {
        let name = tag.split(' ').next().expect("a name").to_owned();
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop().as_deref(), Some(name), "{page}"),
            None if void.contains(&&*name) => {}
            None => open.push(name),
        }
    }
    assert_eq!(open, Vec::<String>::new());
    let mut ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    ids.sort_unstable();
    let all = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), all, "{page}");
    for tag in structure(page) {
        let mut names = tag.split(' ').map(str::to_ascii_lowercase);
        let tag = names.next().expect("a name");
        assert!(!["script", "style", "img", "svg"].contains(&&*tag), "{page}");
        assert!(!names.any(|name| name == "style" || name.starts_with("on")), "{page}");
    }
    assert!(!page.contains("href=\"javascript:"), "{page}");
}

#[track_caller]
fn is_page(answer: &Answer, status: u16) -> String {
    assert_eq!(answer.status.as_u16(), status, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(answer.header("content-security-policy"), Some(POLICY));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let text = answer.text();
    is_sound(&text);
    text
}

/// The part of a page between a heading and the end of what it heads.
fn part<'a>(page: &'a str, heading: &str) -> Option<&'a str> {
    let (_, rest) = page.split_once(&format!("<h2>{heading}</h2>"))?;
    rest.split("</details>").next()
}

/// The value that a page's form has in a field.
fn value<'a>(page: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = page.split_once(&format!(" name=\"{name}\" value=\""))?;
    rest.split('"').next()
}

fn is_checked(page: &str, name: &str, value: &str) -> bool {
    page.contains(&format!("type=\"checkbox\" name=\"{name}\" value=\"{value}\" checked"))
}

#[tokio::test]
async fn every_address_has_a_page_for_every_kind_of_caller() {
    let app = TestApp::start().await;
    let paths = addresses(&app).await;
    let admin = app.admin().await;
    let permissions: Vec<u64> = (1..=28).collect();
    for (name, fields) in [("plain", json!({})), ("clerk", json!({"user_permissions": permissions}))] {
        let user = admin.create_user(name, &json!({})).await;
        let path = format!("{USERS}{}/", user["id"].as_str().expect("an id"));
        assert_eq!(admin.patch(&path, &fields).await.status, StatusCode::OK);
    }
    let mut browsers = vec![("stranger", Browser::new(app.router.clone()))];
    for name in ["plain", "clerk", "admin"] {
        browsers.push((name, Browser::signed_in(&app, name).await));
    }
    for route in rollcall::openwisp_routes() {
        assert!(route.endpoint.about.ends_with('.'));
    }
    for path in &paths {
        for (name, browser) in &mut browsers {
            for accept in ["text/html", "text/*", "application/json"] {
                let path = if accept.starts_with("text") { path.clone() } else { format!("{path}?format=api") };
                let json = browser.ask(request(Method::GET, path.split('?').next().expect("a path")), "").await;
                let answer = browser.ask(request(Method::GET, &path).header(ACCEPT, accept), "").await;
                let page = is_page(&answer, json.status.as_u16());
                for header in ["allow", "vary", "www-authenticate"] {
                    assert_eq!(answer.header(header), json.header(header), "{name} {path}");
                }
                let detail = json.json()["detail"].as_str().map(|detail| detail.replace('"', "\\&quot;"));
                assert!(detail.is_none_or(|detail| page.contains(&detail)), "{name} {path}: {page}");
                let head = browser.ask(request(Method::HEAD, &path).header(ACCEPT, accept), "").await;
                assert_eq!((head.status, head.body.len()), (answer.status, 0));
                assert_eq!(head.header("content-type"), answer.header("content-type"));
                let is_in = *name != "stranger";
                assert_eq!(page.contains("Sign out"), is_in, "{name} {path}");
                assert_eq!(page.contains(">Sign in</a>"), !is_in, "{name} {path}");
            }
        }
    }
}

#[tokio::test]
async fn a_page_has_forms_for_what_the_caller_may_do() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let paths = addresses(&app).await;
    let detail = paths.iter().find(|path| path.starts_with(USERS) && path.matches('/').count() == 6).expect("a user");
    let group = paths.iter().find(|path| path.starts_with(GROUPS) && *path != GROUPS).expect("a group");
    for (name, held) in [("viewer", vec![12]), ("changer", vec![10]), ("adder", vec![9, 12]), ("remover", vec![11, 12])]
    {
        let user = admin.create_user(name, &json!({})).await;
        let path = format!("{USERS}{}/", user["id"].as_str().expect("an id"));
        assert_eq!(admin.patch(&path, &json!({"user_permissions": held})).await.status, StatusCode::OK);
    }
    for (name, path, parts) in [
        ("viewer", GROUPS, &[][..]),
        ("viewer", group, &[]),
        ("changer", GROUPS, &[]),
        ("changer", group, &["Change", "Raw data"]),
        ("adder", GROUPS, &["Create", "Raw data"]),
        ("adder", group, &[]),
        ("remover", group, &["Delete"]),
        ("admin", GROUPS, &["Create", "Raw data"]),
        ("admin", group, &["Change", "Raw data", "Delete"]),
        ("admin", detail, &["Change", "Raw data", "Delete"]),
        ("admin", &format!("{detail}password/"), &["Change Password", "Raw data"]),
        ("viewer", "/api/v1/users/user/password/change/", &["Password Change", "Raw data"]),
        ("viewer", "/api/v1/users/token/", &["Obtain Auth Token", "Raw data"]),
        ("admin", &format!("{USERS}{NOBODY}/"), &[]),
    ] {
        let mut browser = Browser::signed_in(&app, name).await;
        let page = browser.get(path).await.text();
        let shown: Vec<&str> = page.split("<summary><h2>").skip(1).filter_map(|rest| rest.split('<').next()).collect();
        assert_eq!(shown, parts, "{name} {path}");
        assert!(page.contains(">OPTIONS</button>"), "{name} {path}");
    }
    let page = app.anonymous().accepting("text/html", "/api/v1/users/token/").await.text();
    assert!(part(&page, "Obtain Auth Token").is_some_and(|form| form.contains("name=\"password\"")), "{page}");
    assert_eq!(part(&page, "Raw data"), None);
    let page = admin.accepting("text/html", GROUPS).await.text();
    assert!(!page.contains("<form") && page.contains("<span>admin</span>"), "a token signs no browser in: {page}");
}

#[tokio::test]
async fn a_page_leads_to_lists_objects_and_other_pages() {
    let app = TestApp::start().await;
    let paths = addresses(&app).await;
    let mut browser = Browser::signed_in(&app, "admin").await;
    let address = paths.iter().find(|path| path.contains("/email/") && !path.ends_with("/email/")).expect("an address");
    let (user, _) = address.split_once("email/").expect("a user");
    let page = browser.get(address).await.text();
    for path in [USERS, GROUPS, ORGANIZATIONS, user, &format!("{user}email/")] {
        assert!(page.contains(&format!("href=\"{path}\"")), "{path}: {page}");
    }
    assert!(page.contains("<span aria-current=\"page\">more@mail.example</span>"), "{page}");
    let page = browser.get(user).await.text();
    for path in [&format!("{user}email/"), &format!("{user}password/"), &format!("{GROUPS}1/")] {
        assert!(page.contains(&format!("href=\"{path}\"")), "{path}: {page}");
    }
    let page = browser.get(&format!("{USERS}?page_size=1&page=2")).await.text();
    let previous = "href=\"http://rollcall.example/api/v1/users/user/?page_size=1\" rel=\"prev\"";
    assert!(page.contains("Page 2 of 2") && page.contains(previous), "{page}");
    assert!(page.contains("<b>GET</b> /api/v1/users/user/?page_size=1&amp;page=2"), "{page}");
    let mut stranger = Browser::new(app.router.clone());
    let page = stranger.get(&format!("{USERS}?page=2")).await.text();
    assert!(page.contains("href=\"/accounts/login/?next=%2Fapi%2Fv1%2Fusers%2Fuser%2F%3Fpage%3D2\""), "{page}");
}

#[tokio::test]
async fn an_object_is_made_changed_and_deleted_by_forms() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let organization = admin.post(ORGANIZATIONS, &json!({"name": "Library", "slug": "library"})).await.json();
    let organization = organization["id"].as_str().expect("an id");
    let mut browser = Browser::signed_in(&app, "admin").await;
    let page = is_page(&browser.get(USERS).await, 200);
    let create = part(&page, "Create").expect("a form");
    assert!(is_checked(create, "is_active", "true") || create.contains("value=\"true\" checked"), "{create}");
    let fields = [
        ("username", "jane"),
        ("email", "jane@mail.example"),
        ("password", PASSWORD),
        ("is_active", "false"),
        ("is_active", "true"),
        ("email_verified", "false"),
        ("groups", "2"),
        ("organization_users.organization", organization),
        ("organization_users.is_admin", "true"),
    ];
    let answer = browser.send("POST", USERS, &fields).await;
    let page = is_page(&answer, 201);
    let id =
        admin.get(&format!("{USERS}?page_size=1")).await.json()["results"][0]["id"].as_str().expect("an id").to_owned();
    let path = format!("{USERS}{id}/");
    assert!(page.contains(&format!("<a href=\"{path}\">{id}</a>")), "{page}");

    let page = is_page(&browser.get(&path).await, 200);
    let change = part(&page, "Change").expect("a form");
    assert_eq!(value(change, "username"), Some("jane"));
    assert_eq!(value(change, "_method"), Some("PUT"));
    assert!(is_checked(change, "groups", "2") && !is_checked(change, "groups", "1"), "{change}");
    let fields = [
        ("username", "jane"),
        ("email", "jane@mail.example"),
        ("bio", "Reads.\r\nWrites."),
        ("birth_date", "1990-02-28"),
        ("is_active", "false"),
        ("is_active", "true"),
        ("groups", "1"),
        ("user_permissions", "28"),
        ("organization_users.organization", ""),
        ("organization_users.is_admin", "false"),
    ];
    let page = is_page(&browser.send("PUT", &path, &fields).await, 200);
    let change = part(&page, "Change").expect("a form");
    assert!(is_checked(change, "user_permissions", "28") && is_checked(change, "groups", "1"), "{change}");
    assert!(change.contains("\nReads.\r\nWrites.</textarea>"), "{change}");
    let user = admin.get(&path).await.json();
    assert_eq!(
        (&user["bio"], &user["is_active"], &user["groups"]),
        (&json!("Reads.\r\nWrites."), &json!(true), &json!([1]))
    );
    assert_eq!(user["organization_users"], json!([{"is_admin": true, "organization": organization}]), "kept");

    let page = is_page(&browser.send("DELETE", &path, &[]).await, 200);
    assert!(page.contains("HTTP 204 No Content") && !page.contains("<h2>Change</h2>"), "{page}");
    assert_eq!(admin.get(&path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_a_form_of_an_object_begins_with_changes_nothing() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let paths = addresses(&app).await;
    let organization =
        paths.iter().find(|path| path.starts_with(ORGANIZATIONS) && *path != ORGANIZATIONS).expect("one");
    let id = organization.trim_end_matches('/').rsplit('/').next().expect("an id");
    let member = json!({"organization_users": {"organization": id, "is_admin": true}, "phone_number": "+393331234567"});
    let user = admin.create_user("member", &member).await;
    let user = format!("{USERS}{}/", user["id"].as_str().expect("an id"));
    admin
        .patch(
            &user,
            &json!({"user_permissions": [3, 28], "notes": "\n two\nlines ", "url": "https://a.example/?a=1&b=\"2\""}),
        )
        .await;
    let group = paths.iter().find(|path| path.starts_with(GROUPS) && *path != GROUPS).expect("one");
    let address = paths.iter().find(|path| path.contains("/email/") && !path.ends_with("/email/")).expect("one");
    let mut browser = Browser::signed_in(&app, "admin").await;
    for path in [&user, organization, group, address] {
        let before = admin.get(path).await.json();
        let page = browser.get(path).await.text();
        let change = part(&page, "Change").expect("a form");
        let sent = sent(change);
        let fields: Vec<(&str, &str)> = sent.iter().map(|(name, value)| (&**name, &**value)).collect();
        let answer = browser.post(path, &crate::support::form(&fields)).await;
        assert_eq!(answer.status, StatusCode::OK, "{fields:?} {}", answer.text());
        let mut after = admin.get(path).await.json();
        if path == organization {
            after["modified"] = before["modified"].clone();
        }
        assert_eq!(after, before);
        let raw = part(&page, "Raw data").expect("a form");
        let (_, text) = raw.split_once("spellcheck=\"false\">\n").expect("a text");
        let text = resolved(text.split("</textarea>").next().expect("an end"));
        for method in ["PUT", "PATCH"] {
            let answer =
                browser.send(method, path, &[("_content", &text), ("_content_type", "application/json")]).await;
            assert_eq!(answer.status, StatusCode::OK, "{text} {}", answer.text());
            let mut after = admin.get(path).await.json();
            if path == organization {
                after["modified"] = before["modified"].clone();
            }
            assert_eq!(after, before, "{method} of {text}");
        }
    }
}

/// What a browser sends of a form that nobody has touched.
fn sent(form: &str) -> Vec<(String, String)> {
    let attribute = |tag: &str, name: &str| {
        let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
        rest.split('"').next().map(resolved)
    };
    let mut sent: Vec<(String, String)> = Vec::new();
    for part in form.split('<').skip(1) {
        let (tag, text) = part.split_once('>').expect("a tag ends");
        if tag.starts_with("option") && tag.ends_with(" selected") {
            sent.last_mut().expect("a choice").1 = attribute(tag, "value").expect("a value");
        }
        let Some(name) = attribute(tag, "name") else { continue };
        if tag.starts_with("textarea") {
            sent.push((name, resolved(text.strip_prefix('\n').expect("a line break"))));
        } else if !tag.contains("type=\"checkbox\"") || tag.contains(" checked") {
            sent.push((name, attribute(tag, "value").unwrap_or_default()));
        }
    }
    sent
}

/// A text with its references resolved.
fn resolved(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

#[tokio::test]
async fn what_was_refused_is_told_beside_its_field_and_kept_in_the_form() {
    let app = TestApp::start().await;
    let mut browser = Browser::signed_in(&app, "admin").await;
    let fields = [
        ("username", "not a \"name\""),
        ("email", "nobody"),
        ("password", "a-secret-that-stays"),
        ("organization_users.organization", "zz"),
        ("groups", "1"),
    ];
    let page = is_page(&browser.send("POST", USERS, &fields).await, 400);
    let form = part(&page, "Create").expect("a form");
    for (id, told) in [
        ("username", "Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters."),
        ("email", "Enter a valid email address."),
        ("organization_users-organization", "“zz” is not a valid UUID."),
    ] {
        let errors = format!("<ul class=\"errors\" id=\"field-{id}-errors\"><li>{told}</li></ul>");
        assert!(form.contains(&errors), "{form}");
        assert!(form.contains(&format!("aria-invalid=\"true\" aria-describedby=\"field-{id}-errors")), "{form}");
        assert!(page.contains(&format!("<a href=\"#field-{id}\">")), "{page}");
    }
    assert!(page.contains("<details class=\"form\" open><summary><h2>Create</h2>"), "{page}");
    assert_eq!(value(form, "username"), Some("not a &quot;name&quot;"));
    assert!(is_checked(form, "groups", "1"));
    assert!(!page.contains("a-secret-that-stays"));

    let path =
        format!("{USERS}{}/", app.admin().await.get(USERS).await.json()["results"][0]["id"].as_str().expect("an id"));
    let page = is_page(&browser.send("PUT", &path, &[("username", "admin"), ("url", "x"), ("bio", "kept")]).await, 400);
    let form = part(&page, "Change").expect("a form");
    assert!(form.contains("Enter a valid URL.") && form.contains("\nkept</textarea>"), "{form}");
    let page = is_page(&browser.send("PATCH", &path, &[("_content", r#"{"url": <"#)]).await, 400);
    assert_eq!(part(&page, "Change"), None, "a form without its values would empty the object");
    assert!(part(&page, "Raw data").expect("a form").contains("{&quot;url&quot;: &lt;</textarea>"), "{page}");
    assert!(page.contains("JSON parse error"));
    assert_eq!(app.admin().await.get(&path).await.json()["bio"], "");
    let page = is_page(&browser.send("PUT", &path, &[("username", "admin"), ("is_active", "false")]).await, 400);
    assert!(page.contains("role=\"alert\"") && page.contains("last active superuser"), "{page}");
}

/// The texts of a user that anybody may choose.
fn texts() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let hostile = prop::sample::select(vec![
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "</textarea><script>alert(1)</script>",
        "</pre></main></body>",
        "' onfocus=alert(1) autofocus='",
        "&lt;b&gt;&#60;&amp;quot;",
        "<!--",
        "]]>",
        "\u{2028}\u{202e}\u{feff}",
        "javascript:alert(1)",
    ]);
    let text =
        move || prop_oneof![hostile.clone().prop_map(str::to_owned), "[<>\"'&=/a-z !\\-\\[\\]`\n]{1,30}", "\\PC{1,20}"];
    let names =
        ["first_name", "last_name", "bio", "company", "location", "notes", "username", "email", "url", "phone_number"];
    prop::collection::vec(text(), names.len()).prop_map(move |texts| names.into_iter().zip(texts).collect())
}

#[test]
fn no_text_changes_what_a_page_consists_of() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (app, mut browser, path) = runtime.block_on(async {
        let app = TestApp::start().await;
        let user = app.admin().await.create_user("jane", &json!({})).await;
        let browser = Browser::signed_in(&app, "admin").await;
        (app, browser, format!("{USERS}{}/", user["id"].as_str().expect("an id")))
    });
    let admin = runtime.block_on(app.admin());
    let mut runner = TestRunner::new(Config { cases: 60, failure_persistence: None, ..Config::default() });
    let cell = tokio::sync::Mutex::new(&mut browser);
    let outcome = runner.run(&texts(), |texts| {
        runtime.block_on(async {
            let mut browser = cell.lock().await;
            let shape = async |browser: &mut Browser, path: &str| structure(&browser.get(path).await.text());
            // Stored: whatever is taken.
            let stored: Vec<_> =
                texts.iter().filter(|(name, _)| !["username", "email", "url", "phone_number"].contains(name)).collect();
            let plain: serde_json::Map<String, Value> =
                stored.iter().map(|(name, _)| ((*name).to_owned(), json!("plain"))).collect();
            assert_eq!(admin.patch(&path, &Value::Object(plain)).await.status, StatusCode::OK);
            let (detail, list) = (shape(&mut browser, &path).await, shape(&mut browser, USERS).await);
            for (name, text) in &stored {
                admin.patch(&path, &json!({*name: text})).await;
            }
            prop_assert_eq!(shape(&mut browser, &path).await, detail);
            prop_assert_eq!(shape(&mut browser, USERS).await, list);
            // Refused: all at once, shown beside what is wrong with them.
            let refused = |texts: Vec<(&'static str, String)>| {
                let wrong = [("birth_date", "x".to_owned()), ("expiration_date", "<".to_owned())];
                texts.into_iter().chain(wrong).collect::<Vec<_>>()
            };
            let fields = refused(texts.clone());
            let fields: Vec<(&str, &str)> = fields.iter().map(|(name, text)| (*name, &**text)).collect();
            let answer = browser.send("PUT", &path, &fields).await;
            prop_assert_eq!(answer.status, StatusCode::BAD_REQUEST);
            let page = answer.text();
            is_sound(&page);
            // In an address.
            let encoded = crate::support::form(&[("x", &texts[0].1)]);
            let queried = browser.get(&format!("{path}?{encoded}")).await;
            is_sound(&queried.text());
            Ok(())
        })
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

#[tokio::test]
async fn every_page_is_bound_to_our_own_styles_and_forms() {
    let app = TestApp::start().await;
    let style = app.anonymous().get("/accounts/style.css").await;
    assert_eq!(style.header("content-type"), Some("text/css; charset=utf-8"));
    assert!(style.header("cache-control").is_some_and(|kept| kept.contains("immutable")));
    assert!(!style.text().contains("url(") && !style.text().contains("@import"));
    for path in [
        "/accounts/login/",
        "/accounts/logout/",
        "/accounts/confirm-email/x/",
        "/accounts/email-verification-success/",
        "/accounts/password/reset/key/x-y/",
        "/accounts/password/reset/key/done/",
    ] {
        let page = is_page(&app.anonymous().get(path).await, 200);
        assert!(page.contains("<link rel=\"stylesheet\" href=\"/accounts/style.css?v="), "{path}");
        assert!(page.contains("<main id=\"main\"") && page.contains("<html lang=\"en\">"), "{path}");
    }
    let json = app.anonymous().get(USERS).await;
    assert_eq!(json.header("content-security-policy"), None);
    let gone = app.admin().await.ask(request(Method::HEAD, USERS).header(ACCEPT, "text/html"), Body::empty()).await;
    assert_eq!(gone.header("content-security-policy"), Some(POLICY));
}

#[tokio::test]
async fn a_browser_is_told_on_a_page_that_there_is_nothing() {
    let app = TestApp::start().await;
    for path in ["/nowhere/", "/api/v1/users/", "/api/v1/users/user/no-uuid/", "/api/v1/users/group/x/"] {
        let page = is_page(&app.anonymous().accepting("text/html,*/*;q=0.8", path).await, 404);
        assert!(page.contains("<h1>Not found</h1>"), "{path}: {page}");
        let json = app.anonymous().get(path).await;
        assert_eq!((json.status, json.json()), (StatusCode::NOT_FOUND, json!({"detail": "Not found."})), "{path}");
    }
}
