//! Who stays together, and what happens where not all can.

use super::*;

/// Players who are equally good, in parties of these sizes and then alone.
fn ask(sizes: &[usize], teams: &[usize], parties: Parties) -> Splits {
    let shape = Shape::of(teams).unwrap();
    let named = super::parties(&vec![25.0; shape.players()], sizes);
    let splits = balance(&named, &shape, &Options { parties, ..Options::default() });
    for split in splits.iter().flatten() {
        assert_is_a_split(split, &named, &shape);
    }
    splits
}

#[test]
fn a_party_that_is_larger_than_any_team_is_named() {
    let refused = ask(&[3], &[2, 2], Parties::Together).unwrap_err();
    assert_eq!(refused, Unbalanceable::PartiesDoNotFit(vec![vec![0, 1, 2]]));
    assert_eq!(refused.to_string(), "not all parties can stay together in teams of these sizes");
    let splits = ask(&[3], &[2, 2], Parties::TogetherIfPossible).unwrap();
    assert!(splits.iter().all(|split| split.separated == [[0, 1, 2]]));
}

#[test]
fn a_larger_team_takes_a_larger_party() {
    let splits = ask(&[3], &[2, 3], Parties::Together).unwrap();
    assert_eq!(splits.len(), 1);
    assert_eq!(teams(&splits[0]), [vec![3, 4], vec![0, 1, 2]]);
}

#[test]
fn parties_are_kept_from_the_largest_down_as_far_as_they_fit() {
    // Of three fours only two fit into two teams of seven; the two fits beside one of them.
    let refused = ask(&[2, 4, 4, 4], &[7, 7], Parties::Together).unwrap_err();
    assert_eq!(refused, Unbalanceable::PartiesDoNotFit(vec![vec![10, 11, 12, 13]]));
    // All of them, if the teams have room for two fours.
    assert!(ask(&[2, 4, 4, 4], &[8, 6], Parties::Together).is_ok());
    // One two goes with each three, and the third has no place.
    let refused = ask(&[2, 2, 2, 3, 3], &[6, 6], Parties::Together);
    assert_eq!(refused.map(drop), Ok(()));
    let refused = ask(&[2, 2, 3, 3], &[4, 4, 2], Parties::Together).unwrap_err();
    assert_eq!(refused, Unbalanceable::PartiesDoNotFit(vec![vec![2, 3]]));
}

#[test]
fn a_party_that_chance_keeps_together_is_not_said_to_be_separated() {
    let splits = ask(&[2, 2, 2], &[3, 3], Parties::TogetherIfPossible).unwrap();
    // The party that gives way is 4 and 5, which one seat is left for in each team.
    assert!(splits.iter().all(|split| split.separated == [[4, 5]]));
    let splits = ask(&[3, 3], &[4, 2], Parties::TogetherIfPossible).unwrap();
    // 3, 4 and 5: there is one seat beside the first party.
    assert!(splits.iter().all(|split| split.separated == [[3, 4, 5]]));
}

#[test]
fn parties_that_fit_exactly_are_found() {
    assert!(ask(&[5, 4, 3, 3, 3], &[9, 9], Parties::Together).is_ok());
    // Largest first into the emptiest team is wrong here, and taken back: 6+3+3 and 4+4+4.
    assert!(ask(&[6, 4, 4, 4, 3, 3], &[12, 12], Parties::Together).is_ok());
    assert!(ask(&[6, 4, 4, 4, 3, 3, 6, 4, 4, 4, 3, 3], &[12, 12, 12, 12], Parties::Together).is_ok());
}

/// A riddle, which costs no more than the steps that are given it.
#[test]
fn a_riddle_is_given_up() {
    let sizes: Vec<_> = (0..64).map(|index| [5, 7, 8][index % 3]).chain([1; 42]).collect();
    let seats = sizes.iter().sum::<usize>();
    let teams = vec![seats / 23; 22].into_iter().chain([seats - seats / 23 * 22]).collect::<Vec<_>>();
    assert!(ask(&sizes, &teams, Parties::TogetherIfPossible).is_ok());
}
