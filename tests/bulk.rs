//! Users written many at once are what the store writes one by one.

use shared::model::Timestamp;
use shared::model::ambient::Ambient as _;
use shared::store::{UserWrite, WriteOutcome};

use crate::support::{TestApp, insert_many, is_entry, key, plain_user};

#[tokio::test]
async fn copies_are_what_the_store_writes() {
    let app = TestApp::start().await;
    let pattern = plain_user(&app, "copy000000").await;
    let moments: Vec<Timestamp> =
        (1..4).map(|year| app.environment.now().plus_seconds(-year * 366 * 24 * 60 * 60)).collect();
    let users = insert_many(&app, &pattern, &moments).await;
    let store = app.directory.store();
    let counts = store.user_counts().await.expect("counts");
    assert_eq!(counts.total(), 4);
    let rows = store.user_rows(&counts, 1, 10).await.expect("rows");
    assert_eq!(rows, users.iter().map(|user| user.row(&[]).for_lists()).collect::<Vec<_>>());
    for user in &users {
        assert_eq!(store.user(user.id).await.expect("the store").as_ref(), Some(user));
        let write = UserWrite { before: Some(user), ..UserWrite::default() };
        assert_eq!(
            store.user_write(&write).await.expect("a write"),
            WriteOutcome::Done,
            "every claim is the user's own"
        );
    }
    let left =
        app.items().iter().map(key).filter(|key| !key.starts_with("COUNT ") && !is_entry(key)).collect::<Vec<_>>();
    assert!(users.iter().all(|user| left.iter().all(|key| !key.contains(&user.id.0.simple().to_string()))), "{left:?}");
    assert!(left.iter().all(|key| !key.contains("copy")), "{left:?}");
}
