//! The operator's word list, ready to be compared with texts.

use std::collections::HashMap;
use std::ops::Range;

use moothall_protocol::limits::FILTER_WORDS_MAX;
use unicode_normalization::char::is_combining_mark;

use super::{FilteredWord, WordVerdict, is_joiner};
use crate::OpenError;
use crate::accounts::names::look;
use crate::communication::Error;

/// The word list, by the skeleton of the first word of each entry.
#[derive(Debug, Default)]
pub(crate) struct WordFilter {
    phrases: HashMap<String, Vec<Phrase>>,
    /// Skeletons of words listed with `*`, and the longest of them in bytes.
    beginnings: HashMap<String, WordVerdict>,
    longest: usize,
}

#[derive(Debug)]
struct Phrase {
    /// Skeletons of the words after the first.
    rest: Vec<String>,
    verdict: WordVerdict,
}

/// A word of a text: where it stands, and the skeletons it can be read as.
struct Word {
    place: Range<usize>,
    readings: Vec<String>,
}

impl WordFilter {
    /// Prepares a word list.
    pub fn new(list: &[FilteredWord]) -> Result<Self, OpenError> {
        let wrong = |message: String| OpenError::Setting { key: "communication.words", message };
        if list.len() > FILTER_WORDS_MAX {
            return Err(wrong(format!("at most {FILTER_WORDS_MAX} entries, not {}", list.len())));
        }
        let mut filter = Self::default();
        for FilteredWord { word, verdict } in list {
            let (text, is_beginning) = match word.strip_suffix('*') {
                Some(text) => (text, true),
                None => (word.as_str(), false),
            };
            let mut words = text.split_whitespace().map(skeleton);
            let first = words.next().filter(|first| !first.is_empty());
            let first = first.ok_or_else(|| wrong(format!("{word:?} has no word in it")))?;
            let rest: Vec<String> = words.collect();
            if !is_beginning {
                filter.phrases.entry(first).or_default().push(Phrase { rest, verdict: *verdict });
            } else if rest.is_empty() {
                filter.longest = filter.longest.max(first.len());
                filter.beginnings.insert(first, *verdict);
            } else {
                return Err(wrong(format!("{word:?}: `*` stands only after a single word")));
            }
        }
        Ok(filter)
    }

    /// The text with its listed words masked, or [`Error::Blocked`].
    pub fn check(&self, text: String) -> Result<String, Error> {
        if self.phrases.is_empty() && self.beginnings.is_empty() {
            return Ok(text);
        }
        let mut words = words(&text);
        words.extend(spelled_out(&words));
        let mut masked = Vec::new();
        for start in 0..words.len() {
            let Some(rest) = words.get(start..) else { continue };
            for (place, verdict) in self.found(rest) {
                match verdict {
                    WordVerdict::Block => return Err(Error::Blocked),
                    WordVerdict::Mask => masked.push(place),
                }
            }
        }
        Ok(if masked.is_empty() { text } else { mask(&text, &masked) })
    }

    /// Entries that begin at the first of these words.
    fn found(&self, words: &[Word]) -> Vec<(Range<usize>, WordVerdict)> {
        let mut found = Vec::new();
        let Some((first, rest)) = words.split_first() else { return found };
        for reading in &first.readings {
            for end in reading.char_indices().map(|(at, character)| at + character.len_utf8()) {
                if end > self.longest {
                    break;
                }
                let verdict = reading.get(..end).and_then(|beginning| self.beginnings.get(beginning));
                found.extend(verdict.map(|verdict| (first.place.clone(), *verdict)));
            }
            for phrase in self.phrases.get(reading).into_iter().flatten() {
                let follows = |(word, wanted): (&Word, &String)| word.readings.contains(wanted);
                let length = phrase.rest.len();
                if rest.len() >= length && rest.iter().zip(&phrase.rest).all(follows) {
                    let end = length.checked_sub(1).and_then(|last| rest.get(last)).unwrap_or(first);
                    found.push((first.place.start..end.place.end, phrase.verdict));
                }
            }
        }
        found
    }
}

/// What a word looks like, with figures and signs read as the letters they stand for.
fn skeleton(word: &str) -> String {
    let letters: String = word
        .chars()
        .filter(|character| !is_combining_mark(*character) && !is_joiner(*character))
        .map(|character| match character {
            '0' => 'o',
            '1' | '!' => 'i',
            '3' => 'e',
            '4' | '@' => 'a',
            '5' | '$' => 's',
            '7' => 't',
            other => other,
        })
        .collect();
    // Lower case first: as a skeleton a capital I is an l.
    look(&letters.to_lowercase()).chars().filter(|character| character.is_alphanumeric()).collect()
}

/// Whether a character can be part of a word: letters, digits, marks, and signs that stand for letters.
fn is_of_word(character: char) -> bool {
    character.is_alphanumeric()
        || is_combining_mark(character)
        || is_joiner(character)
        || "@$!".contains(character)
}

fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut start = None;
    let ends = text.char_indices().chain([(text.len(), ' ')]);
    for (at, character) in ends {
        match (start, is_of_word(character)) {
            (None, true) => start = Some(at),
            (Some(from), false) => {
                words.extend(
                    text.get(from..at).map(|word| Word { place: from..at, readings: readings(word) }),
                );
                start = None;
            }
            _ => {}
        }
    }
    words
}

/// The ways to read a word: as it stands, without signs around it, and with letters that were drawn out made short again.
fn readings(word: &str) -> Vec<String> {
    let bare = word.trim_matches(|character: char| "@$!".contains(character));
    let mut readings = Vec::with_capacity(2);
    for form in [word, bare] {
        let plain = skeleton(form);
        for most in [usize::MAX, 2, 1] {
            let reading = shortened(&plain, most);
            if !reading.is_empty() && !readings.contains(&reading) {
                readings.push(reading);
            }
        }
    }
    readings
}

/// With three and more of a letter in a row made `most`.
fn shortened(word: &str, most: usize) -> String {
    let letters: Vec<char> = word.chars().collect();
    let runs = letters.chunk_by(|a, b| a == b);
    runs.flat_map(|run| run.iter().take(if run.len() > 2 { most } else { run.len() })).collect()
}

/// Words spelled out letter by letter, such as `b a d` and `b.a.d`.
fn spelled_out(words: &[Word]) -> Vec<Word> {
    let is_letter = |word: &Word| word.readings.first().is_some_and(|reading| reading.chars().count() == 1);
    let runs = words.chunk_by(|a, b| is_letter(a) && is_letter(b) && b.place.start - a.place.end <= 3);
    runs.filter(|run| run.len() > 2)
        .filter_map(|run| {
            let (first, last) = (run.first()?, run.last()?);
            let spelled: String =
                run.iter().filter_map(|word| word.readings.first()).map(String::as_str).collect();
            Some(Word { place: first.place.start..last.place.end, readings: readings(&spelled) })
        })
        .collect()
}

/// With an asterisk for every character in these places, spaces excepted.
fn mask(text: &str, places: &[Range<usize>]) -> String {
    text.char_indices()
        .map(|(at, character)| {
            let is_masked = places.iter().any(|place| place.contains(&at));
            if is_masked && !character.is_whitespace() { '*' } else { character }
        })
        .collect()
}
