//! Scripted time and randomness.

use std::sync::{Arc, Mutex};

use shared::model::Timestamp;
use shared::model::ambient::Ambient;

/// Time that moves by a millisecond whenever it is asked for, and bytes that never repeat.
pub struct FakeEnvironment {
    state: Mutex<State>,
}

struct State {
    now: i64,
    drawn: u64,
}

impl FakeEnvironment {
    /// Begins on 22 November 2026 at noon, with the bytes of that seed.
    pub fn new(seed: u64) -> Self {
        Self { state: Mutex::new(State { now: 1_795_348_800_000_000, drawn: seed }) }
    }

    /// Moves time on.
    pub fn advance(&self, seconds: i64) {
        self.state.lock().expect("the script").now += seconds * 1_000_000;
    }

    /// A number that was not drawn before.
    pub fn draw(&self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }
}

/// The same time, which stands still when it is asked for: who looks at it changes nothing for the others.
pub struct Glance(pub Arc<FakeEnvironment>);

impl Ambient for Glance {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.state.lock().expect("the script").now)
    }

    fn fill(&self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }
}

impl Ambient for FakeEnvironment {
    fn now(&self) -> Timestamp {
        let mut state = self.state.lock().expect("the script");
        state.now += 1000;
        Timestamp::from_micros(state.now)
    }

    fn fill(&self, bytes: &mut [u8]) {
        let mut state = self.state.lock().expect("the script");
        for chunk in bytes.chunks_mut(8) {
            // SplitMix64: distinct inputs give distinct, evenly spread outputs.
            state.drawn = state.drawn.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = state.drawn;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&(mixed ^ (mixed >> 31)).to_le_bytes()[..chunk.len()]);
        }
    }
}
