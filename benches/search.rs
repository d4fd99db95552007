//! The cost of searches: `cargo bench --bench search`, or for other sizes `cargo bench --bench search -- 1000 10000`.
//!
//! Fills an in-memory engine with that many users and prints read units and milliseconds for the first page of each
//! search.

use std::time::Instant;

use testing::census::Census;

/// How often each search is timed.
const RUNS: usize = 21;

#[tokio::main]
async fn main() {
    let given: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let sizes = if given.is_empty() { vec![1_000, 10_000, 100_000] } else { given };
    println!("| users | search | matches | read units | ms, median of {RUNS} |");
    println!("|---|---|---|---|---|");
    for users in sizes {
        let census = Census::of(users).await;
        for (name, filter) in Census::searches() {
            let mut times = Vec::new();
            let mut read = 0.0;
            for _ in 0..RUNS {
                let began = Instant::now();
                read = census.first_page(&filter).await.cost.read;
                times.push(began.elapsed().as_secs_f64() * 1000.0);
            }
            times.sort_by(f64::total_cmp);
            println!("| {users} | {name} | {} | {read} | {:.1} |", census.matches(&filter), times[RUNS / 2]);
        }
    }
}
