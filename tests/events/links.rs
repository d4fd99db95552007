//! Links, redirects and cookies within a stage, and behind a domain of one's own.

use http::StatusCode;
use serde_json::{Value, json};
use shared::model::MailKind;

use super::{ask, changed, changed_event};
use crate::support::{Answer, TestApp};

#[tokio::test]
async fn links_name_the_host_and_the_stage_that_the_client_used() {
    let app = TestApp::start().await;
    app.admin().await.create_user("somebody", &json!({})).await;
    for (stage, before, base) in [
        ("$default", "", "https://abcdef1234.execute-api.us-east-1.amazonaws.com"),
        ("prod", "/prod", "https://abcdef1234.execute-api.us-east-1.amazonaws.com/prod"),
        // Behind a custom domain the stage does not show. Links used to name it all the same.
        ("prod", "", "https://abcdef1234.execute-api.us-east-1.amazonaws.com"),
        ("pro", "/pro", "https://abcdef1234.execute-api.us-east-1.amazonaws.com/pro"),
    ] {
        let event = changed(|event| {
            event["requestContext"]["stage"] = json!(stage);
            event["rawPath"] = json!(format!("{before}/api/v1/users/user/"));
            event["rawQueryString"] = json!("page_size=1");
        });
        let answer = ask(&app, "users", &event).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        assert_eq!(answer.json()["next"], format!("{base}/api/v1/users/user/?page=2&page_size=1"));
    }
}

#[tokio::test]
async fn a_domain_of_ones_own_hides_the_stage_and_a_stage_may_be_called_as_our_addresses_begin() {
    let app = TestApp::start().await;
    app.admin().await.create_user("somebody", &json!({})).await;
    let gateway = "abcdef1234.execute-api.us-east-1.amazonaws.com";
    for (host, stage, path, base) in [
        ("users.example.org", "prod", "/api/v1/users/user/", "https://users.example.org"),
        ("users.example.org", "prod", "/prod/api/v1/users/user/", "https://users.example.org"),
        ("users.example.org", "api", "/api/v1/users/user/", "https://users.example.org"),
        (gateway, "api", "/api/api/v1/users/user/", "https://abcdef1234.execute-api.us-east-1.amazonaws.com/api"),
        (
            gateway,
            "accounts",
            "/accounts/api/v1/users/user/",
            "https://abcdef1234.execute-api.us-east-1.amazonaws.com/accounts",
        ),
    ] {
        let event = changed(|event| {
            event["requestContext"]["stage"] = json!(stage);
            event["requestContext"]["domainName"] = json!(host);
            event["headers"]["host"] = json!(host);
            event["rawPath"] = json!(path);
            event["rawQueryString"] = json!("page_size=1");
        });
        let answer = ask(&app, "users", &event).await;
        assert_eq!(answer.status, StatusCode::OK, "{host} {stage} {path}: {answer:?}");
        assert_eq!(answer.json()["next"], format!("{base}/api/v1/users/user/?page=2&page_size=1"));
    }
}

#[tokio::test]
async fn links_of_edge_and_openl2m_stay_in_the_stage() {
    let app = TestApp::start().await;
    app.admin().await.create_user("somebody", &json!({})).await;
    let within = |event: &str, path: &str, query: &str| {
        changed_event(event, |event| {
            event["requestContext"]["stage"] = json!("prod");
            event["rawPath"] = json!(format!("/prod{path}"));
            event["rawQueryString"] = json!(query);
        })
    };
    let base = "https://abcdef1234.execute-api.us-east-1.amazonaws.com/prod/api";
    let users = ask(&app, "edge-users", &within("edge-users-list", "/api/users/", "page_size=1")).await;
    let url = users.json()[0]["url"].as_str().expect("a URL").to_owned();
    assert!(url.starts_with(&format!("{base}/users/")), "{url}");
    let next = format!("<{base}/users/?page=2&page_size=1>; rel=\"next\"");
    assert!(users.header("link").expect("links").starts_with(&next), "{users:?}");
    let created = ask(&app, "edge-users", &within("edge-users-create", "/api/users/", "")).await;
    assert_eq!(created.header("location"), created.json()["url"].as_str());
    assert!(created.header("location").expect("an address").starts_with(base));
    let part = ask(&app, "admin-users", &within("admin-users-list", "/api/admin/users/", "after=0&limit=1")).await;
    assert_eq!(part.header("link"), Some(&*format!("<{base}/admin/users/?after=1&limit=1>; rel=\"next\"")));
}

#[tokio::test]
async fn a_redirect_stays_in_the_stage() {
    let app = TestApp::start().await;
    let event = changed_event("users-list-without-slash", |event| {
        event["requestContext"]["stage"] = json!("prod");
        event["rawPath"] = json!("/prod/api/v1/users/user");
    });
    let answer = ask(&app, "users", &event).await;
    assert_eq!(answer.status, StatusCode::MOVED_PERMANENTLY);
    // It used to lead to the same path outside the stage.
    assert_eq!(answer.header("location"), Some("/prod/api/v1/users/user/?page=1&page_size=10"));
}

#[tokio::test]
async fn an_address_is_confirmed_within_a_stage() {
    let app = TestApp::start().await;
    confirms_an_address(&app, async |function, event| ask(&app, function, &event).await).await;
}

/// The gateway knows by which of its names a request came; what the client says of it is not asked.
#[tokio::test]
async fn mailed_links_lead_to_the_domain_that_the_gateway_names() {
    let app = TestApp::start().await;
    let create = changed_event("users-create", |event| {
        event["headers"]["host"] = json!("evil.example");
        event["requestContext"]["domainName"] = json!("users.example.org");
    });
    assert_eq!(ask(&app, "users", &create).await.status, StatusCode::CREATED);
    let mails = app.directory.waiting_mails(10).await.expect("mails");
    let MailKind::Confirmation { link } = &mails[0].kind else { panic!("another mail") };
    assert!(link.starts_with("https://users.example.org/accounts/confirm-email/"));
}

/// Makes a user, opens the mailed link and submits its page, all in the stage `prod`.
pub(super) async fn confirms_an_address(app: &TestApp, mut ask: impl AsyncFnMut(&'static str, String) -> Answer) {
    let within = |event: &mut Value, path: &str| {
        event["requestContext"]["stage"] = json!("prod");
        event["rawPath"] = json!(path);
    };
    let create = changed_event("users-create", |event| within(event, "/prod/api/v1/users/user/"));
    assert_eq!(ask("users", create).await.status, StatusCode::CREATED);
    let mails = app.directory.waiting_mails(10).await.expect("mails");
    let MailKind::Confirmation { link } = &mails[0].kind else { panic!("another mail") };
    let path = link.strip_prefix("https://abcdef1234.execute-api.us-east-1.amazonaws.com").expect("a link to the host");
    assert!(path.starts_with("/prod/accounts/confirm-email/"), "{path}");

    let page = ask("auth", changed_event("auth-confirm-email", |event| within(event, path))).await;
    let cookie = page.header("set-cookie").expect("a cookie");
    // The cookie used to be for /accounts/, where browsers would not send it back from within the stage.
    assert!(cookie.contains("; Path=/prod;"), "{cookie}");
    let pair = cookie.split(';').next().expect("a pair");
    let token = pair.strip_prefix("__Secure-csrftoken=").expect("a token");
    let submit = changed_event("auth-confirm-email-submit", |event| {
        within(event, path);
        event["cookies"] = json!([pair]);
        event["body"] = json!(format!("csrfmiddlewaretoken={token}"));
        event["isBase64Encoded"] = json!(false);
    });
    let done = ask("auth", submit).await;
    assert_eq!(done.status, StatusCode::FOUND, "{done:?}");
    assert_eq!(done.header("location"), Some("/prod/accounts/email-verification-success/"));
}
