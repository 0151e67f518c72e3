//! How often a server is killed in a test, and at which moments.

use std::sync::OnceLock;

/// How often something is killed: `MOOTHALL_TEST_CRASH_CYCLES`, or 200 times.
pub fn cycles() -> u64 {
    std::env::var("MOOTHALL_TEST_CRASH_CYCLES")
        .map_or(200, |cycles| cycles.parse().expect("a number of cycles"))
}

/// A number that looks random and is the same in every run.
pub fn chance(seed: u64) -> u64 {
    // SplitMix64: <https://prng.di.unimi.it/splitmix64.c>.
    let mut z = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Where this run's moments come from: the clock, or `MOOTHALL_TEST_SEED`, to have those of another run again.
pub fn seed() -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    *SEED.get_or_init(|| {
        let seed = std::env::var("MOOTHALL_TEST_SEED").map_or_else(
            |_| std::time::UNIX_EPOCH.elapsed().unwrap().as_micros() as u64,
            |seed| seed.parse().expect("a number"),
        );
        eprintln!("The moments of this run: MOOTHALL_TEST_SEED={seed}");
        seed
    })
}
