//! Against brute force, which shares nothing with what it judges: every player goes into every team.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// The costs of all splits that keep parties together, ascending.
fn brute_force(parties: &[Party<usize>], sizes: &[usize]) -> Vec<f64> {
    let mut costs = BTreeMap::new();
    let teams = sizes.len();
    for mut code in 0..teams.pow(parties.len() as u32) {
        let mut split = vec![(Vec::new(), 0.0); teams];
        for party in parties {
            let (ids, sum) = &mut split[code % teams];
            ids.extend(party.players.iter().map(|player| player.id));
            *sum += party.players.iter().map(|player| player.rating.mean).sum::<f64>();
            code /= teams;
        }
        if split.iter().zip(sizes).all(|((ids, _), size)| ids.len() == *size) {
            let average = split.iter().map(|(_, sum)| sum).sum::<f64>() / teams as f64;
            let squares = split.iter().map(|(_, sum)| (sum - average).powi(2)).sum::<f64>();
            // Where two teams change names it is the same split.
            let mut ids: Vec<_> = split.into_iter().map(|(ids, _)| ids).collect();
            ids.sort();
            costs.insert(ids, (squares / teams as f64).sqrt());
        }
    }
    let mut costs: Vec<_> = costs.into_values().collect();
    costs.sort_by(f64::total_cmp);
    costs
}

fn assert_is_best(parties: &[Party<usize>], shape: &Shape) {
    let expected = brute_force(parties, shape.sizes());
    match balance(parties, shape, &Options::default()) {
        Ok(splits) => {
            assert_eq!(splits.len(), expected.len().min(SPLITS_MAX));
            for (split, expected) in splits.iter().zip(&expected) {
                assert_is_a_split(split, parties, shape);
                assert!(split.separated.is_empty());
                // Each strength is rounded to a millionth.
                assert!((split.cost - expected).abs() < 2e-5, "{} is not {expected}", split.cost);
            }
        }
        Err(Unbalanceable::PartiesDoNotFit(_)) => assert!(expected.is_empty()),
        Err(other) => panic!("{other}"),
    }
}

fn means() -> impl Strategy<Value = f64> {
    // Whole ones tie often.
    prop_oneof![0.0..50.0f64, (20..30i32).prop_map(f64::from)]
}

#[test]
fn eight_against_eight_is_the_best_of_6435() {
    let mut random = Random::of(8);
    for _ in 0..3 {
        let mut means: Vec<_> = (0..16).map(|place| 5.0 + f64::from(place * place) / 7.0).collect();
        random.shuffle(&mut means);
        let parties = parties(&means, &[]);
        let shape = Shape::even(16, 2).unwrap();
        assert_eq!(brute_force(&parties, shape.sizes()).len(), 6435);
        assert_is_best(&parties, &shape);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn two_teams_are_split_as_well_as_can_be(
        means in prop::collection::vec(means(), 2..=16),
        sizes in prop::collection::vec(1..6usize, 0..8),
        first in any::<prop::sample::Index>(),
        is_even: bool,
    ) {
        let parties: Vec<_> = parties(&means, &sizes).into_iter().filter(|party| !party.players.is_empty()).collect();
        let first = if is_even { means.len() / 2 } else { 1 + first.index(means.len() - 1) };
        assert_is_best(&parties, &Shape::of(&[first, means.len() - first]).unwrap());
    }

    #[test]
    fn several_teams_are_split_as_well_as_can_be(
        teams in prop::collection::vec(1..4usize, 3..=4),
        means in prop::collection::vec(means(), 12),
        sizes in prop::collection::vec(1..4usize, 0..4),
    ) {
        let shape = Shape::of(&teams).unwrap();
        prop_assume!(teams.len() == 3 || shape.players() <= 8);
        let parties = parties(&means[..shape.players()], &sizes);
        assert_is_best(&parties.into_iter().filter(|party| !party.players.is_empty()).collect::<Vec<_>>(), &shape);
    }

    /// The search knows the best split where one step is all there is.
    #[test]
    fn a_step_of_the_search_is_as_good_as_every(
        means in prop::collection::vec(means(), 4..=20),
        sizes in prop::collection::vec(1..4usize, 0..5),
    ) {
        let shape = Shape::even(means.len(), 2).unwrap();
        let parties = parties(&means, &sizes);
        let with = |algorithm| {
            let options = Options { algorithm, parties: Parties::TogetherIfPossible, ..Options::default() };
            balance(&parties, &shape, &options).unwrap()
        };
        prop_assert_eq!(with(Algorithm::Search)[0].cost, with(Algorithm::Every)[0].cost);
    }
}
