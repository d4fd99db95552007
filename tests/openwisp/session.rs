//! Sessions of browsers (`contracts/openwisp.md` section 16).

use axum::body::Body;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, COOKIE, ORIGIN, REFERER, SET_COOKIE};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use shared::web::BaseUrl;

use crate::support::{Answer, Browser, Options, PASSWORD, TOKEN, TestApp, USERS, form, request};

const DAY: i64 = 24 * 60 * 60;
const LOGIN: &str = "/accounts/login/";

async fn user(app: &TestApp, username: &str, fields: &Value) -> String {
    let user = app.admin().await.create_user(username, fields).await;
    format!("{USERS}{}/", user["id"].as_str().expect("an id"))
}

/// What an API client with the browser's cookies gets.
async fn asked(browser: &mut Browser, method: Method, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let begun = request(method, path).header(CONTENT_TYPE, "application/json");
    let begun = headers.iter().fold(begun, |begun, (name, value)| begun.header(*name, *value));
    browser.ask(begun, &body.to_string()).await
}

async fn list(browser: &mut Browser) -> StatusCode {
    asked(browser, Method::GET, USERS, &[], &Value::Null).await.status
}

#[track_caller]
fn is_forged(answer: &Answer, reason: &str) {
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{answer:?}");
    assert_eq!(answer.json(), json!({"detail": format!("CSRF Failed: {reason}")}));
    assert_eq!(answer.header("www-authenticate"), None);
}

#[tokio::test]
async fn signing_in_begins_a_session_and_leads_to_where_one_came_from() {
    let app = TestApp::start().await;
    let path = user(&app, "jane", &json!({"is_superuser": true})).await;
    let mut browser = Browser::new(app.router.clone());
    let page = browser.get(&format!("{LOGIN}?next={path}")).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text().contains(&format!("name=\"next\" value=\"{path}\"")), "{}", page.text());
    let before = browser.token();
    let answer = browser.sign_in("jane", PASSWORD, &path).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, Some(&*path)));
    assert_ne!(browser.token(), before, "a page that was open before is not good any more");
    let cookies: Vec<&str> =
        answer.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().expect("ASCII")).collect();
    let session = cookies.iter().find(|cookie| cookie.starts_with("sessionid=")).expect("a session");
    assert!(session.ends_with("; Path=/; Max-Age=1209600; HttpOnly; SameSite=Lax"), "{session}");
    let answer = asked(&mut browser, Method::GET, &path, &[], &Value::Null).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.json()["last_login"].is_string(), "{answer:?}");
    assert_eq!(answer.header("set-cookie"), None);
    assert_eq!(app.admin().await.get(&path).await.json()["last_login"], answer.json()["last_login"]);
}

#[tokio::test]
async fn names_addresses_and_numbers_sign_in_and_wrong_ones_are_told_alike() {
    let app = TestApp::start().await;
    user(&app, "jane", &json!({"phone_number": "+393331234567"})).await;
    user(&app, "idle", &json!({"is_active": false})).await;
    for name in ["jane", "JANE@mail.example", "+39 333 123 4567"] {
        let answer = Browser::new(app.router.clone()).sign_in(name, PASSWORD, "").await;
        assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, Some(USERS)), "{name}");
    }
    let mut pages = Vec::new();
    for (name, password) in [("jane", "wrong"), ("nobody", PASSWORD), ("idle", PASSWORD), ("", "")] {
        let mut browser = Browser::new(app.router.clone());
        let answer = browser.sign_in(name, password, "/x/").await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{name}");
        assert!(!browser.cookies.contains_key("sessionid"));
        let text = answer.text();
        assert!(text.contains(&format!("name=\"username\" value=\"{name}\"")) && text.contains("value=\"/x/\""));
        assert!(!text.contains(PASSWORD));
        pages.push(text.replace(&format!("value=\"{name}\""), "").replace(&browser.token(), ""));
    }
    assert!(pages.iter().all(|page| *page == pages[0]));
}

#[tokio::test]
async fn only_own_pages_are_led_to() {
    let app = TestApp::start().await;
    for next in
        ["https://hostile.example/", "//hostile.example/", "/\\hostile.example/", "javascript:alert(1)", "x", "/ /"]
    {
        let mut browser = Browser::new(app.router.clone());
        let answer = browser.sign_in("admin", PASSWORD, next).await;
        assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, Some(USERS)), "{next}");
    }
}

#[tokio::test]
async fn the_name_may_be_called_login_as_on_the_page_of_openwisp() {
    let app = TestApp::start().await;
    let mut browser = Browser::new(app.router.clone());
    browser.get(LOGIN).await;
    for (names, status) in [
        ("login=nobody", StatusCode::BAD_REQUEST),
        // Ours comes first.
        ("login=admin&username=nobody", StatusCode::BAD_REQUEST),
        ("login=admin&username=", StatusCode::SEE_OTHER),
        ("login=admin", StatusCode::SEE_OTHER),
    ] {
        let body = format!("csrfmiddlewaretoken={}&{names}&password={PASSWORD}", browser.token());
        assert_eq!(browser.post(LOGIN, &body).await.status, status, "{names}");
    }
}

#[tokio::test]
async fn signing_in_needs_our_form() {
    let app = TestApp::start().await;
    let sent = format!("username=admin&password={PASSWORD}");
    for (fields, cookie, origin) in [
        ("", None, None),
        ("&csrfmiddlewaretoken=x", None, None),
        ("", Some("csrftoken=x"), None),
        ("&csrfmiddlewaretoken=x", Some("csrftoken=y"), None),
        ("&csrfmiddlewaretoken=x", Some("csrftoken=x"), Some("https://hostile.example")),
    ] {
        let mut begun = request(Method::POST, LOGIN).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        for (name, value) in [(COOKIE, cookie), (ORIGIN, origin)] {
            if let Some(value) = value {
                begun = begun.header(name, value);
            }
        }
        let answer = app.anonymous().ask(begun, Body::from(format!("{sent}{fields}"))).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{fields} {cookie:?} {origin:?}");
        let cookies = answer.headers.get_all("set-cookie");
        assert!(cookies.iter().all(|cookie| !cookie.as_bytes().starts_with(b"sessionid")));
    }
}

#[tokio::test]
async fn failed_attempts_are_limited_as_for_tokens() {
    let app = TestApp::with(Options { throttle: true, ..Options::default() }).await;
    for _ in 0..10 {
        let answer = Browser::new(app.router.clone()).sign_in("admin", "wrong", "").await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    }
    let answer = Browser::new(app.router.clone()).sign_in("admin", PASSWORD, "").await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(answer.header("retry-after").is_some_and(|seconds| answer.text().contains(seconds)));
    let token = app.anonymous().post(TOKEN, &json!({"username": "admin", "password": PASSWORD})).await;
    assert_eq!(token.status, StatusCode::TOO_MANY_REQUESTS, "one budget");
}

#[tokio::test]
async fn a_session_works_everywhere_and_changes_need_the_token() {
    let app = TestApp::start().await;
    let path = user(&app, "jane", &json!({})).await;
    let mut browser = Browser::signed_in(&app, "admin").await;
    assert_eq!(list(&mut browser).await, StatusCode::OK);
    let token = browser.token();
    let body = json!({"first_name": "Changed"});
    for (headers, reason) in [
        (&[][..], "CSRF token missing."),
        (&[("x-csrftoken", "")], "CSRF token missing."),
        (&[("x-csrftoken", "x")], "CSRF token incorrect."),
        (&[("x-csrftoken", &*token), ("origin", "https://hostile.example")], "Origin checking failed."),
        (&[("x-csrftoken", &*token), ("origin", "null")], "Origin checking failed."),
        (
            &[("x-csrftoken", &*token), ("referer", "http://hostile.example/rollcall.example/")],
            "Origin checking failed.",
        ),
    ] {
        for method in [Method::PATCH, Method::PUT, Method::DELETE, Method::POST] {
            is_forged(&asked(&mut browser, method, &path, headers, &body).await, reason);
        }
    }
    let mut bare = Browser::new(app.router.clone());
    bare.cookies.insert("sessionid".to_owned(), browser.cookies["sessionid"].clone());
    is_forged(&asked(&mut bare, Method::PATCH, &path, &[("x-csrftoken", &token)], &body).await, "CSRF cookie not set.");
    assert_eq!(app.admin().await.get(&path).await.json()["first_name"], "");
    for headers in [
        &[("x-csrftoken", &*token)][..],
        &[("x-csrftoken", &*token), ("origin", "http://rollcall.example")],
        &[("x-csrftoken", &*token), ("referer", "http://rollcall.example/api/")],
    ] {
        let answer = asked(&mut browser, Method::PATCH, &path, headers, &body).await;
        assert_eq!((answer.status, &answer.json()["first_name"]), (StatusCode::OK, &json!("Changed")));
    }
    let options = asked(&mut browser, Method::OPTIONS, &path, &[], &Value::Null).await;
    assert_eq!(options.status, StatusCode::OK, "asking needs no token");
}

#[tokio::test]
async fn rights_are_those_of_the_user() {
    let app = TestApp::start().await;
    let path = user(&app, "jane", &json!({})).await;
    let mut browser = Browser::signed_in(&app, "jane").await;
    assert_eq!(list(&mut browser).await, StatusCode::FORBIDDEN);
    let token = browser.token();
    let answer = asked(&mut browser, Method::DELETE, &path, &[("x-csrftoken", &token)], &Value::Null).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(app.admin().await.get(&path).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_method_or_raw_data_in_a_form_counts_only_with_session_and_token() {
    let app = TestApp::start().await;
    let path = user(&app, "jane", &json!({})).await;
    let forms = ["_method=DELETE", "_method=PUT&username=other", "_method=PATCH&_content=%7B%7D"];
    for body in forms {
        let answer = app.admin().await.form(Method::POST, &path, body).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "a token is no session: {body}");
        let mut browser = Browser::signed_in(&app, "admin").await;
        let answer = browser.post(&path, body).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{body}");
        assert!(answer.text().contains("CSRF Failed: CSRF token missing."));
    }
    let reset = "/api/v1/users/password/reset/";
    let begun = || request(Method::POST, reset).header(ACCEPT, "text/html");
    let begun = || begun().header(CONTENT_TYPE, "application/x-www-form-urlencoded").header(COOKIE, "csrftoken=x");
    let body = "_method=OPTIONS&csrfmiddlewaretoken=x";
    let answer = app.anonymous().ask(begun(), Body::from(body)).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "the method stays where nobody has signed in");
    let mut browser = Browser::signed_in(&app, "admin").await;
    assert_eq!(browser.send("OPTIONS", reset, &[]).await.status, StatusCode::OK);
    assert_eq!(app.admin().await.get(&path).await.json()["username"], "jane");
    let answer = browser.send("PATCH", &path, &[("_content", r#"{"bio": "new"}"#)]).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(app.admin().await.get(&path).await.json()["bio"], "new");
    let answer = browser.send("PUT", &path, &[("_content", "x"), ("_content_type", "text/plain")]).await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let answer = browser.send("BREW", &path, &[]).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "POST, then");
    assert_eq!(browser.send("DELETE", &path, &[]).await.status, StatusCode::OK, "a page tells of the 204");
    assert_eq!(app.admin().await.get(&path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_session_ends_with_its_time_and_by_signing_out() {
    let app = TestApp::start().await;
    let mut browser = Browser::signed_in(&app, "admin").await;
    app.environment.advance(14 * DAY - 60);
    assert_eq!(list(&mut browser).await, StatusCode::OK);
    app.environment.advance(61);
    assert_eq!(list(&mut browser).await, StatusCode::UNAUTHORIZED);

    let mut browser = Browser::signed_in(&app, "admin").await;
    let answer = browser.post("/accounts/logout/", "").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(list(&mut browser).await, StatusCode::OK);
    assert_eq!(browser.get("/accounts/logout/").await.status, StatusCode::OK);
    assert_eq!(list(&mut browser).await, StatusCode::OK, "the page alone ends nothing");
    let kept = browser.cookies["sessionid"].clone();
    let answer = browser.send("POST", "/accounts/logout/", &[]).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, Some(LOGIN)));
    assert!(!browser.cookies.contains_key("sessionid"));
    assert_eq!(list(&mut browser).await, StatusCode::UNAUTHORIZED);
    // It has ended at the server, also for whoever has kept the cookie.
    browser.cookies.insert("sessionid".to_owned(), kept);
    assert_eq!(list(&mut browser).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn sessions_end_with_any_change_of_the_password_elsewhere_and_with_the_account() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let other = "Quarry-violet-77";
    let set = json!({"current_password": null, "new_password": other, "confirm_password": other});
    let own = json!({"old_password": PASSWORD, "new_password1": other, "new_password2": other});
    for act in ["own change", "set by somebody", "set to the same", "deactivated", "expired", "deleted"] {
        let name = act.replace(' ', "-");
        let path = user(&app, &name, &json!({"is_superuser": true})).await;
        let mut browser = Browser::signed_in(&app, &name).await;
        let mut second = Browser::signed_in(&app, &name).await;
        assert_eq!(list(&mut browser).await, StatusCode::OK);
        let token = browser.token();
        let header = [("x-csrftoken", &*token)];
        let answer = match act {
            "own change" => {
                asked(&mut browser, Method::POST, "/api/v1/users/user/password/change/", &header, &own).await
            }
            "set by somebody" => admin.put(&format!("{path}password/"), &set).await,
            "set to the same" => {
                let same = json!({"current_password": null, "new_password": PASSWORD, "confirm_password": PASSWORD});
                admin.put(&format!("{path}password/"), &same).await
            }
            "deactivated" => admin.patch(&path, &json!({"is_active": false})).await,
            "expired" => {
                let answer = admin.patch(&path, &json!({"expiration_date": app.day(0)})).await;
                app.environment.advance(DAY);
                answer
            }
            _ => admin.delete(&path).await,
        };
        assert!(answer.status.is_success(), "{act}: {answer:?}");
        // Whoever changes the own password keeps the session that does it.
        let stays = act == "own change";
        assert_eq!(list(&mut browser).await == StatusCode::OK, stays, "{act}");
        let ended = if stays { vec![&mut second] } else { vec![&mut browser, &mut second] };
        for browser in ended {
            let answer = asked(browser, Method::GET, USERS, &[], &Value::Null).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{act}");
            assert_eq!(answer.json(), json!({"detail": "Authentication credentials were not provided."}));
        }
    }
    let path = user(&app, "back", &json!({"is_superuser": true})).await;
    let mut browser = Browser::signed_in(&app, "back").await;
    admin.patch(&path, &json!({"is_active": false})).await;
    admin.patch(&path, &json!({"is_active": true, "first_name": "Back"})).await;
    assert_eq!(list(&mut browser).await, StatusCode::OK, "other changes end nothing");
}

#[tokio::test]
async fn what_is_no_session_counts_as_none() {
    let app = TestApp::start().await;
    let good = Browser::signed_in(&app, "admin").await.cookies["sessionid"].clone();
    user(&app, "other", &json!({})).await;
    let other = Browser::signed_in(&app, "other").await.cookies["sessionid"].clone();
    let parts = |text: &str| -> Vec<String> { text.split('.').map(str::to_owned).collect() };
    let (own, others) = (parts(&good), parts(&other));
    let [who, session, secret] = &own[..] else { panic!("{good}") };
    let changed = |text: &str| {
        let (rest, last) = text.split_at(text.len() - 1);
        format!("{rest}{}", if last == "0" { "1" } else { "0" })
    };
    for text in [
        "x".to_owned(),
        "..".to_owned(),
        format!("{who}.{session}"),
        format!("{who}.{session}."),
        format!("{who}.{session}.{}", changed(secret)),
        format!("{who}.{}.{secret}", changed(session)),
        format!("{}.{session}.{secret}", changed(who)),
        // Another's session, and another's secret.
        format!("{who}.{}.{}", others[1], others[2]),
        format!("{}.{session}.{secret}", others[0]),
        format!("{who}.{session}.{}", others[2]),
        format!("{good}x"),
    ] {
        let mut browser = Browser::new(app.router.clone());
        browser.cookies.insert("sessionid".to_owned(), text.clone());
        assert_eq!(list(&mut browser).await, StatusCode::UNAUTHORIZED, "{text}");
    }
    let mut browser = Browser::new(app.router.clone());
    browser.cookies.insert("sessionid".to_owned(), good.clone());
    assert_eq!(list(&mut browser).await, StatusCode::OK);
    let begun = request(Method::GET, USERS).header(COOKIE, format!("sessionid={good}"));
    let answer = app.anonymous().ask(begun.header(AUTHORIZATION, "Bearer x"), Body::empty()).await;
    assert_eq!(answer.json(), json!({"detail": "Invalid token."}), "the header comes first");
    let begun = request(Method::GET, USERS).header(COOKIE, format!("sessionid={good}"));
    let answer = app.anonymous().ask(begun.header(AUTHORIZATION, "Digest x"), Body::empty()).await;
    assert_eq!(answer.status, StatusCode::OK, "another scheme is not looked at");
}

#[tokio::test]
async fn tokens_and_links_are_told_apart_from_sessions() {
    let app = TestApp::start().await;
    let session = Browser::signed_in(&app, "admin").await.cookies["sessionid"].clone();
    assert_eq!(app.bearer(&session).get(USERS).await.status, StatusCode::UNAUTHORIZED);
    let mut browser = Browser::new(app.router.clone());
    browser.cookies.insert("sessionid".to_owned(), app.token("admin").await);
    assert_eq!(list(&mut browser).await, StatusCode::UNAUTHORIZED);
    // `/token/` looks at no session: it needs no token of the form.
    let mut browser = Browser::signed_in(&app, "admin").await;
    let login = json!({"username": "admin", "password": PASSWORD});
    assert_eq!(asked(&mut browser, Method::POST, TOKEN, &[], &login).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_session_login_ends_mailed_links_for_a_new_password_and_a_token_does_not() {
    let app = TestApp::start().await;
    user(&app, "jane", &json!({})).await;
    let reset = json!({"input": "jane"});
    assert_eq!(app.anonymous().post("/api/v1/users/password/reset/", &reset).await.status, StatusCode::OK);
    let mails = app.mails().await;
    let shared::model::MailKind::PasswordReset { link } = &mails[0].kind else { panic!("another mail") };
    let path = link.strip_prefix("http://rollcall.example").expect("a link");
    app.token("jane").await;
    assert_eq!(app.anonymous().get(path).await.status, StatusCode::FOUND);
    Browser::signed_in(&app, "jane").await;
    let answer = app.anonymous().get(path).await;
    assert!(answer.text().contains("This password reset link has expired"), "{answer:?}");
}

#[tokio::test]
async fn behind_a_gateway_cookies_links_and_redirects_keep_its_stage_and_scheme() {
    let app = TestApp::start().await;
    let base = BaseUrl("https://users.example.org/prod".to_owned());
    let begun = |method, path: &str| request(method, path).header(ACCEPT, "text/html").extension(base.clone());
    let page = app.anonymous().ask(begun(Method::GET, USERS), Body::empty()).await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    let text = page.text();
    assert!(text.contains("href=\"/prod/accounts/login/?next=%2Fprod%2Fapi%2Fv1%2Fusers%2Fuser%2F\""), "{text}");
    assert!(text.contains("href=\"/prod/accounts/style.css?v="), "{text}");
    let login =
        begun(Method::POST, LOGIN).header(COOKIE, "__Secure-csrftoken=x").header(ORIGIN, "https://users.example.org");
    let login = login.header(REFERER, "https://users.example.org/prod/accounts/login/");
    let body = format!("csrfmiddlewaretoken=x&username=admin&password={PASSWORD}&next=/prod/api/v1/users/group/");
    let login = login.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    let answer = app.anonymous().ask(login, Body::from(body)).await;
    assert_eq!(answer.header("location"), Some("/prod/api/v1/users/group/"), "{answer:?}");
    let session = answer.header("set-cookie").expect("a session").to_owned();
    assert!(session.ends_with("; Path=/prod; Max-Age=1209600; HttpOnly; SameSite=Lax; Secure"), "{session}");
    let cookie = session.split(';').next().expect("a cookie").to_owned();
    let page = app.anonymous().ask(begun(Method::GET, USERS).header(COOKIE, cookie), Body::empty()).await;
    assert!(page.text().contains("action=\"/prod/api/v1/users/user/\""), "{}", page.text());
}

#[tokio::test]
async fn over_https_only_cookies_that_this_host_has_set_are_believed() {
    let app = TestApp::start().await;
    let base = BaseUrl("https://users.example.org".to_owned());
    let begun = |method, path: &str| request(method, path).header(ACCEPT, "text/html").extension(base.clone());
    let set = |answer: &Answer| -> Vec<String> {
        let cookies = answer.headers.get_all(SET_COOKIE).iter();
        cookies.map(|cookie| cookie.to_str().expect("ASCII").to_owned()).collect()
    };
    let cookies = set(&app.anonymous().ask(begun(Method::GET, LOGIN), Body::empty()).await);
    let token = cookies[0].split(['=', ';']).nth(1).expect("a token").to_owned();
    // The second is for clients that repeat it in a header.
    let expected =
        ["__Host-csrftoken", "csrftoken"].map(|name| format!("{name}={token}; Path=/; SameSite=Lax; Secure"));
    assert_eq!(cookies, expected);

    let login = |cookie: String, origin| {
        let login = begun(Method::POST, LOGIN).header(COOKIE, cookie).header(ORIGIN, origin);
        let login = login.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let body = format!("csrfmiddlewaretoken={token}&username=admin&password={PASSWORD}");
        (login, Body::from(body))
    };
    let (own, bare) = (format!("__Host-csrftoken={token}"), format!("csrftoken={token}"));
    for (cookie, origin) in [(&own, "http://users.example.org"), (&bare, "https://users.example.org")] {
        let (login, body) = login(cookie.clone(), origin);
        let answer = app.anonymous().ask(login, body).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{cookie} {origin}");
        assert!(!set(&answer).iter().any(|cookie| cookie.contains("sessionid")), "{answer:?}");
    }
    let (login, body) = login(own, "https://users.example.org");
    let session = set(&app.anonymous().ask(login, body).await)[0].clone();
    let pair = session.split(';').next().expect("a pair").to_owned();
    assert!(pair.starts_with("__Host-sessionid="), "{pair}");
    assert!(session.ends_with("; Path=/; Max-Age=1209600; HttpOnly; SameSite=Lax; Secure"), "{session}");
    for (cookie, status) in [
        (pair.clone(), StatusCode::OK),
        (pair.replace("__Host-", ""), StatusCode::UNAUTHORIZED),
        (pair.replace("__Host-", "__Secure-"), StatusCode::UNAUTHORIZED),
        (format!("sessionid=x; {pair}"), StatusCode::OK),
    ] {
        let answer = app.anonymous().ask(begun(Method::GET, USERS).header(COOKIE, cookie), Body::empty()).await;
        assert_eq!(answer.status, status);
    }
}

#[tokio::test]
async fn the_name_may_come_in_the_field_of_openwisps_own_page() {
    let app = TestApp::start().await;
    let mut browser = Browser::new(app.router.clone());
    browser.get(LOGIN).await;
    let token = browser.token();
    let body = form(&[("csrfmiddlewaretoken", &token), ("login", "admin"), ("password", PASSWORD)]);
    assert_eq!(browser.post(LOGIN, &body).await.status, StatusCode::SEE_OTHER);
}
