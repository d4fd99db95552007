//! The cost of store calls, summed over a piece of work.

use std::cell::Cell;
use std::ops::AddAssign;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_sdk_dynamodb::config::interceptors::BeforeSerializationInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::types::ConsumedCapacity;
use aws_smithy_types::config_bag::{Storable, StoreReplace};

tokio::task_local! {
    static METER: Meter;
}

/// DynamoDB capacity units, and waits.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cost {
    /// Read units.
    pub read: f64,
    /// Write units.
    pub write: f64,
    /// How often the work waited for the store. Calls that overlap are one wait.
    pub waits: u32,
}

/// What a piece of work has cost so far.
#[derive(Debug, Default)]
struct Meter {
    cost: Cell<Cost>,
    calls_under_way: Arc<AtomicU32>,
}

/// A call under way, until it is dropped.
#[derive(Debug)]
struct CallUnderWay(Arc<AtomicU32>);

/// Counts as a wait each call that begins while no other is under way.
#[derive(Debug)]
pub(super) struct CountWaits;

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.read += other.read;
        self.write += other.write;
        self.waits += other.waits;
    }
}

impl Storable for CallUnderWay {
    type Storer = StoreReplace<Self>;
}

impl Drop for CallUnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Intercept for CountWaits {
    fn name(&self) -> &'static str {
        "CountWaits"
    }

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        call: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let calls = METER.try_with(|meter| meter.calls_under_way.clone());
        // Outside a measured piece of work, nothing is counted.
        if let Ok(calls) = calls {
            if calls.fetch_add(1, Ordering::Relaxed) == 0 {
                add(Cost { waits: 1, ..Cost::default() });
            }
            call.interceptor_state().store_put(CallUnderWay(calls));
        }
        Ok(())
    }
}

/// Runs `work` and returns the cost of its store calls. Calls in tasks that it spawns are not counted.
pub async fn measured<T>(work: impl Future<Output = T>) -> (T, Cost) {
    METER
        .scope(Meter::default(), async {
            let output = work.await;
            (output, METER.with(|meter| meter.cost.get()))
        })
        .await
}

/// Counts a read.
pub(super) fn read(capacity: Option<&ConsumedCapacity>) {
    add(Cost { read: units(capacity), ..Cost::default() });
}

/// Counts a write.
pub(super) fn wrote(capacity: Option<&ConsumedCapacity>) {
    wrote_units(units(capacity));
}

/// Counts a write of this many units.
pub(super) fn wrote_units(write: f64) {
    add(Cost { write, ..Cost::default() });
}

fn units(capacity: Option<&ConsumedCapacity>) -> f64 {
    capacity.and_then(ConsumedCapacity::capacity_units).unwrap_or_default()
}

fn add(cost: Cost) {
    // Outside a measured piece of work, nothing is counted.
    let _ = METER.try_with(|meter| {
        let mut total = meter.cost.get();
        total += cost;
        meter.cost.set(total);
    });
}
