//! What a search reads, at two sizes of directory.
//!
//! `ROLLCALL_LARGE=1` makes the larger one 100,000 users; `-- --nocapture` shows the figures. `cargo bench` gives a table.

use shared::directory::UserFilter;

use crate::support::census::{Census, Measured, PAGE};
use crate::support::is_large;

/// Read units of the first page of a search without authentication, which takes two or three.
const MOST: f64 = 27.0;

fn large() -> usize {
    if is_large() { 100_000 } else { 3000 }
}

async fn checked(census: &Census, name: &str, filter: &UserFilter) -> Measured {
    let found = census.first_page(filter).await;
    let expected = census.matches(filter);
    println!("{name}: {found:?}");
    assert_eq!(found.rows, expected.min(PAGE), "{name}");
    let counted = u64::try_from(expected).ok().filter(|&total| total <= 10_000);
    assert_eq!(found.total, counted, "{name}");
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_finds_all_and_reads_no_more_among_more_users() {
    let (small, large) = (Census::of(1000).await, Census::of(large()).await);
    for (name, filter) in Census::searches() {
        checked(&small, name, &filter).await;
        let found = checked(&large, name, &filter).await;
        if found.total.is_some_and(|total| total <= 100) {
            assert!(found.cost.read <= MOST, "{name} reads {} units", found.cost.read);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_matches_among_more_users_cost_at_most_half_as_much_again() {
    let (small, large) = (Census::of(1000).await, Census::of(large()).await);
    // As many users of one name in both, whatever the others are called.
    for census in [&small, &large] {
        for index in 0..30 {
            census.add(&format!("rare{index}"), "Wojxy").await;
        }
    }
    for part in ["wojxy", "ojx", "xy", "woj", "jxy"] {
        let filter = UserFilter { first_name: Some(part.to_owned()), ..UserFilter::default() };
        let [few, many] = [small.first_page(&filter).await, large.first_page(&filter).await];
        assert_eq!((few.rows, few.total), (PAGE, Some(30)), "{part}");
        assert_eq!((many.rows, many.total), (PAGE, Some(30)), "{part}");
        println!("{part}: {} and {} read units", few.cost.read, many.cost.read);
        assert!(many.cost.read <= few.cost.read * 1.5, "{part}: {few:?}, {many:?}");
        assert!(many.cost.read <= MOST);
    }
}
