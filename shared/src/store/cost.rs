//! The cost of store calls, summed over a piece of work.

use std::cell::Cell;
use std::ops::AddAssign;

use aws_sdk_dynamodb::types::ConsumedCapacity;

tokio::task_local! {
    static COST: Cell<Cost>;
}

/// DynamoDB capacity units.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cost {
    /// Read units.
    pub read: f64,
    /// Write units.
    pub write: f64,
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.read += other.read;
        self.write += other.write;
    }
}

/// Runs `work` and returns the cost of its store calls. Calls in tasks that it spawns are not counted.
pub async fn measured<T>(work: impl Future<Output = T>) -> (T, Cost) {
    COST.scope(Cell::default(), async {
        let output = work.await;
        (output, COST.with(Cell::get))
    })
    .await
}

/// Counts a read.
pub(super) fn read(capacity: Option<&ConsumedCapacity>) {
    add(Cost { read: units(capacity), write: 0.0 });
}

/// Counts a write.
pub(super) fn wrote(capacity: Option<&ConsumedCapacity>) {
    wrote_units(units(capacity));
}

/// Counts a write of this many units.
pub(super) fn wrote_units(write: f64) {
    add(Cost { read: 0.0, write });
}

fn units(capacity: Option<&ConsumedCapacity>) -> f64 {
    capacity.and_then(ConsumedCapacity::capacity_units).unwrap_or_default()
}

fn add(cost: Cost) {
    // Outside a measured piece of work, nothing is counted.
    let _ = COST.try_with(|sum| {
        let mut total = sum.get();
        total += cost;
        sum.set(total);
    });
}
