//! Where there are too many splits to try them all, the answer costs at most 2 % more than the best of 100,000 splits made by chance.

use super::*;

const RANDOM_SPLITS: usize = 100_000;

/// The least cost of so many splits made by chance.
fn best_of_random(parties: &[Party<usize>], sizes: &[usize], random: &mut Random) -> f64 {
    let average = parties.iter().map(strength).sum::<f64>() / sizes.len() as f64;
    let mut order: Vec<_> = parties.iter().map(|party| (party.players.len(), strength(party))).collect();
    let mut teams: Vec<_> = (0..sizes.len()).collect();
    let (mut best, mut made) = (f64::INFINITY, 0);
    while made < RANDOM_SPLITS {
        random.shuffle(&mut order);
        order.sort_by_key(|(size, _)| std::cmp::Reverse(*size));
        let (mut free, mut sums) = (sizes.to_vec(), vec![0.0; sizes.len()]);
        let is_split = order.iter().all(|(size, strength)| {
            // Parties go into any team with room; who is alone fills up one after the other, in an order that is random already.
            if *size > 1 {
                random.shuffle(&mut teams);
            }
            let Some(team) = teams.iter().copied().find(|team| free[*team] >= *size) else { return false };
            free[team] -= size;
            sums[team] += strength;
            true
        });
        if is_split {
            made += 1;
            let squares = sums.iter().map(|sum| (sum - average).powi(2)).sum::<f64>();
            best = best.min((squares / sizes.len() as f64).sqrt());
        }
    }
    best
}

fn strength(party: &Party<usize>) -> f64 {
    party.players.iter().map(|player| player.rating.mean).sum()
}

fn assert_is_good(players: usize, teams: usize, sizes: &[usize]) {
    for seed in 1..=3 {
        let mut random = Random::of(seed);
        // Most are in the middle, as ratings are: the sum of three.
        let mut part = || random.number() as f64 / u64::MAX as f64 * 50.0 / 3.0;
        let means: Vec<_> = (0..players).map(|_| part() + part() + part()).collect();
        let parties = parties(&means, sizes);
        let shape = Shape::even(players, teams).unwrap();
        let splits = balance(&parties, &shape, &Options { seed, ..Options::default() }).unwrap();
        assert_eq!(splits.len(), SPLITS_MAX);
        for split in &splits {
            assert_is_a_split(split, &parties, &shape);
        }
        let random = best_of_random(&parties, shape.sizes(), &mut random);
        let found = splits[0].cost;
        println!("{players} in {teams}, seed {seed}: {found:.6}, by chance {random:.6}");
        // Each strength is rounded to a millionth.
        assert!(found <= random * 1.02 + 1e-5, "{found}, but {random} by chance");
    }
}

#[test]
fn ten_against_ten() {
    assert_is_good(20, 2, &[]);
    assert_is_good(20, 2, &[4, 3, 3, 2]);
}

#[test]
fn twelve_against_twelve() {
    assert_is_good(24, 2, &[]);
}

#[test]
fn sixteen_against_sixteen() {
    assert_is_good(32, 2, &[]);
    assert_is_good(32, 2, &[5, 4, 4, 3, 3, 2, 2, 2]);
}

#[test]
fn four_teams_of_four() {
    assert_is_good(16, 4, &[]);
    assert_is_good(16, 4, &[3, 2, 2]);
}

#[test]
fn four_teams_of_eight() {
    assert_is_good(32, 4, &[]);
    assert_is_good(32, 4, &[6, 5, 4, 3, 2, 2]);
}

#[test]
fn eight_teams_of_two() {
    assert_is_good(16, 8, &[]);
}

#[test]
fn nine_teams_of_three() {
    assert_is_good(27, 9, &[]);
    assert_is_good(27, 9, &[2, 2, 2, 2, 2]);
}

#[test]
fn fifty_against_fifty() {
    assert_is_good(100, 2, &[]);
    assert_is_good(100, 2, &[8, 5, 5, 4, 4, 4, 3, 3, 2, 2, 2]);
}

#[test]
fn twenty_five_teams_of_four() {
    assert_is_good(100, 25, &[]);
}
