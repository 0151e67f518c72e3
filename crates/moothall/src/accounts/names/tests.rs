use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::SeededRandom;

fn name(text: &str) -> Name {
    Name::parse(text).unwrap_or_else(|error| panic!("{text:?}: {error:?}"))
}

fn collide(one: &str, two: &str) -> bool {
    let (one, two) = (name(one), name(two));
    [&one.key, &one.skeleton].into_iter().any(|form| [&two.key, &two.skeleton].contains(&form))
}

#[test]
fn names_of_many_scripts_are_taken_as_they_are_written() {
    for text in [
        "Ana",
        "bob_42",
        "O'Neil-Smith",
        "Jean Luc",
        "Вова",
        "Ελένη",
        "たなか",
        "李小龙",
        "민수Kim",
        "ณัฐ",
        "Zoë",
        "नमस्ते",
    ] {
        assert_eq!(name(text).display, text);
    }
    assert_eq!(name("  Two   Words ").display, "Two Words");
    assert_eq!(name("Zoe\u{308}").display, "Zoë", "composed");
}

#[test]
fn names_that_hide_something_are_refused() {
    let cases = [
        "",
        "a",
        "   ",
        "..",
        "a\u{200b}b",
        "ab\u{202e}cd",
        "a\u{0}b",
        "a\tb",
        "a\u{a0}b",
        "a\u{feff}b",
        "a\u{ad}b",
        "a\u{3164}b",
        "a\u{2800}b",
        "a\u{e0041}b",
        "a@b",
        "<b>x</b>",
        "Аna", /* Cyrillic A */
        "pаypal",
        "αbc",
        "a\u{301}\u{302}\u{303}\u{304}",
        "\u{301}ab",
        "a\u{301}\u{301}",
        "ｗｉｄｅ",
        "𝓕𝓪𝓷𝓬𝔂",
        "a\nb",
        "xn--💩",
        "twenty-one characters",
    ];
    for text in cases {
        let refused = Name::parse(text);
        assert!(refused.is_err(), "{text:?} was taken as {refused:?}");
    }
    assert!(Name::parse(&"x".repeat(1_000_000)).is_err());
    let with_marks =
        |count| ["Vi", "\u{323}\u{302}\u{301}\u{304}"].concat().chars().take(2 + count).collect::<String>();
    assert!(Name::parse(&with_marks(NAME_MARKS_MAX)).is_ok());
    assert!(Name::parse(&with_marks(NAME_MARKS_MAX + 1)).is_err());
    assert_eq!(name(&"x".repeat(NAME_LENGTH_MAX)).display.len(), NAME_LENGTH_MAX);
    assert_eq!(name(&"x".repeat(NAME_LENGTH_MIN)).display.len(), NAME_LENGTH_MIN);
}

#[test]
fn names_that_look_alike_or_differ_in_case_are_one_name() {
    for (one, two) in [
        ("Ana", "aNA"),
        ("Nell", "NeIl"),
        ("Bill", "BiII"),
        ("modern", "rnodern"),
        ("MODERN", "rnodern"),
        ("Вова", "ВОВА"),
        ("СССР", "CCCP"),
        ("раура", "paypa"),
        ("bob0", "bobO"),
        ("Straße", "STRASSE"),
        ("Οδυσσεύς", "ΟΔΥΣΣΕΎΣ"),
    ] {
        assert!(collide(one, two), "{one} and {two}: {:?} {:?}", name(one), name(two));
    }
    for (one, two) in [("Neil", "Nell"), ("Ivan", "Inan"), ("Ana", "Anna"), ("bob", "bob2")] {
        assert!(!collide(one, two), "{one} and {two}");
    }
}

#[test]
fn words_of_staff_and_of_the_server_are_reserved() {
    for text in [
        "admin",
        "Admin",
        "ADMlN",
        "adm1n",
        "a_d_m_i_n",
        "admin1",
        "Admin Bob",
        "the.moderator",
        "System",
        "5ystem",
        "Moothall",
        "m00thall",
        "Мооthаll",
        "mе",
        "rnoderator",
        "deleted user",
        "Deleted_User",
        "ѕтаff",
        "root",
        "xXadminXx",
        "xXStaffXx",
        "STAFFbob",
        "TheADMINofThis",
        "headadmin",
        "4dmins",
        "1337admin42",
        "moderators",
        "Game Master Bob",
        "Supermoderator",
        "mods",
        "staffs",
    ] {
        assert!(Name::parse(text).is_err(), "{text}");
    }
}

#[test]
fn innocent_names_are_not_reserved() {
    for text in [
        "administer",
        "Badmint",
        "Badminton Ace",
        "Bad Minion",
        "BadMinion",
        "Mad Mina",
        "systematic",
        "Rootbeer",
        "Ally",
        "modest",
        "Modern",
        "Nomad",
        "Flagstaff",
        "Staffan",
        "Falstaff",
        "Stafford",
        "Hostile",
        "Botanist",
        "Guesthouse",
        "Supporter",
        "Melody",
        "Ownership",
        "Serverin",
        "Nullify",
        "Mes",
        "Alls Well",
        "Mastermind",
        "Here I Am",
        "McAdam",
        "xXMinerXx",
        "DeAnna",
        "LeBron23",
        "Everyone Lies",
        "Official Biff",
    ] {
        name(text);
    }
}

#[test]
fn a_site_reserves_words_of_its_own() {
    let reserved = Reserved::new(&["Valkyrie Games".to_owned(), "valk".to_owned(), "!?".to_owned()]);
    for text in ["Valk", "va1k", "valks", "The Valk", "xXValkXx", "valkyriegames", "Valkyrie_Games"] {
        assert!(reserved.has(&name(text)), "{text}");
    }
    for text in ["Valkyrie", "Valkor", "Games"] {
        assert!(!reserved.has(&name(text)), "{text}");
    }
}

#[test]
fn every_guest_name_is_a_name_and_two_rarely_meet() {
    let random = SeededRandom::from_seed(7);
    let mut seen = HashSet::new();
    for attempt in 0..600 {
        let guest = Name::of_guest(&*random, attempt % 5);
        assert_eq!(name(&guest.display), guest);
        seen.insert(guest.key);
    }
    assert!(seen.len() > 500, "{}", seen.len());
    for first in reserved::ADJECTIVES {
        for second in reserved::ANIMALS {
            let longest = format!("{first} {second} 9999");
            assert!(longest.len() <= NAME_LENGTH_MAX, "{longest}");
        }
    }
}

#[test]
fn every_letter_equals_its_other_cases_and_what_it_looks_like() {
    // Letters that have neither another case nor a double are equal to themselves already.
    let stands_alone = |c: char| c.to_lowercase().eq([c]) && c.to_uppercase().eq([c]);
    for character in ('\u{21}'..='\u{ffff}').filter(|c| c.is_alphabetic() && !stands_alone(*c)) {
        let one: String = [character, 'x'].iter().collect();
        let Ok(one) = Name::parse(&one) else { continue };
        let lower: String = one.display.to_lowercase();
        let upper: String = one.display.to_uppercase();
        for other in [lower, upper] {
            if let Ok(other) = Name::parse(&other) {
                assert!(one.key == other.key, "{one:?} {other:?}");
            }
        }
        let seen: String = skeleton(&one.display).collect();
        if let Ok(other) = Name::parse(&seen) {
            assert_eq!(one.skeleton, other.skeleton, "{one:?} {other:?}");
        }
    }
}

/// Texts near the border: letters that look alike, marks, spaces, and anything else.
fn texts() -> impl Strategy<Value = String> {
    let alike = proptest::char::ranges(
        vec!['a'..='z', 'A'..='Z', '0'..='9', 'а'..='я', 'А'..='Я', 'α'..='ω', '\u{300}'..='\u{30a}'].into(),
    );
    prop_oneof![
        proptest::collection::vec(alike, 0..24).prop_map(|chars| chars.into_iter().collect()),
        proptest::collection::vec(any::<char>(), 0..30).prop_map(|chars| chars.into_iter().collect()),
        "[ailI1|oO0rnmvwVW_. ']{0,22}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_breaks_the_reading_of_a_name(text in texts()) {
        if let Ok(name) = Name::parse(&text) {
            let again = Name::parse(&name.display);
            prop_assert_eq!(again.ok(), Some(name.clone()), "reading is idempotent");
            prop_assert_eq!(Name::key_of(&text), name.key);
            let length = name.display.chars().count();
            prop_assert!((NAME_LENGTH_MIN..=NAME_LENGTH_MAX).contains(&length));
            prop_assert!(!name.display.chars().any(|c| c.is_control() || c.is_whitespace() && c != ' '));
        }
    }

    #[test]
    fn two_names_of_equal_skeleton_are_one_name(one in texts(), two in texts()) {
        if let (Ok(one), Ok(two)) = (Name::parse(&one), Name::parse(&two)) {
            let seen = |name: &Name| skeleton(&name.display).collect::<String>();
            if seen(&one) == seen(&two) {
                prop_assert_eq!(&one.skeleton, &two.skeleton);
            }
            if one.display.to_lowercase() == two.display.to_lowercase() {
                prop_assert_eq!(&one.key, &two.key);
            }
        }
    }
}
