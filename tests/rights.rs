//! One rights model for all APIs: whatever anybody does through any of them, nobody gains a right that the actor lacks,
//! and nobody takes over a person who is stronger.
//!
//! Random people in random directories act through the routes of all four APIs. `rights/model.rs` states, from the
//! records alone and without the product's code for rights, what must hold after each act.
//!
//! A directory follows from its seed, so a failure can be repeated:
//! `ROLLCALL_SEED=17 cargo test --test api -- rights --nocapture`. `ROLLCALL_ACTS=1000000` sets how many acts there are.

mod acts;
mod dice;
mod model;
mod people;
mod state;
mod world;
mod writes;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use acts::{Needs, Route, routes};
use world::{Done, World};

/// How many acts a run of all tests does.
const ACTS: u64 = 100_000;
/// How many acts a directory sees before another takes its place.
const ACTS_PER_DIRECTORY: u64 = 400;
/// How many tests share the acts.
const TESTS: u64 = 4;

/// Routes that change something only for a caller who proves a password or has a mailed link.
const PROVEN: &[&str] = &[
    "POST /api/v1/users/token/",
    "POST /api/v1/users/password/reset/",
    "POST /api/v1/users/password/reset/confirm/",
    "POST /api/users/token/",
];

/// Routes that only search.
const SEARCHES: &[&str] = &["POST /scim/v2/Users/.search/", "POST /scim/v2/Groups/.search/", "POST /scim/v2/.search/"];

/// Routes that are about nothing but the caller's own tokens and sessions.
const OWN: &[&str] = &[
    "DELETE /api/rollcall/v1/me/tokens/{token}/",
    "DELETE /api/rollcall/v1/me/sessions/",
    "DELETE /api/rollcall/v1/me/sessions/{session}/",
];

/// Routes about webhooks, which give nobody a right. `access` says who may use them.
const WEBHOOKS: &[&str] = &[
    "POST /api/rollcall/v1/webhooks/",
    "PATCH /api/rollcall/v1/webhooks/{webhook}/",
    "DELETE /api/rollcall/v1/webhooks/{webhook}/",
    "POST /api/rollcall/v1/webhooks/{webhook}/secret/",
    "POST /api/rollcall/v1/webhooks/{webhook}/deliveries/{delivery}/redeliver/",
];

/// The outcomes of one route.
#[derive(Debug, Default, Clone, Copy)]
struct Count {
    accepted_from_superusers: u64,
    accepted_from_others: u64,
    refused: u64,
}

/// What has happened in some directories.
#[derive(Debug, Default)]
struct ImportCounts {
    /// By the place of the route.
    counts: BTreeMap<usize, Count>,
    /// The first violation of each kind, by sentence and route.
    violations: BTreeMap<(&'static str, String), String>,
}

impl ImportCounts {
    /// Lets the people of one directory act.
    async fn run(&mut self, seed: u64, acts: u64) {
        let mut world = World::open(seed).await;
        for number in 0..acts {
            if number == acts / 2 {
                world.pass_two_days();
            }
            let Done { route, by_superuser, status, violations, request } = world.step().await;
            let count = self.counts.entry(route).or_default();
            match status {
                400.. => count.refused += 1,
                _ if by_superuser => count.accepted_from_superusers += 1,
                _ => count.accepted_from_others += 1,
            }
            for violation in violations {
                let kind = (violation.sentence, world.name_of(route));
                let told = || format!("ROLLCALL_SEED={seed}, act {number}: {request}\n    {}", violation.detail);
                self.violations.entry(kind).or_insert_with(told);
            }
        }
        world.assert_nothing_missed().await;
    }

    /// Fails if anything happened that must not.
    fn assert_lawful(&self) {
        let mut text = String::new();
        for ((sentence, route), told) in &self.violations {
            writeln!(text, "\n{sentence}\n  {route}\n  {told}").expect("a text");
        }
        assert!(text.is_empty(), "{} kinds of violations:\n{text}", self.violations.len());
    }

    /// Fails unless every route has refused somebody and accepted somebody else: other than superusers, where others may.
    fn assert_thorough(&self) {
        for (place, route) in routes().iter().enumerate() {
            let count = self.count(place);
            let accepted = match route.needs {
                Needs::Superuser => count.accepted_from_superusers,
                _ => count.accepted_from_others,
            };
            assert!(accepted > 0 && count.refused > 0, "{} needs more acts: {count:?}", route.name());
        }
    }

    /// How often each route was tried, and what came of it.
    fn summary(&self) -> String {
        let mut text = String::from("accepted from superusers, from others; refused\n");
        for (place, route) in routes().iter().enumerate() {
            let Count { accepted_from_superusers, accepted_from_others, refused } = self.count(place);
            let name = route.name();
            writeln!(text, "{accepted_from_superusers:>8}{accepted_from_others:>8}{refused:>8}  {name}")
                .expect("a text");
        }
        text
    }

    fn count(&self, place: usize) -> Count {
        self.counts.get(&place).copied().unwrap_or_default()
    }
}

/// A number that whoever runs the tests has set.
#[expect(clippy::disallowed_methods, reason = "asked of whoever runs the tests")]
pub fn asked_for(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} should be a number and is {text}")))
}

/// Does one test's part of all acts: the directories whose seeds leave that remainder.
async fn run_part(part: u64) {
    let mut tally = ImportCounts::default();
    if let Some(seed) = asked_for("ROLLCALL_SEED") {
        if seed % TESTS == part {
            tally.run(seed, ACTS_PER_DIRECTORY).await;
            println!("{}", tally.summary());
            tally.assert_lawful();
        }
        return;
    }
    let acts = asked_for("ROLLCALL_ACTS").unwrap_or(ACTS);
    for seed in (0..acts.div_ceil(ACTS_PER_DIRECTORY)).filter(|seed| seed % TESTS == part) {
        tally.run(seed, ACTS_PER_DIRECTORY).await;
        // What one directory has shown is enough to work on.
        tally.assert_lawful();
    }
    println!("{}", tally.summary());
    if acts >= ACTS {
        tally.assert_thorough();
    }
}

#[tokio::test]
async fn no_act_gives_a_right_or_takes_over_a_stronger_person_1() {
    run_part(0).await;
}

#[tokio::test]
async fn no_act_gives_a_right_or_takes_over_a_stronger_person_2() {
    run_part(1).await;
}

#[tokio::test]
async fn no_act_gives_a_right_or_takes_over_a_stronger_person_3() {
    run_part(2).await;
}

#[tokio::test]
async fn no_act_gives_a_right_or_takes_over_a_stronger_person_4() {
    run_part(3).await;
}

#[test]
fn every_route_that_changes_something_is_tried() {
    let served =
        [rollcall::openwisp_routes(), rollcall::openl2m_routes(), rollcall::edge_routes(), rollcall::scim_routes()];
    let mut changing = BTreeSet::new();
    for route in served.iter().flatten() {
        let methods = route.methods().into_iter().filter(|name| ["POST", "PUT", "PATCH", "DELETE"].contains(name));
        changing.extend(methods.map(|method| format!("{method} {}", route.endpoint.path)));
    }
    let others = PROVEN.iter().chain(OWN).chain(WEBHOOKS).chain(SEARCHES).map(|name| (*name).to_owned());
    let tried: BTreeSet<String> = routes().iter().map(Route::name).chain(others).collect();
    assert_eq!(tried, changing);
}
