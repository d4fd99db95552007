//! What the search index costs among plausible people: `cargo bench --bench people`, or `cargo bench --bench people -- 20000`
//! for another number.
//!
//! Fills an in-memory engine with the index of that many users (100,000 unless told otherwise), prints what it takes there, and
//! then read units, waits and milliseconds of each search: all matches up to 1,001, as a page with its total needs them.

#![expect(clippy::expect_used, reason = "a measurement that meets something unexpected should end there")]

use std::time::Instant;

use shared::model::Timestamp;
use shared::model::ambient::Ambient as _;
use shared::store::{Search, SearchField, measured};
use testing::people::person;
use testing::{TestApp, insert_index, plain_user};

/// How often each search is timed.
const RUNS: usize = 21;
/// How many matches are asked for.
const MOST: usize = 1001;

#[tokio::main]
async fn main() {
    let users = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(100_000);
    let app = TestApp::start().await;
    let pattern = plain_user(&app, "pattern").await;
    let newest = app.environment.now().plus_seconds(-24 * 60 * 60);
    let joined = |number: usize| -> Timestamp {
        let age = i64::try_from(users - number).expect("small");
        newest.plus_seconds(-age * 3 * 365 * 24 * 60 * 60 / i64::try_from(users).expect("small"))
    };
    let people: Vec<_> = (0..users).map(|number| person(&pattern, number, joined(number))).collect();
    let began = Instant::now();
    insert_index(&app, &people).await;
    println!("index of {users} users written in {:.1} s", began.elapsed().as_secs_f64());
    app.environment.advance(60);

    println!("| search | matches | read units | waits | ms, median of {RUNS} | the first time: units | ms |");
    println!("|---|---|---|---|---|---|---|");
    for (name, search) in searches() {
        let cold = app.another(testing::Options::default());
        let began = Instant::now();
        let (_, first) = measured(cold.directory.store().search(&search, MOST)).await;
        let first_time = began.elapsed();
        let (mut times, mut matches, mut cost) = (Vec::new(), 0, None);
        for _ in 0..RUNS {
            let began = Instant::now();
            let (found, now) = measured(app.directory.store().search(&search, MOST)).await;
            times.push(began.elapsed().as_secs_f64() * 1000.0);
            matches = found.expect("users").len();
            cost = Some(now);
        }
        times.sort_by(f64::total_cmp);
        let cost = cost.expect("a run");
        println!(
            "| {name} | {matches} | {} | {} | {:.1} | {} | {:.1} |",
            cost.read,
            cost.waits,
            times[RUNS / 2],
            first.read,
            first_time.as_secs_f64() * 1000.0
        );
    }
}

fn searches() -> Vec<(&'static str, Search)> {
    use SearchField::{Email, FirstName, LastName, Username};
    let part = |field: SearchField, part: &str| (vec![field], part.to_owned());
    let any = |part: &str| (SearchField::ALL.to_vec(), part.to_owned());
    let of = |parts: Vec<(Vec<SearchField>, String)>| Search { parts, ..Search::default() };
    let active = |is_active: bool, parts| Search { is_active: Some(is_active), ..of(parts) };
    vec![
        ("one letter, common (`a` in the last name)", of(vec![part(LastName, "a")])),
        ("one letter, rare (`x` in the first name)", of(vec![part(FirstName, "x")])),
        ("two letters, common (`er` in the last name)", of(vec![part(LastName, "er")])),
        ("two letters, rare (`jö` in the first name)", of(vec![part(FirstName, "jö")])),
        ("three letters, common (`son` in the last name)", of(vec![part(LastName, "son")])),
        ("three letters, rare (`zub` in the first name)", of(vec![part(FirstName, "zub")])),
        ("four letters, common (`mith` in the last name)", of(vec![part(LastName, "mith")])),
        ("four letters, rare (`zach` in the first name)", of(vec![part(FirstName, "zach")])),
        ("a host (`@zoo.` in the e-mail)", of(vec![part(Email, "@zoo.")])),
        ("one user name (`nn.schmidt`)", of(vec![part(Username, "nn.schmidt")])),
        ("no match, its trigrams are common (`sonson`)", of(vec![part(LastName, "sonson")])),
        ("no match (`qqq`)", of(vec![part(FirstName, "qqq")])),
        ("any field, common (`mar`)", of(vec![any("mar")])),
        ("any field, rare (`quen`)", of(vec![any("quen")])),
        ("two filters, common and common (`mar`, `son`)", of(vec![part(FirstName, "mar"), part(LastName, "son")])),
        ("two filters, rare and common (`quen`, `a`)", of(vec![part(FirstName, "quen"), part(LastName, "a")])),
        ("two filters, rare and rare (`zach`, `crom`)", of(vec![part(FirstName, "zach"), part(LastName, "crom")])),
        ("active, three letters common (`son`)", active(true, vec![part(LastName, "son")])),
        ("active, rare (`zach`)", active(true, vec![part(FirstName, "zach")])),
        ("inactive, three letters common (`son`)", active(false, vec![part(LastName, "son")])),
        ("inactive, rare (`zach`)", active(false, vec![part(FirstName, "zach")])),
    ]
}
