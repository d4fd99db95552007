//! What an import costs in AWS, where other processes use the table too.
//!
//! `ROLLCALL_LARGE=1` imports 40,000 users; `-- --nocapture` shows the figures.

use shared::directory::transfer::{ImportEntry, Known, Record, UserRecord};
use shared::model::ambient::Ambient as _;
use shared::model::{AddressId, UserEmail, UserNumber};
use shared::store::{Cost, measured};

use super::*;
use crate::support::people::person;
use crate::support::{is_large, plain_user};

/// How many users are imported at once, as by `rollcall import`.
const PIECE: usize = 2000;

#[tokio::test]
async fn an_import_stays_within_its_budget_of_units() {
    let app = TestApp::start().await;
    let pattern = plain_user(&app, "pattern").await;
    let users = if is_large() { 40_000 } else { PIECE };
    let start = app.environment.now().plus_seconds(-400_000);
    let entry = |number: usize| {
        let mut user = person(&pattern, number, start.plus_seconds(i64::try_from(number).expect("small")));
        user.number = UserNumber(0);
        let email = user.email.clone().expect("an e-mail");
        user.addresses = vec![UserEmail { id: AddressId(0), email, verified: true, primary: true }];
        let has = Known { id: true, number: false, edge_id: false, date_joined: true };
        let record = UserRecord { user, has, may_share_email: false, memberships: Vec::new(), tokens: Vec::new() };
        ImportEntry { origin: number.to_string(), record: Ok(Record::User(Box::new(record))), left_out: Vec::new() }
    };
    let mut importer = app.directory.importer(SystemCaller::Operator, false, false, false).await.expect("an import");
    let mut total = Cost::default();
    for first in (0..users).step_by(PIECE) {
        let entries = (first..first + PIECE).map(entry).collect();
        let (told, cost) = Box::pin(measured(importer.take(entries))).await;
        told.expect("an import");
        println!("{first}: {cost:?}");
        total += cost;
    }
    let (told, cost) = Box::pin(measured(importer.finish())).await;
    told.expect("an import");
    println!("end: {cost:?}");
    total += cost;
    let report = importer.report();
    let made = f64::from(u32::try_from(report.users.made).expect("small"));
    println!("{made} users: {:.2} read, {:.2} write a user", total.read / made, total.write / made);
    assert!(made > 0.98 * f64::from(u32::try_from(users).expect("small")), "{made}");
    // Few users share fewer blocks of the search index.
    let (read, write) = if is_large() { (7.5, 22.5) } else { (12.0, 27.0) };
    assert!(total.read / made <= read && total.write / made <= write);
}
