//! The way of a text that others will see, of whatever context: cleaned, checked for length, compared with the operator's word list.
//!
//! Start at [`WordFilter::check`]. Cleaning keeps what a reader sees and removes what only disturbs: characters that cannot be
//! seen or that turn the direction of the text, towers of marks, walls of empty lines. Words are compared by their skeleton, so that
//! `ѕhіt` in Cyrillic letters, `s.h.i.t` and `$h1t` are the word they look like; whole words only, so that Scunthorpe stays.

mod words;

use moothall_protocol::limits::{MESSAGE_LENGTH_MAX, MESSAGE_LINE_ENDS_MAX, MESSAGE_MARKS_MAX};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

pub(crate) use words::WordFilter;

/// One entry of the operator's word list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilteredWord {
    /// The word, or several with spaces between. With a `*` at its end every word that begins so is meant.
    #[schemars(length(min = 1, max = 64))]
    pub word: String,
    /// What becomes of a text that has it.
    pub verdict: WordVerdict,
}

/// What becomes of a text with a listed word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WordVerdict {
    /// The word is replaced by asterisks.
    Mask,
    /// The text is refused.
    Block,
}

/// The text has a word that blocks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Blocked;

/// The text of a message, clean and within its bound; it may be empty. Cleaning what is clean changes nothing.
pub(crate) fn message(text: &str) -> Result<String, crate::Error> {
    let text = clean(text);
    if text.chars().count() > MESSAGE_LENGTH_MAX {
        let message = format!("a message has at most {MESSAGE_LENGTH_MAX} characters");
        return Err(crate::Error::most("/text", "too_long", message, MESSAGE_LENGTH_MAX));
    }
    Ok(text)
}

/// The same text without what disturbs, composed (NFC), on as many lines as it needs.
pub(crate) fn clean(text: &str) -> String {
    // Most texts are of letters that hide nothing, and none of them joins another.
    let is_plain = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if is_plain { text.trim().to_owned() } else { cleaned(text) }
}

fn cleaned(text: &str) -> String {
    let lines = text.replace("\r\n", "\n");
    let seen: String = lines.chars().filter_map(seen).collect();
    let joined = unjoined(&seen.nfc().collect::<String>());
    limited(&joined).trim().to_owned()
}

/// The same on one line, with single spaces.
pub(crate) fn one_line(text: &str) -> String {
    let text = clean(text);
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").nfc().collect()
}

/// What a reader sees of a character: itself, a space or an end of line instead, or nothing.
fn seen(character: char) -> Option<char> {
    match character {
        '\n' | '\r' | '\u{0085}' | '\u{2028}' | '\u{2029}' => Some('\n'),
        '\t' | '\u{00a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => Some(' '),
        _ if character.is_control() || is_unseen(character) => None,
        _ => Some(character),
    }
}

/// Characters that show nothing or turn the direction of what follows, except for the two joiners: see [`unjoined`].
fn is_unseen(character: char) -> bool {
    matches!(character,
        '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether this joins two characters (or keeps them apart), as emoji, Persian and Indic scripts need.
fn is_joiner(character: char) -> bool {
    matches!(character, '\u{200c}' | '\u{200d}')
}

/// Without joiners that join nothing: they count only between two characters that can be seen.
fn unjoined(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    let mut last = ' ';
    while let Some(character) = characters.next() {
        let joins = characters.peek().is_some_and(|next| !next.is_whitespace() && !is_joiner(*next));
        if is_joiner(character) && (last.is_whitespace() || is_joiner(last) || !joins) {
            continue;
        }
        out.push(character);
        last = character;
    }
    out
}

/// Without marks and ends of lines that are too many in a row.
fn limited(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut marks, mut ends) = (0, 0);
    for character in text.chars() {
        marks = if is_combining_mark(character) { marks + 1 } else { 0 };
        // Spaces between ends of lines make no less of a wall.
        ends = match character {
            '\n' => ends + 1,
            _ if character.is_whitespace() => ends,
            _ => 0,
        };
        if marks <= MESSAGE_MARKS_MAX && (character != '\n' || ends <= MESSAGE_LINE_ENDS_MAX) {
            out.push(character);
        }
    }
    out
}

#[cfg(test)]
mod tests;
