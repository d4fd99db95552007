//! Who alone writes to the embedded engine makes users without its transactions, and makes the same.

use std::collections::BTreeSet;

use rollcall::import::Format;
use shared::Directory;
use shared::model::GroupId;
use shared::store::{Claim, UserWrite, WriteOutcome};

use super::lines::furnished;
use super::{OPENL2M, OPENWISP, content, exported, new_directory, table, take};
use crate::support::{Table, TestApp, insert, plain_user};

/// Takes a text in twice, and tells what the directory is then.
async fn taken(app: &TestApp, directory: &Directory, format: Format, text: &str) -> (Vec<String>, Table) {
    let mut told = Vec::new();
    for _ in 0..2 {
        told.push(format!("{:?}", take(directory, format, text, false, 1000).await.expect("an import")));
    }
    (told, table(app))
}

#[tokio::test]
async fn an_import_alone_makes_what_one_among_others_makes() {
    let lines = exported(&furnished().await).await;
    for (format, text) in [(Format::Rollcall, &lines[..]), (Format::OpenWisp, OPENWISP), (Format::OpenL2m, OPENL2M)] {
        let (one, other) = (new_directory().await, new_directory().await);
        let Some(alone) = other.engine.alone(&other.directory) else { return };
        let (told, made) = taken(&one, &one.directory, format, text).await;
        let (told_alone, made_alone) = taken(&other, &alone, format, text).await;
        assert_eq!(told_alone, told);
        assert_eq!(made_alone.users().count(), made.users().count());
        // The ids that a source lacks are drawn, and come out otherwise.
        if format == Format::Rollcall {
            assert_eq!(content(&made_alone), content(&made));
        }
    }
}

#[tokio::test]
async fn who_cannot_be_made_leaves_nothing_and_costs_nobody_else() {
    let app = TestApp::start().await;
    let first = plain_user(&app, "first").await;
    insert(&app, &first).await;
    let mut namesake = plain_user(&app, "first").await;
    namesake.email = None;
    let mut stranger = plain_user(&app, "stranger").await;
    stranger.groups = BTreeSet::from([GroupId(4711)]);
    let good = plain_user(&app, "good").await;
    let users = [&namesake, &good, &stranger];
    let writes = users.map(|user| UserWrite { after: Some(user), ..UserWrite::default() });
    for directory in [Some(Directory::clone(&app.directory)), app.engine.alone(&app.directory)].into_iter().flatten() {
        let before = table(&app);
        let told = directory.store().users_insert(&writes).await.expect("the store");
        let told: Vec<WriteOutcome> = told.into_iter().map(|told| told.expect("an outcome")).collect();
        let [WriteOutcome::Taken(taken), good, WriteOutcome::UnknownGroup(group)] = &told[..] else {
            panic!("{told:?}")
        };
        assert_eq!(
            taken.iter().map(|taken| (taken.claim, taken.user)).collect::<Vec<_>>(),
            [(Claim::Username, first.id)]
        );
        assert_eq!(*group, GroupId(4711));
        assert_eq!(*good, if before.users().count() == 2 { WriteOutcome::Done } else { WriteOutcome::Stale });
        let after = table(&app);
        assert_eq!(after.users().count(), 3);
        for refused in [&namesake, &stranger] {
            let id = refused.id.to_string();
            let left: Vec<_> = after.items.keys().filter(|(pk, sk)| pk.contains(&id) || sk.contains(&id)).collect();
            assert!(left.is_empty(), "{left:?}");
        }
    }
}
