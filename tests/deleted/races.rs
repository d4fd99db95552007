//! Deletion, restoration, purge and creation of the same name, all at once.

use std::time::Duration;

use shared::store::RetryPolicy;

use super::*;
use crate::support::{Answer, Faults, Options, Plan};

/// How many of each there are.
const MANY: usize = 200;

/// Whether any restoration or purge was in time.
async fn race(stormy: bool, many: usize) -> bool {
    let faults = Faults::default();
    let hand = faults.clone();
    let connection = Box::new(move |connection| hand.wrap(connection));
    let retry_policy = RetryPolicy { pause: Duration::from_millis(2), deadline: Duration::from_mins(2) };
    let app = TestApp::with(Options { retry_policy, connection, ..Options::default() }).await;
    let admin = app.admin().await;
    let crew = organization(&admin, "crew").await;
    let fields = json!({
        "phone_number": "+4915112345678", "groups": [1], "is_superuser": true,
        "organization_users": {"organization": crew, "is_admin": true},
    });
    let id = id_of(&admin.create_user("jane", &fields).await);
    app.forget_mails().await;
    faults.follow(if stormy { Plan::Storm } else { Plan::Calm });
    let mut calls = Vec::new();
    for number in 0..many {
        for kind in 0..4 {
            let (admin, id) = (admin.clone(), id.clone());
            calls.push(tokio::spawn(async move {
                let answer = match kind {
                    0 => admin.delete(&detail(&id)).await,
                    1 => admin.post(&restoring(&id), &json!({})).await,
                    // Purges are rare, so that there is something to restore.
                    2 if number % 20 == 19 => admin.delete(&deleted(&id)).await,
                    2 => admin.get(&deleted(&id)).await,
                    _ => {
                        let body = json!({
                            "username": "jane", "email": format!("jane{number}@other.example"), "password": PASSWORD,
                            "email_verified": true,
                        });
                        let made = admin.post(USERS, &body).await;
                        // So that the name is free again.
                        if made.status == StatusCode::CREATED {
                            admin.delete(&detail(&id_of(&made.json()))).await;
                        }
                        made
                    }
                };
                (kind, answer)
            }));
        }
    }
    let mut answers: [Vec<Answer>; 4] = Default::default();
    for call in calls {
        let (kind, answer) = call.await.expect("no panic");
        answers[kind].push(answer);
    }
    faults.follow(Plan::Calm);
    let allowed: [&[u16]; 4] = [&[204, 404], &[200, 404, 409], &[200, 204, 404], &[201, 400]];
    for (answers, allowed) in answers.iter().zip(allowed) {
        let other = answers.iter().find(|answer| !allowed.contains(&answer.status.as_u16()));
        assert!(other.is_none(), "{other:?}");
    }
    let count = |kind: usize, status: u16| answers[kind].iter().filter(|answer| answer.status == status).count();
    let (deletions, restorations, purges) = (count(0, 204), count(1, 200), count(2, 204));
    println!("{deletions} deletions, {restorations} restorations, {purges} purges, {} creations", count(3, 201));
    app.cleanup().await.expect("the work");
    let table = table(&app);
    assert_eq!(table.work_left(), 0);
    // Whatever was done was done once.
    let (is_there, waits) = (table.user(&id).is_some(), table.deleted().any(|(deleted, _)| deleted == id));
    assert_eq!(deletions, restorations + usize::from(!is_there));
    assert_eq!(purges, usize::from(!is_there && !waits));
    deletions > 0 && (restorations > 0 || purges > 0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deletions_restorations_purges_and_creations_leave_one_truth() {
    assert!(race(false, MANY).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn and_so_they_do_in_a_storm() {
    for _ in 0..10 {
        if race(true, 40).await {
            return;
        }
    }
    panic!("all deletions came too late for restorations and purges");
}

/// Of many who restore at once one succeeds; nobody else finds the user deleted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_many_restorations_succeeds() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = id_of(&jane(&admin, &app).await);
    delete(&admin, &id).await;
    let calls: Vec<_> = (0..50)
        .map(|_| {
            let (admin, path) = (admin.clone(), restoring(&id));
            tokio::spawn(async move { admin.post(&path, &json!({})).await.status.as_u16() })
        })
        .collect();
    let mut statuses = Vec::new();
    for call in calls {
        statuses.push(call.await.expect("no panic"));
    }
    statuses.sort_unstable();
    assert_eq!((statuses[0], statuses[1], statuses[49]), (200, 404, 404), "{statuses:?}");
    table(&app);
}
