//! The table, the first groups and the first superuser.

use shared::Error;
use shared::model::Username;

use super::*;
use crate::support::PASSWORD;

/// As a first start does it, and a second one that goes on where the first one failed.
async fn set_up(app: &TestApp) -> Result<(), Error> {
    app.directory.store().table_create().await?;
    app.directory.install(shared::directory::SystemCaller::Operator).await?;
    if app.directory.is_empty().await? {
        let admin = Username::parse("admin").expect("a name");
        app.directory.create_superuser(shared::directory::SystemCaller::Operator, admin, None, PASSWORD.into()).await?;
    }
    Ok(())
}

async fn assert_set_up(app: &TestApp, what: &str) {
    let table = Table::read(&app.engine);
    table.assert_sound();
    assert_eq!(table.users().count(), 1, "{what}");
    assert_eq!(table.partition("GROUPS").count(), 2, "{what}");
    assert_eq!(app.engine.expiry_attribute().await.as_deref(), Some("expires"), "{what}");
}

fn bare(retry_policy: RetryPolicy) -> (TestApp, Faults) {
    let faults = Faults::default();
    let hand = faults.clone();
    let connection = Box::new(move |connection| hand.wrap(connection));
    (TestApp::bare(Options { retry_policy, connection, ..Options::default() }), faults)
}

#[tokio::test]
async fn a_first_start_survives_every_trouble() {
    let (app, faults) = bare(PATIENT);
    set_up(&app).await.expect("a directory");
    assert_set_up(&app, "without trouble").await;
    let calls = faults.calls();
    for (call, operation) in calls.iter().enumerate() {
        for fault in Fault::QUICK.into_iter().filter(|fault| fault.fits(operation)) {
            let what = format!("{fault:?} at call {call}, {operation}");
            let (app, faults) = bare(PATIENT);
            faults.follow(Plan::At { call, fault, lasting: false });
            set_up(&app).await.unwrap_or_else(|error| panic!("{what}, once: {error}"));
            assert_eq!(faults.struck(), 1, "{what}");
            assert_set_up(&app, &format!("{what}, once")).await;

            let (app, faults) = bare(HASTY);
            faults.follow(Plan::At { call, fault, lasting: true });
            let failed = set_up(&app).await.expect_err("lasting trouble");
            assert!(matches!(failed, Error::Unavailable(_)), "{what}, lasting: {failed}");
            let again = app.another(Options { retry_policy: PATIENT, ..Options::default() });
            set_up(&again).await.unwrap_or_else(|error| panic!("{what}, set up again: {error}"));
            assert_set_up(&again, &format!("{what}, set up again")).await;
        }
    }
}
