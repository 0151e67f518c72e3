//! The best split is the best there is, or near it; parties stay together; the order of naming does not matter; nothing panics.

mod brute;
mod large;
mod parties;

use proptest::prelude::*;

use super::random::Random;
use super::*;
use crate::{PLAYERS_MAX, RATING_MAX, TEAMS_MAX};

type Splits = Result<Vec<Split<usize>>, Unbalanceable<usize>>;

/// Players of these means, numbered from 0, in parties of these sizes and then alone.
fn parties(means: &[f64], sizes: &[usize]) -> Vec<Party<usize>> {
    let mut players = means
        .iter()
        .enumerate()
        .map(|(id, mean)| Player { id, rating: Rating { mean: *mean, ..Rating::default() } });
    let mut parties: Vec<_> =
        sizes.iter().map(|size| Party { players: players.by_ref().take(*size).collect() }).collect();
    parties.extend(players.map(Party::single));
    parties
}

fn teams(split: &Split<usize>) -> Vec<Vec<usize>> {
    split.teams.iter().map(|team| team.players.clone()).collect()
}

/// Everything a split promises, but that it is a good one.
fn assert_is_a_split(split: &Split<usize>, parties: &[Party<usize>], shape: &Shape) {
    let teams = teams(split);
    let sizes: Vec<_> = teams.iter().map(Vec::len).collect();
    assert_eq!(sizes, shape.sizes());
    let mut all = teams.concat();
    all.sort_unstable();
    let mut players: Vec<_> =
        parties.iter().flat_map(|party| &party.players).map(|player| player.id).collect();
    players.sort_unstable();
    assert_eq!(all, players);
    assert!(teams.iter().all(|team| team.is_sorted()));
    for (one, other) in teams.iter().zip(teams.iter().skip(1)) {
        assert!(one.len() != other.len() || one[0] < other[0], "teams are in order: {teams:?}");
    }
    let chances: f64 = split.teams.iter().map(|team| team.win_chance).sum();
    assert!((chances - 1.0).abs() < 1e-9);
    let means: Vec<_> = split.teams.iter().map(|team| team.mean).collect();
    assert_eq!(
        split.spread,
        means.iter().copied().fold(f64::MIN, f64::max) - means.iter().copied().fold(f64::MAX, f64::min)
    );
    let mut separated: Vec<_> = parties
        .iter()
        .map(|party| party.players.iter().map(|player| player.id).collect::<Vec<_>>())
        .filter(|party| !teams.iter().any(|team| party.iter().all(|id| team.contains(id))))
        .collect();
    separated.iter_mut().for_each(|party| party.sort_unstable());
    separated.sort();
    let mut said = split.separated.clone();
    said.sort();
    assert_eq!(said, separated);
}

#[test]
fn two_against_two_by_hand() {
    let parties = parties(&[30.0, 20.0, 25.0, 24.0], &[]);
    let splits = balance(&parties, &Shape::even(4, 2).unwrap(), &Options::default()).unwrap();
    let found: Vec<_> = splits.iter().map(|split| (teams(split), split.spread, split.cost)).collect();
    let expected = [
        (vec![vec![0, 1], vec![2, 3]], 1.0, 0.5),
        (vec![vec![0, 3], vec![1, 2]], 9.0, 4.5),
        (vec![vec![0, 2], vec![1, 3]], 11.0, 5.5),
    ];
    assert_eq!(found, expected);
    // Four new players' deviations: 4 · (25/3)² and 2 · (25/6)² make 17.6777².
    assert!((splits[0].teams[0].win_chance - 0.522556).abs() < 1e-5, "{splits:?}");
}

#[test]
fn of_equal_players_the_lowest_ids_come_first() {
    let parties = parties(&[25.0; 6], &[]);
    let splits = balance(&parties, &Shape::even(6, 3).unwrap(), &Options::default()).unwrap();
    let found: Vec<_> = splits.iter().map(teams).collect();
    assert_eq!(
        found,
        [
            [[0, 1], [2, 3], [4, 5]].map(Vec::from),
            [[0, 1], [2, 4], [3, 5]].map(Vec::from),
            [[0, 1], [2, 5], [3, 4]].map(Vec::from),
        ]
    );
    assert!(splits.iter().all(|split| split.cost == 0.0 && split.teams[0].win_chance == 1.0 / 3.0));
}

#[test]
fn caution_counts_the_unsure_for_less() {
    let player = |id, mean, deviation| Party::single(Player { id, rating: Rating { mean, deviation } });
    // By their means 0 and 1 are the best two; less three deviations they are the worst.
    let parties = [player(0, 30.0, 9.0), player(1, 29.0, 8.0), player(2, 26.0, 1.0), player(3, 21.0, 1.0)];
    let shape = Shape::even(4, 2).unwrap();
    let with = |caution| balance(&parties, &shape, &Options { caution, ..Options::default() }).unwrap();
    assert_eq!(with(0.0)[0].cost, 2.0);
    assert_eq!(teams(&with(0.0)[0]), [[0, 3], [1, 2]]);
    // 3, 5, 23 and 18.
    assert_eq!(with(3.0)[0].cost, 1.5);
    assert_eq!(teams(&with(3.0)[0]), [[0, 2], [1, 3]]);
    assert_eq!(with(3.0)[0].spread, 6.0, "which is of the means");
}

#[test]
fn a_draft_goes_back_and_forth() {
    let parties = parties(&[80.0, 70.0, 60.0, 50.0, 40.0, 30.0, 20.0, 10.0], &[]);
    let options = Options { algorithm: Algorithm::Draft, ..Options::default() };
    let splits = balance(&parties, &Shape::even(8, 2).unwrap(), &options).unwrap();
    assert_eq!(splits.len(), 1);
    assert_eq!(teams(&splits[0]), [[0, 3, 4, 7], [1, 2, 5, 6]]);
}

#[test]
fn whoever_is_one_short_has_the_better_players() {
    let parties = parties(&[40.0, 30.0, 10.0, 35.0, 25.0], &[]);
    for sizes in [[3, 2], [2, 3]] {
        let splits = balance(&parties, &Shape::of(&sizes).unwrap(), &Options::default()).unwrap();
        let two = splits[0].teams.iter().find(|team| team.players.len() == 2).unwrap();
        assert_eq!(two.players, [0, 1], "the label of a team does not matter");
        assert_eq!(splits[0].spread, 0.0);
    }
}

#[test]
fn too_many_splits_are_refused_where_every_one_was_asked_for() {
    let options = Options { algorithm: Algorithm::Every, ..Options::default() };
    let every = |players: usize, teams| {
        balance(&parties(&vec![25.0; players], &[]), &Shape::even(players, teams).unwrap(), &options)
    };
    assert!(every(20, 2).is_ok());
    assert!(every(15, 3).is_ok());
    assert_eq!(every(22, 2), Err(Unbalanceable::TooManySplits));
    assert_eq!(every(16, 4), Err(Unbalanceable::TooManySplits));
}

#[test]
fn nonsense_is_refused() {
    let shape = Shape::even(4, 2).unwrap();
    let good = parties(&[1.0, 2.0, 3.0, 4.0], &[]);
    let ask = |parties: &[Party<usize>]| balance(parties, &shape, &Options::default()).unwrap_err();
    assert_eq!(ask(&[]), Unbalanceable::WrongNumber { players: 0, seats: 4 });
    assert_eq!(ask(&good[..3]), Unbalanceable::WrongNumber { players: 3, seats: 4 });
    let mut twice = good.clone();
    twice[3].players[0].id = 1;
    assert_eq!(ask(&twice), Unbalanceable::NamedTwice(1));
    for rating in [
        Rating { mean: f64::NAN, deviation: 1.0 },
        Rating { mean: f64::INFINITY, deviation: 1.0 },
        Rating { mean: -1.01 * RATING_MAX, deviation: 1.0 },
        Rating { mean: 25.0, deviation: f64::NAN },
        Rating { mean: 25.0, deviation: -0.1 },
        Rating { mean: 25.0, deviation: 1.01 * RATING_MAX },
    ] {
        let mut bad = good.clone();
        bad[2].players[0].rating = rating;
        assert_eq!(ask(&bad), Unbalanceable::BadRating(2));
    }
    for (caution, beta) in [
        (f64::NAN, 1.0),
        (-1.0, 1.0),
        (10.1, 1.0),
        (0.0, 0.0),
        (0.0, f64::NAN),
        (0.0, f64::INFINITY),
        (0.0, -1.0),
    ] {
        let options = Options { caution, beta, ..Options::default() };
        assert_eq!(balance(&good, &shape, &options), Err(Unbalanceable::BadOptions));
    }
    // A party of nobody is nobody.
    let mut more = good.clone();
    more.insert(1, Party { players: vec![] });
    assert_eq!(balance(&more, &shape, &Options::default()), balance(&good, &shape, &Options::default()));
}

/// Sums and squares have room for this; the checks against overflow are on in tests.
#[test]
fn the_largest_question_has_an_answer() {
    let of = |id, mean| Player { id, rating: Rating { mean, deviation: RATING_MAX } };
    for teams in [2, TEAMS_MAX] {
        let shape = Shape::even(PLAYERS_MAX, teams).unwrap();
        for party in [1, 2, 3] {
            for means in [[-RATING_MAX, -RATING_MAX], [-RATING_MAX, RATING_MAX]] {
                let players: Vec<_> = (0..PLAYERS_MAX).map(|id| of(id, means[id % 2])).collect();
                let parties: Vec<_> =
                    players.chunks(party).map(|players| Party { players: players.to_vec() }).collect();
                let options = Options {
                    caution: Options::CAUTION_MAX,
                    parties: Parties::TogetherIfPossible,
                    ..Options::default()
                };
                for split in balance(&parties, &shape, &options).unwrap() {
                    assert_is_a_split(&split, &parties, &shape);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn the_order_of_naming_does_not_matter(
        means in prop::collection::vec(0.0..50.0f64, 4..40),
        sizes in prop::collection::vec(1..4usize, 0..6),
        teams in 2..5usize,
        seed: u64,
    ) {
        let shape = Shape::even(means.len(), teams).unwrap();
        let named = parties(&means, &sizes);
        let mut other = named.clone();
        let mut random = Random::of(seed);
        random.shuffle(&mut other);
        for party in &mut other {
            random.shuffle(&mut party.players);
        }
        for algorithm in [Algorithm::Automatic, Algorithm::Search, Algorithm::Draft] {
            let options = Options { algorithm, seed, parties: Parties::TogetherIfPossible, ..Options::default() };
            let splits = balance(&named, &shape, &options).unwrap();
            for split in &splits {
                assert_is_a_split(split, &named, &shape);
            }
            for pair in splits.windows(2) {
                prop_assert!(pair[0].cost <= pair[1].cost && pair[0].teams != pair[1].teams);
            }
            prop_assert_eq!(balance(&other, &shape, &options).unwrap(), splits);
        }
    }

    #[test]
    fn nothing_panics(
        players in prop::collection::vec((0..9usize, any::<f64>(), any::<f64>()), 0..9),
        sizes in prop::collection::vec(0..5usize, 0..5),
        teams in prop::collection::vec(0..4usize, 0..5),
        caution: f64,
        beta: f64,
    ) {
        let mut players = players.into_iter().map(|(id, mean, deviation)| Player { id, rating: Rating { mean, deviation } });
        let parties: Vec<_> = sizes.iter().map(|size| Party { players: players.by_ref().take(*size).collect() }).collect();
        if let Ok(shape) = Shape::of(&teams) {
            let _: Splits = balance(&parties, &shape, &Options { caution, beta, ..Options::default() });
            let _: Splits = balance(&parties, &shape, &Options::default());
        }
    }
}
