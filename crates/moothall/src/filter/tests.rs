use proptest::prelude::*;

use super::*;

fn filter(list: &[(&str, WordVerdict)]) -> WordFilter {
    let list: Vec<_> =
        list.iter().map(|(word, verdict)| FilteredWord { word: (*word).into(), verdict: *verdict }).collect();
    WordFilter::new(&list).unwrap()
}

#[test]
fn what_cannot_be_seen_is_removed_and_what_can_stays() {
    for (sent, shown) in [
        ("  good game \t", "good game"),
        ("a\u{200b}b\u{feff}c\u{00ad}d", "abcd"),
        ("pay\u{202e}lap\u{202c}", "paylap"),
        ("\u{2066}x\u{2069}\u{200f}", "x"),
        ("bell\u{7}\0 end", "bell end"),
        ("one\r\ntwo\rthree\u{2028}four", "one\ntwo\nthree\nfour"),
        ("a\n\n\n \n\t\nb", "a\n\n  b"),
        ("e\u{301}", "é"),
        ("e\u{200b}\u{301}", "é"),
        ("\u{3164}\u{2800}\u{200d}", ""),
        ("👩\u{200d}🚀", "👩\u{200d}🚀"),
        ("می\u{200c}خواهم", "می\u{200c}خواهم"),
        ("a\u{200d}\u{200d} b", "a b"),
    ] {
        assert_eq!(clean(sent), shown, "{sent:?}");
    }
    let tower = format!("z{}", "\u{0353}".repeat(200));
    assert_eq!(clean(&tower).chars().count(), 1 + MESSAGE_MARKS_MAX);
    let wall = "\n".repeat(MESSAGE_LINE_ENDS_MAX);
    assert_eq!(clean(&format!("a{wall}\n\nb")), format!("a{wall}b"));
}

#[test]
fn a_message_has_its_longest_length_and_no_more() {
    assert!(message(&"é".repeat(MESSAGE_LENGTH_MAX)).is_ok());
    assert!(message(&"e\u{301}".repeat(MESSAGE_LENGTH_MAX)).is_ok());
    let error = message(&"x".repeat(MESSAGE_LENGTH_MAX + 1)).unwrap_err();
    assert_eq!(crate::Fault::code(&error), "invalid");
    assert_eq!(message(" \n ").unwrap(), "");
}

#[test]
fn listed_words_are_masked_or_block_whatever_their_dress() {
    let filter = filter(&[
        ("darn", WordVerdict::Mask),
        ("shit", WordVerdict::Block),
        ("go away now", WordVerdict::Mask),
        ("frak*", WordVerdict::Mask),
        ("ass", WordVerdict::Block),
        ("bad", WordVerdict::Block),
        ("grim", WordVerdict::Block),
        ("hell", WordVerdict::Block),
    ]);
    let masked = |text: &str| filter.check(text.to_owned()).ok();
    assert_eq!(masked("that darn cat").as_deref(), Some("that **** cat"));
    // A sign that can stand for a letter belongs to the word.
    assert_eq!(masked("DARN! Darn.").as_deref(), Some("***** ****."));
    assert_eq!(masked("go  AWAY, now please").as_deref(), Some("**  ***** *** please"));
    assert_eq!(masked("frakking frak").as_deref(), Some("******** ****"));
    for dress in [
        "shit",
        "SHIT!!",
        "$hit",
        "sh1t",
        "ѕhіt",
        "s.h.i.t",
        "s h i t",
        "shiiiiit",
        "s\u{200d}hit",
        "ｓｈｉｔ",
        "asssss",
        "ˢʰⁱᵗ",
        "ⓢⓗⓘⓣ",
        "\u{1f1f8}\u{1f1ed}\u{1f1ee}\u{1f1f9}",
        "\u{1f182}\u{1f177}\u{1f178}\u{1f183}",
        "\u{1f142}\u{1f137}\u{1f138}\u{1f143}",
        "sh|t",
        "sh'it",
        "oh sh-it then",
        "s\nh\ni\nt",
        "sh\nit",
        "I s h i t",
        "good|shit",
        "big.8ad",
        "6ad",
        "9rim",
    ] {
        assert_eq!(masked(dress), None, "{dress}");
    }
    for innocent in [
        "Scunthorpe classes assess",
        "Penistone, Lightwater, Clitheroe",
        "as you wish",
        "shift",
        "the Darned",
        "go home now",
        "a s",
        "he'll assist",
        "he\u{2019}ll, she'll, we'd",
        "mass-hit, ba dword",
        "8 of 9, at 16:19",
        "this|that",
        "A S of B A",
        "first line\nsecond line",
    ] {
        assert_eq!(masked(innocent).as_deref(), Some(innocent));
    }
}

#[test]
fn a_word_list_that_makes_no_sense_is_refused_at_the_start() {
    for word in ["", " ", "*", "...", "two words*"] {
        let list = [FilteredWord { word: word.into(), verdict: WordVerdict::Block }];
        assert!(WordFilter::new(&list).is_err(), "{word:?}");
    }
    let entry = FilteredWord { word: "word".into(), verdict: WordVerdict::Mask };
    assert!(WordFilter::new(&vec![entry.clone(); FILTER_WORDS_MAX_FOR_TEST]).is_ok());
    assert!(WordFilter::new(&vec![entry; FILTER_WORDS_MAX_FOR_TEST + 1]).is_err());
}

const FILTER_WORDS_MAX_FOR_TEST: usize = moothall_protocol::limits::FILTER_WORDS_MAX;

proptest! {
    #[test]
    fn cleaning_what_is_clean_changes_nothing(text in "\\PC*|(?s).*|[a\u{200d}\u{301}\u{316}\n \u{1100}\u{1161}\u{200b}]*") {
        let once = clean(&text);
        prop_assert_eq!(&clean(&once), &once);
        let line = one_line(&text);
        prop_assert_eq!(&one_line(&line), &line);
        prop_assert!(!once.chars().any(|character| is_unseen(character) || (character.is_control() && character != '\n')));
    }

    #[test]
    fn a_plain_text_is_cleaned_as_every_other(text in "[ -~]*|[ a]*") {
        prop_assert_eq!(clean(&text), cleaned(&text));
    }

    #[test]
    fn masking_keeps_the_length_and_the_rest(before in "[a-z ]{0,20}", after in "[a-z ]{0,20}") {
        let filter = filter(&[("zounds", WordVerdict::Mask)]);
        let text = format!("{before} zounds {after}");
        prop_assert_eq!(filter.check(text).unwrap(), format!("{} ****** {}", before, after));
    }
}
