//! The operator's word list, ready to be compared with texts.

use std::collections::HashMap;
use std::ops::{Range, RangeInclusive};
use std::slice;

use moothall_protocol::limits::FILTER_WORDS_MAX;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use super::{Blocked, FilteredWord, WordVerdict, is_joiner};
use crate::OpenError;
use crate::accounts::names::look;

/// Signs that stand for letters.
const SIGNS: [char; 4] = ['@', '$', '!', '|'];
/// What an apostrophe takes off in English: `he'll` is two words, and not the one it would be without.
const CONTRACTED: [&str; 6] = ["ll", "s", "d", "re", "m", "ve"];
/// Pieces of a word that one sign each breaks up.
const PIECES_MAX: usize = 4;
/// Letters of a word spelled out.
const SPELLED_MAX: usize = 16;

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

    /// Whether nothing of the text is listed: for names, since one with asterisks in it would be nobody's.
    pub fn allows(&self, text: &str) -> bool {
        self.check(text.to_owned()).is_ok_and(|checked| checked == text)
    }

    /// The text with its listed words masked, or [`Blocked`].
    pub fn check(&self, text: String) -> Result<String, Blocked> {
        if self.phrases.is_empty() && self.beginnings.is_empty() {
            return Ok(text);
        }
        let words = words(&text);
        let hidden: Vec<Word> = spelled_out(&words).into_iter().chain(broken(&text, &words)).collect();
        let places = (0..words.len()).filter_map(|start| words.get(start..));
        let mut masked = Vec::new();
        for place in places.chain(hidden.iter().map(slice::from_ref)) {
            for (place, verdict) in self.found(place) {
                match verdict {
                    WordVerdict::Block => return Err(Blocked),
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

/// What a word looks like, with figures and signs read as the letters they most often stand for.
fn skeleton(word: &str) -> String {
    skeleton_by(word, |character| match character {
        '0' => 'o',
        '1' | '!' | '|' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '6' | '9' => 'g',
        '7' => 't',
        '8' => 'b',
        other => other,
    })
}

/// The same, with those that stand for two letters read as the other one.
fn other_skeleton(word: &str) -> String {
    let swapped: String = word
        .chars()
        .map(|character| match character {
            '1' | '|' => 'l',
            '6' => 'b',
            other => other,
        })
        .collect();
    skeleton(&swapped)
}

fn skeleton_by(word: &str, letter: impl Fn(char) -> char) -> String {
    // Superscripts, letters in circles and the like become plain ones; those without a plain form are lettered by hand.
    let plain: String = word.nfkc().map(plain).collect();
    let letters: String = plain
        .nfkd()
        .filter(|character| !is_combining_mark(*character) && !is_joiner(*character))
        .map(letter)
        .collect();
    // Lower case first: as a skeleton a capital I is an l.
    look(&letters.to_lowercase()).chars().filter(|character| character.is_alphanumeric()).collect()
}

/// The letter in a square or a circle, and the one of a flag.
fn plain(character: char) -> char {
    let first = match character {
        '\u{1f130}'..='\u{1f149}' => 0x1f130,
        '\u{1f150}'..='\u{1f169}' => 0x1f150,
        '\u{1f170}'..='\u{1f189}' => 0x1f170,
        '\u{1f1e6}'..='\u{1f1ff}' => 0x1f1e6,
        _ => return character,
    };
    u32::from('a').checked_add(u32::from(character) - first).and_then(char::from_u32).unwrap_or(character)
}

/// Whether a character can be part of a word: letters, digits, marks, and signs that stand for letters.
fn is_of_word(character: char) -> bool {
    character.is_alphanumeric()
        || is_combining_mark(character)
        || is_joiner(character)
        || SIGNS.contains(&character)
        || plain(character) != character
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
    let bare = word.trim_matches(SIGNS.as_slice());
    lengths_of([skeleton(word), skeleton(bare), other_skeleton(word), other_skeleton(bare)])
}

/// Skeletons as they are, and with letters that were drawn out made short again.
fn lengths_of(skeletons: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut readings = Vec::with_capacity(2);
    for plain in skeletons {
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

/// Words spelled out letter by letter, such as `b a d` and `b.a.d`, wherever they begin and end among other letters.
fn spelled_out(words: &[Word]) -> Vec<Word> {
    let is_letter = |word: &Word| word.readings.first().is_some_and(|reading| reading.chars().count() == 1);
    let runs = words.chunk_by(|a, b| is_letter(a) && is_letter(b) && b.place.start - a.place.end <= 3);
    runs.flat_map(|run| parts(run, 3..=SPELLED_MAX)).filter_map(joined).collect()
}

/// Words broken up by a single sign, such as `ba'dword`, and `a|b` both as one word and as two.
fn broken(text: &str, words: &[Word]) -> Vec<Word> {
    let mut halves = Vec::new();
    for word in
        words.iter().filter(|word| text.get(word.place.clone()).is_some_and(|text| text.contains('|')))
    {
        let Some(whole) = text.get(word.place.clone()) else { continue };
        let mut start = word.place.start;
        for half in whole.split('|') {
            halves.push(Word { place: start..start + half.len(), readings: readings(half) });
            start += half.len() + 1;
        }
    }
    let is_broken = |a: &Word, b: &Word| {
        let between = text.get(a.place.end..b.place.start).unwrap_or_default();
        let after = text.get(b.place.clone()).unwrap_or_default().to_lowercase();
        let is_contracted = matches!(between, "'" | "\u{2019}") && CONTRACTED.contains(&after.as_str());
        let mut signs = between.chars();
        matches!((signs.next(), signs.next()), (Some(sign), None) if sign == '\n' || !sign.is_whitespace())
            && !is_contracted
    };
    let runs = words.chunk_by(is_broken);
    let joined = runs.flat_map(|run| parts(run, 2..=PIECES_MAX)).filter_map(joined);
    joined.chain(halves).collect()
}

/// Every part of a run that has so many words.
fn parts(run: &[Word], lengths: RangeInclusive<usize>) -> impl Iterator<Item = &[Word]> {
    lengths.flat_map(move |length| run.windows(length))
}

/// The word that these are without what stands between them.
fn joined(pieces: &[Word]) -> Option<Word> {
    let (first, last) = (pieces.first()?, pieces.last()?);
    let whole: String = pieces.iter().filter_map(|word| word.readings.first()).map(String::as_str).collect();
    Some(Word { place: first.place.start..last.place.end, readings: lengths_of([whole]) })
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
