//! Any page of the list of all users at once, however users have joined.
//!
//! `ROLLCALL_LARGE=1` makes the directory 100,000 and 1,000,000 users; `-- --nocapture` shows the figures.

use std::cmp::Reverse;

use shared::model::{Timestamp, UserId};
use shared::store::{Store, UserWrite, WriteOutcome};

use super::*;
use crate::support::index::ranks;
use crate::support::{Options, Table, insert, insert_rows};

/// The most read units of a page.
const MOST: f64 = 30.0;

/// A directory whose lists are known.
struct Listed {
    app: TestApp,
    /// When users joined, and who they are, newest first.
    users: Vec<(Reverse<Timestamp>, Reverse<UserId>)>,
}

impl Listed {
    /// Most users have come with an import, at one moment; the others have joined over three years.
    async fn of(users: usize) -> Self {
        let app = TestApp::start().await;
        let admin = app.admin().await.get(USERS).await.json();
        let admin = admin["results"][0]["id"].as_str().and_then(UserId::parse).expect("an id");
        let admin = app.directory.store().user(admin).await.expect("the store").expect("admin");
        let newest = app.environment.now().plus_seconds(-366 * DAY);
        let joined = |index: usize| {
            let days = if index % 5 < 3 { 500 } else { index % 1000 };
            newest.plus_seconds(-DAY * i64::try_from(days).expect("small"))
        };
        let moments: Vec<Timestamp> = (0..users).map(joined).collect();
        let ids = insert_rows(&app, &plain_user(&app, "user000000").await, &moments).await;
        app.environment.advance(60);
        let mut listed =
            Self { app, users: moments.into_iter().map(Reverse).zip(ids.into_iter().map(Reverse)).collect() };
        listed.users.push((Reverse(admin.date_joined), Reverse(admin.id)));
        listed.users.sort_unstable();
        listed
    }

    async fn pack(&self) {
        self.app.environment.advance(60);
        self.app.directory.store().search_pack(true).await.expect("an index");
    }

    /// That pages are right and cheap, in processes that remember nothing and in one that does.
    async fn assert_pages(&self, most: f64) {
        let last = self.users.len().div_ceil(10);
        let warm = self.app.admin().await;
        let (mut cold_peak, mut warm_peak) = (Peak::default(), Peak::default());
        for page in [last / 7, last / 5, last / 3, last * 2 / 5, last / 2, last * 3 / 5, last * 5 / 7] {
            let cold = self.app.restarted(CHEAP).admin().await;
            for (client, peak) in [(&cold, &mut cold_peak), (&warm, &mut warm_peak)] {
                let answer = client.get(&format!("{USERS}?page={page}")).await;
                peak.note(&answer, StatusCode::OK);
                let body = answer.json();
                let ids: Vec<&str> = body["results"]
                    .as_array()
                    .expect("rows")
                    .iter()
                    .map(|row| row["id"].as_str().expect("an id"))
                    .collect();
                let expected: Vec<String> =
                    self.users[(page - 1) * 10..page * 10].iter().map(|(_, id)| id.0.to_string()).collect();
                assert_eq!(ids, expected, "page {page}");
            }
        }
        cold_peak.within(&format!("any of {last} pages, first of a process"), most, 0.0);
        warm_peak.within(&format!("any of {last} pages"), most, 0.0);
    }

    /// That rows from any number on are right.
    async fn assert_rows(&self) {
        let random = |most: usize| usize::try_from(self.app.environment.draw()).unwrap_or(0) % most;
        for _ in 0..60 {
            let process = self.app.another(Options::default());
            let store: &Store = process.directory.store();
            let offset = random(self.users.len());
            let counts = store.user_counts().await.expect("counts");
            let rows = store.user_rows(&counts, offset as u64, 3).await.expect("rows");
            let expected: Vec<UserId> = self.users[offset..].iter().take(3).map(|(_, id)| id.0).collect();
            assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), expected, "from {offset} on");
        }
    }
}

async fn measure(users: usize) {
    let listed = Listed::of(users).await;
    // Before the job has run once, and afterwards.
    listed.assert_rows().await;
    listed.pack().await;
    listed.assert_pages(MOST).await;
    listed.assert_rows().await;
    let (complaints, right) = ranks(&Table::read(&listed.app.engine));
    assert!(complaints.is_empty() && right > 0, "{complaints:?}");
}

#[tokio::test]
async fn any_page_of_five_thousand_users_is_cheap() {
    measure(5000).await;
}

#[tokio::test]
async fn any_page_of_very_many_users_is_cheap() {
    if is_large() {
        measure(100_000).await;
        measure(1_000_000).await;
    }
}

#[tokio::test]
async fn pages_are_right_whatever_happens_between_runs_of_the_job() {
    let mut listed = Listed::of(5000).await;
    listed.pack().await;
    let store = listed.app.directory.store().clone();
    let mut comers = Vec::new();
    for round in 0..4 {
        for number in 0..40 {
            let user = plain_user(&listed.app, &format!("comer{round}-{number}")).await;
            // Some between the others, even at the same moment, and some now.
            let joined = match number % 4 {
                0 => listed.users[number * 100].0.0,
                1 => listed.users[number * 100].0.0.plus_seconds(-1),
                2 => listed.users[number * 100].0.0.plus_seconds(-100 * DAY),
                _ => user.date_joined,
            };
            let user = User { date_joined: joined, ..user };
            insert(&listed.app, &user).await;
            listed.users.push((Reverse(user.date_joined), Reverse(user.id)));
            comers.push(user);
        }
        // And some of those who came go.
        for _ in 0..round * 20 {
            let user = comers.swap_remove(comers.len() / 2);
            let write = UserWrite { before: Some(&user), ..UserWrite::default() };
            assert_eq!(store.user_write(&write).await.expect("a write"), WriteOutcome::Done);
            listed.users.retain(|(_, id)| id.0 != user.id);
        }
        listed.users.sort_unstable();
        listed.app.environment.advance(60);
        listed.assert_rows().await;
        listed.assert_pages(MOST).await;
        if round % 2 == 0 {
            listed.pack().await;
            listed.assert_rows().await;
            let (complaints, right) = ranks(&Table::read(&listed.app.engine));
            assert!(complaints.is_empty() && right > 5, "{complaints:?}");
        }
    }
}

/// What the job does with an index that is malformed, or that counts wrong.
#[tokio::test]
async fn an_index_that_is_wrong_is_not_used_and_made_anew() {
    let mut listed = Listed::of(5000).await;
    listed.pack().await;
    let whole =
        listed.app.items().into_iter().find(|item| crate::support::key(item) == "RANKS RANKS").expect("an index");
    let mut malformed = whole.clone();
    malformed.insert("r".to_owned(), dynoxide::AttributeValue::B(vec![200, 1]));
    listed.app.engine.put(vec![malformed]);
    listed.assert_rows().await;
    listed.pack().await;
    let before = ranks(&Table::read(&listed.app.engine)).1;
    assert!(before > 5);
    // An import makes users without recent changes.
    let newest = listed.app.environment.now().plus_seconds(-10 * 366 * DAY);
    let ids = insert_rows(&listed.app, &plain_user(&listed.app, "other000000").await, &vec![newest; 4000]).await;
    listed.users.extend(ids.into_iter().map(|id| (Reverse(newest), Reverse(id))));
    listed.users.sort_unstable();
    listed.app.environment.advance(60);
    listed.assert_rows().await;
    listed.pack().await;
    listed.assert_rows().await;
    let (complaints, right) = ranks(&Table::read(&listed.app.engine));
    assert!(complaints.is_empty() && right >= before + 4000 / 250, "{complaints:?}");
}
