//! Numbers that look random and are the same for the same seed, on every machine and in every release, which no crate for random
//! numbers promises.

pub(super) struct Random {
    state: u64,
}

impl Random {
    pub fn of(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Any number. SplitMix64: <https://prng.di.unimi.it/splitmix64.c>.
    pub fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Brings these into any order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            // Not quite even, by less than one in 2⁵⁰: there are few items.
            let other = self.number() % (last as u64 + 1);
            items.swap(last, other as usize);
        }
    }
}
