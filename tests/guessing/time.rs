//! How long answers take, for somebody and for nobody: Welch's t over interleaved samples.
//!
//! `ROLLCALL_SAMPLES=10000 cargo test --release --test api -- --ignored guessing::time --nocapture --test-threads 1`
//! prints t for each way to ask; beyond 4.5, in either direction, an answer's time tells who exists.
//! `ROLLCALL_WAYS="Basic;reset"` measures some of the ways alone.

use std::time::Instant;

use serde_json::json;
use shared::auth::password::HashCost;
use shared::model::User;

use super::{Guess, LOGIN, NAMES, RESET, TOKEN, WRONG, guesses};
use crate::support::{TestApp, insert, plain_user};

/// From what |t| on a difference is no accident.
const TELLING: f64 = 4.5;
/// As Django makes them for the password of all tests, but with fewer iterations, so that the test ends.
const IMPORTED: &str = "pbkdf2_sha256$30000$W3Dkpsalt0$Meva6GdOqIIjORRrVMbBcB7r6d5P7dTb6b51xOKw8CE=";

/// The mean and the variance of some figures.
fn moments(figures: &[f64]) -> (f64, f64, f64) {
    let count = figures.iter().map(|_| 1.0).sum::<f64>();
    let mean = figures.iter().sum::<f64>() / count;
    (count, mean, figures.iter().map(|figure| (figure - mean).powi(2)).sum::<f64>() / (count - 1.0))
}

/// Welch's t.
fn welch(one: &[f64], other: &[f64]) -> f64 {
    let ((n, mean, variance), (other_n, other_mean, other_variance)) = (moments(one), moments(other));
    (mean - other_mean) / (variance / n + other_variance / other_n).sqrt()
}

#[expect(clippy::disallowed_methods, reason = "how long it may take is a matter of the environment")]
fn samples() -> usize {
    std::env::var("ROLLCALL_SAMPLES").ok().and_then(|text| text.parse().ok()).unwrap_or(10_000)
}

#[expect(clippy::disallowed_methods, reason = "what to measure is a matter of the environment")]
fn is_wanted(way: &str) -> bool {
    std::env::var("ROLLCALL_WAYS").map_or(true, |ways| ways.split(';').any(|wanted| wanted == way))
}

#[tokio::test]
#[ignore = "takes minutes"]
async fn answers_take_as_long_for_nobody_as_for_somebody() {
    let app = TestApp::start().await;
    let fields = json!({"email": "jane@mail.example", "phone_number": "+393331234567"});
    app.admin().await.create_user("jane", &fields).await;
    let imported = User { password: IMPORTED.into(), ..plain_user(&app, "joey").await };
    insert(&app, &imported).await;
    let app = app.restarted(HashCost::DEFAULT);
    let find = |what: &str| guesses().into_iter().find(|guess| guess.what.starts_with(what)).expect(what);
    let token = |names| Guess::json(TOKEN, names, |name| json!({"username": name, "password": WRONG}));
    let mut telling = Vec::new();
    for (what, guess, names) in [
        ("token, by name", token(NAMES[0]), NAMES[0]),
        ("token, by e-mail", token(NAMES[1]), NAMES[1]),
        ("token, of an imported user", token(NAMES[0]), ["joey", "joan"]),
        ("token, imported or not", token(NAMES[0]), ["joey", "jane"]),
        ("Basic", find("GET /api/users/ Basic"), NAMES[0]),
        ("Token of a name", find("GET /api/users/ Token"), NAMES[0]),
        ("the page to sign in", find(&format!("POST {LOGIN}")), NAMES[0]),
        ("reset", Guess::json(RESET, NAMES[0], |name| json!({ "input": name })), NAMES[0]),
    ] {
        if !is_wanted(what) {
            continue;
        }
        let client = app.anonymous();
        let mut times = [Vec::new(), Vec::new()];
        for index in 0..samples() + 20 {
            // Now this one first, now the other.
            let who = (index / 2 % 2) ^ (index % 2);
            let began = Instant::now();
            guess.send(&client, names[who], "192.0.2.1").await;
            let took = began.elapsed().as_secs_f64() * 1000.0;
            if index >= 20 {
                times[who].push(took);
            }
        }
        // The slowest hundredth is the machine's.
        for times in &mut times {
            times.sort_by(f64::total_cmp);
            times.truncate(times.len() - times.len() / 100);
        }
        let t = welch(&times[0], &times[1]);
        let [one, other] = times.each_ref().map(|times| moments(times).1);
        println!("{what}: t = {t:.2} ({one:.3} ms for {}, {other:.3} ms for {})", names[0], names[1]);
        if t.abs() >= TELLING {
            telling.push((what, t));
        }
    }
    assert_eq!(telling, []);
}
