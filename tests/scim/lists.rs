//! Lists: filters, order, pages by number and by cursor, and searches.

use std::collections::BTreeSet;

use proptest::prelude::*;
use shared::model::ambient::Ambient as _;

use super::*;
use crate::support::{Table, insert_many, plain_user};

async fn directory() -> (TestApp, Provider) {
    let app = TestApp::start().await;
    let provider = Provider::of(&app, "admin").await;
    for (name, given, family, department, active) in [
        ("ada@mail.example", "Ada", "Lovelace", "Research", true),
        ("Bob@mail.example", "Bob", "Love", "research", false),
        ("cyd@other.example", "Cyd", "Stone", "Sales", true),
    ] {
        app.environment.advance(60);
        let more = json!({
            "name": {"givenName": given, "familyName": family}, "active": active, "externalId": format!("x-{given}"),
            "emails": [{"value": name, "type": "work"}, {"value": format!("{given}@home.example"), "type": "home"}],
            ENTERPRISE_URN: {"department": department, "manager": {"value": "26"}},
        });
        provider.create(name, more).await;
    }
    (app, provider)
}

#[tokio::test]
async fn filters_find_whom_they_are_about() {
    let (app, provider) = directory().await;
    let (ada, bob, cyd) = ("ada@mail.example", "Bob@mail.example", "cyd@other.example");
    let id = provider.find(USERS, "userName eq ada@mail.example").await[0]["id"].as_str().expect("an id").to_owned();
    for (filter, names) in [
        ("userName eq \"ADA@mail.example\"", &[ada][..]),
        ("USERNAME EQ \"bob@mail.example\"", &[bob]),
        ("urn:ietf:params:scim:schemas:core:2.0:User:userName eq \"bob@mail.example\"", &[bob]),
        ("externalId eq x-Ada", &[ada]),
        ("externalId eq \"x-ada\"", &[]),
        ("emails.value eq \"ada@home.example\"", &[ada]),
        ("emails eq \"ada@home.example\"", &[ada]),
        ("emails[type eq \"work\"].value eq \"bob@MAIL.example\"", &[bob]),
        ("emails[type eq \"home\"].value eq \"bob@mail.example\"", &[]),
        ("emails[type eq \"home\" and value eq \"Bob@home.example\"]", &[bob]),
        (&format!("id eq \"{id}\""), &[ada]),
        ("id eq \"7\"", &[]),
        ("userName sw \"a\"", &[ada, "admin"]),
        ("userName co \"MAIL\"", &[ada, bob]),
        ("userName ew \"other.example\"", &[cyd]),
        ("name.familyName sw love", &[ada, bob]),
        ("name.familyName eq love", &[bob]),
        ("name.givenName co d", &[ada, cyd]),
        ("active eq False", &[bob]),
        ("active eq \"true\" and name.familyName pr", &[ada, cyd]),
        ("not (active eq true)", &[bob]),
        ("userName ne \"admin\" and not (userName co \"mail\")", &[cyd]),
        ("(userName sw a or userName sw c) and emails pr", &[ada, cyd]),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq research", &[ada, bob]),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value eq 26", &[ada, bob, cyd]),
        ("meta.created gt \"2000-01-01T00:00:00Z\" and emails pr", &[ada, bob, cyd]),
        ("meta.lastModified lt \"2000-01-01T00:00:00Z\"", &[]),
        ("title pr", &[]),
        ("userName eq nobody", &[]),
    ] {
        let found = provider.find(USERS, filter).await;
        let found: BTreeSet<&str> = found.iter().filter_map(|user| user["userName"].as_str()).collect();
        assert_eq!(found, names.iter().copied().collect(), "{filter}");
        let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": filter});
        let searched = provider.post("/scim/v2/Users/.search", &body).await.json();
        assert_eq!(searched["totalResults"], names.len(), "{filter}");
    }
    for filter in [
        "userName",
        "userName eq",
        "eq x",
        "nothing eq 1",
        "userName eq \"x",
        "(userName pr",
        "userName like x",
        "password eq x",
        "password pr",
        "userName eq x and",
        "emails[",
        "emails[nothing eq 1]",
        "active gt true",
        "userName[type eq x]",
    ] {
        let answer = provider.get(&format!("{USERS}?filter={}", encoded(filter))).await;
        assert_eq!(told(&answer), (400, "invalidFilter".to_owned()), "{filter}");
    }
    Table::read(&app.engine).assert_sound();
}

#[tokio::test]
async fn groups_are_found_by_name_id_and_member() {
    let (_app, provider) = directory().await;
    let ada = provider.find(USERS, "externalId eq x-Ada").await.remove(0);
    let staff = provider.create_group("Staff", &[&ada]).await;
    provider.create_group("Guests", &[]).await;
    for (filter, count) in [
        ("displayName eq \"Staff\"".to_owned(), 1),
        ("displayName eq \"staff\"".to_owned(), 0),
        ("displayName sw \"S\"".to_owned(), 1),
        (format!("id eq {}", staff["id"]), 1),
        ("id eq \"x\"".to_owned(), 0),
        (format!("members.value eq {}", ada["id"]), 1),
        (format!("members[value eq {}]", ada["id"]), 1),
        (format!("id eq {} and members eq {}", staff["id"], ada["id"]), 1),
    ] {
        assert_eq!(provider.find(GROUPS, &filter).await.len(), count, "{filter}");
    }
    let bare = provider
        .read(&format!("{GROUPS}?excludedAttributes=members&filter={}", encoded("displayName eq \"Staff\"")))
        .await;
    assert_eq!((&bare["totalResults"], bare["Resources"][0].get("members")), (&json!(1), None));
}

#[tokio::test]
async fn pages_by_number_and_by_cursor_show_everybody_once() {
    let (app, provider) = directory().await;
    for number in 0..9 {
        app.environment.advance(60);
        provider.create(&format!("user{number}"), json!({"name": {"familyName": format!("F{}", number % 3)}})).await;
    }
    let whole = provider.read(USERS).await;
    assert_eq!(
        (&whole["totalResults"], &whole["itemsPerPage"], &whole["startIndex"]),
        (&json!(13), &json!(13), &json!(1))
    );
    assert_eq!(whole["Resources"][0]["userName"], "user8", "the newest is first");
    let names = |page: &Value| -> Vec<String> {
        let rows = page["Resources"].as_array().expect("users").iter();
        rows.map(|user| user["userName"].as_str().expect("a name").to_owned()).collect()
    };
    for query in ["", "&filter=userName%20pr", "&sortBy=userName", "&sortBy=name.familyName&sortOrder=descending"] {
        let all = names(&provider.read(&format!("{USERS}?count=1000{query}")).await);
        let (mut numbered, mut start) = (Vec::new(), 1);
        loop {
            let page = provider.read(&format!("{USERS}?count=4&startIndex={start}{query}")).await;
            assert_eq!((&page["totalResults"], &page["startIndex"]), (&json!(13), &json!(start)));
            if page["itemsPerPage"] == 0 {
                break;
            }
            numbered.extend(names(&page));
            start += 4;
        }
        let (mut walked, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = provider.read(&format!("{USERS}?count=4&cursor={cursor}{query}")).await;
            assert_eq!((&page["totalResults"], page.get("startIndex")), (&json!(13), None));
            walked.extend(names(&page));
            let Some(next) = page["nextCursor"].as_str() else { break };
            assert!(next.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b)), "{next}");
            next.clone_into(&mut cursor);
        }
        assert_eq!((&numbered, &walked), (&all, &all), "{query}");
    }
    let sorted = names(&provider.read(&format!("{USERS}?sortBy=userName")).await);
    assert!(sorted.is_sorted_by_key(|name| name.to_lowercase()), "{sorted:?}");
    assert_eq!(provider.read(&format!("{USERS}?count=0")).await["totalResults"], 13);
    assert_eq!(provider.read(&format!("{USERS}?count=-1&startIndex=-5")).await["startIndex"], 1);
    assert_eq!(provider.read(&format!("{USERS}?startIndex=100")).await["Resources"], json!([]));
}

#[tokio::test]
async fn cursors_belong_to_one_list_and_one_hour() {
    let (app, provider) = directory().await;
    let first = provider.read(&format!("{USERS}?cursor=&count=2")).await;
    let cursor = first["nextCursor"].as_str().expect("a cursor");
    for (query, reason) in [
        ("&count=3".to_owned(), "invalidCount"),
        ("&count=x".to_owned(), "invalidCount"),
        ("&filter=active%20eq%20true".to_owned(), "invalidCursor"),
        ("&sortBy=userName".to_owned(), "invalidCursor"),
    ] {
        let answer = provider.get(&format!("{USERS}?cursor={cursor}{query}")).await;
        assert_eq!(told(&answer), (400, reason.to_owned()), "{query}");
    }
    for wrong in ["x", "1.2.3", "%00", &cursor[..cursor.len() - 1], &format!("{cursor}0")] {
        let answer = provider.get(&format!("{USERS}?cursor={wrong}")).await;
        assert!([200, 400].contains(&answer.status.as_u16()), "{wrong}: {answer:?}");
    }
    assert_eq!(told(&provider.get(&format!("{GROUPS}?cursor={cursor}")).await), (400, "invalidCursor".to_owned()));
    // Somebody who comes or goes meanwhile shifts nobody.
    let last = first["Resources"][1].clone();
    provider.delete(&at(&last)).await;
    app.environment.advance(60);
    provider.create("later", json!({})).await;
    let second = provider.read(&format!("{USERS}?cursor={cursor}")).await;
    assert_eq!(second["Resources"][0]["userName"], "ada@mail.example");
    app.environment.advance(60 * 60);
    assert_eq!(told(&provider.get(&format!("{USERS}?cursor={cursor}")).await), (400, "expiredCursor".to_owned()));
}

#[tokio::test]
async fn a_search_of_the_root_finds_both_kinds() {
    let (_app, provider) = directory().await;
    provider.create_group("Adair", &[]).await;
    let search = async |body: Value| provider.post("/scim/v2/.search", &body).await;
    let all = search(json!({})).await.json();
    assert_eq!(all["totalResults"], 4 + 3, "{all}");
    let kinds = |page: &Value| -> Vec<String> {
        let rows = page["Resources"].as_array().expect("resources").iter();
        rows.map(|one| one["meta"]["resourceType"].as_str().expect("a type").to_owned()).collect()
    };
    let page = search(json!({"startIndex": 4, "count": 2})).await.json();
    assert_eq!((&page["totalResults"], kinds(&page)), (&json!(7), vec!["User".to_owned(), "Group".to_owned()]));
    let named = search(json!({"filter": "displayName eq Adair"})).await.json();
    assert_eq!((&named["totalResults"], kinds(&named)), (&json!(1), vec!["Group".to_owned()]));
    assert_eq!(search(json!({"filter": "meta.resourceType eq \"User\""})).await.json()["totalResults"], 4);
    assert_eq!(told(&search(json!({"filter": "nothing eq 1"})).await), (400, "invalidFilter".to_owned()));
    assert_eq!(told(&search(json!({"schemas": [PATCH_URN]})).await), (400, "invalidSyntax".to_owned()));
}

#[tokio::test]
async fn a_filter_without_an_index_is_too_much_among_very_many_users() {
    let app = TestApp::start().await;
    let provider = Provider::of(&app, "admin").await;
    let newest = app.environment.now().plus_seconds(-800 * 24 * 60 * 60);
    let moments: Vec<_> = (0..1001).map(|index| newest.plus_seconds(-index)).collect();
    let pattern = plain_user(&app, "user000000").await;
    insert_many(&app, &pattern, &moments).await;
    for filter in
        ["title pr", "not (userName eq x)", "userName eq x or title eq y", "userName co \"user\"", "active eq true"]
    {
        let answer = provider.get(&format!("{USERS}?filter={}", encoded(filter))).await;
        assert_eq!(told(&answer), (400, "tooMany".to_owned()), "{filter}");
    }
    assert_eq!(provider.find(USERS, "userName co \"user00000\" and title pr").await.len(), 0);
    assert_eq!(provider.find(USERS, "userName sw \"user00050\"").await.len(), 10);
    assert_eq!(provider.find(USERS, "userName eq user000007 and not (title pr)").await.len(), 1);
    // The order of the list, for all of them.
    let page = provider.read(&format!("{USERS}?sortBy=userName&count=2")).await;
    assert_eq!((&page["totalResults"], &page["Resources"][0]["userName"]), (&json!(1002), &json!("admin")));
}

/// Pieces of filters, paths and bodies, put together without sense.
fn nonsense() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "userName",
        "emails",
        "[",
        "]",
        "(",
        ")",
        " ",
        " eq ",
        " and ",
        " or ",
        "not ",
        "\"",
        "\\u00",
        "\\",
        ".value",
        "type",
        "pr",
        "co",
        "urn:",
        ":",
        "2.0",
        "User",
        "-1",
        "1e999",
        "null",
        "true",
        "False",
        "\u{0}",
        "é",
        "𝄞",
        "members",
        "name.givenName",
        "9".repeat(400).leak(),
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
        "$ref",
        "{",
        "}",
        ",",
        "bulkId:",
    ]);
    prop_oneof![prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat()), ".{0,40}"]
}

fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        nonsense().prop_map(Value::from),
    ];
    let name = prop_oneof![
        prop::sample::select(vec![
            "schemas",
            "userName",
            "emails",
            "name",
            "active",
            "members",
            "displayName",
            "op",
            "path",
            "value",
            "Operations",
            "password",
            "externalId",
            "phoneNumbers",
            "addresses",
            "roles",
            "primary",
            "type",
            "urn:rollcall:scim:schemas:1.0:User",
            "expirationDate",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
            "manager",
            "filter",
            "count",
            "startIndex",
            "sortBy",
            "cursor",
            "attributes",
            "excludedAttributes",
            "method",
            "bulkId",
            "data",
            "failOnErrors",
            "version",
            "meta",
            "id",
            "groups",
        ])
        .prop_map(str::to_owned),
        nonsense(),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(name.clone(), inner, 0..6).prop_map(|map| json!(map)),
        ]
    })
}

#[test]
fn nothing_that_is_sent_panics_or_is_the_server_s_fault() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (app, provider, paths) = runtime.block_on(async {
        let (app, provider) = directory().await;
        let user = provider.find(USERS, "externalId eq x-Ada").await.remove(0);
        let group = provider.create_group("Staff", &[&user]).await;
        (app, provider, [at(&user), at(&group)])
    });
    let verbs = prop::sample::select(vec!["add", "Remove", "replace", "move"]);
    let cases = (nonsense(), verbs, nonsense(), anything());
    proptest!(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() }, |((text, verb, path, body) in cases)| {
        runtime.block_on(async {
            let text = encoded(&text);
            let mut answers = Vec::new();
            for list in [USERS, GROUPS] {
                answers.push(provider.get(&format!("{list}?filter={text}")).await);
                answers.push(provider.get(&format!("{list}?cursor={text}&count={text}")).await);
                answers.push(provider.get(&format!("{list}?sortBy={text}&attributes={text}&excludedAttributes={text}&startIndex={text}")).await);
                answers.push(provider.post(list, &body).await);
                answers.push(provider.post(&format!("{list}/.search"), &body).await);
            }
            answers.push(provider.post("/scim/v2/.search", &body).await);
            answers.push(provider.post("/scim/v2/Bulk", &json!({"Operations": [{"method": "POST", "bulkId": "1", "path": "/Users", "data": body}]})).await);
            answers.push(provider.post("/scim/v2/Bulk", &body).await);
            for at in &paths {
                answers.push(provider.patch(at, json!([{"op": verb, "path": path, "value": body}])).await);
                answers.push(provider.patch(at, json!([{"op": verb, "value": body}])).await);
                answers.push(provider.ask(Method::PATCH, at, Some(&body)).await);
                answers.push(provider.put(at, &body).await);
            }
            for answer in &answers {
                assert!(answer.status.as_u16() < 500, "{answer:?}");
            }
        });
    });
    Table::read(&app.engine).assert_sound();
}
