//! Names: what a user may be called, and when two names are too alike.
//!
//! Start at [`Name::parse`]. A name is shown as its owner wrote it, and compared in two ways: folded, so that `Ana` and
//! `ANA` are one name, and by the skeleton of what it looks like (UTS 39), so that `Nell` and `NeIl` are one name too. Who
//! holds a name holds both forms; see [`claim`]. Neither form alone would do: folding knows nothing of looks, and a skeleton
//! nothing of case, while their transitive closure would make `n` and `v` one letter by way of Greek.

mod reserved;
mod store;

use moothall_protocol::limits::{NAME_LENGTH_MAX, NAME_LENGTH_MIN, NAME_MARKS_MAX};
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;
use unicode_security::confusable_detection::skeleton;
use unicode_security::restriction_level::{RestrictionLevel, RestrictionLevelDetection as _};

pub(crate) use store::{STATEMENTS, claim, is_free, release, sweep};

pub use reserved::Reserved;

use crate::Random;
use crate::cx::Cx;
use crate::error::Error;

/// A name that a user may have. Holding one proves that the rules were checked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    /// As it is shown: NFC, no space around it, single spaces in it.
    pub display: String,
    /// Folded: for looking up, searching and sorting. No two users share one.
    pub key: String,
    /// What it looks like, folded. No two users share one of these either.
    pub skeleton: String,
}

/// What may stand between letters and digits.
const PUNCTUATION: [char; 4] = ['_', '-', '.', '\''];

impl Name {
    /// Reads a name that somebody asks for.
    ///
    /// Letters and digits of one script (or of Latin beside Chinese, Japanese or Korean), spaces and `_ - . '`. What could
    /// be taken for staff or for the server itself is reserved.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::beside(text, Reserved::ours())
    }

    /// Reads a name that somebody asks for on this site, which may reserve more: see `accounts.reserved_names`.
    pub fn chosen(cx: &Cx, text: &str) -> Result<Self, Error> {
        let name = Self::beside(text, &cx.hall().accounts().reserved.load())?;
        if cx.hall().words().allows(&name.display) {
            Ok(name)
        } else {
            Err(refused("blocked", "this name has a word in it that this site does not allow"))
        }
    }

    fn beside(text: &str, reserved: &Reserved) -> Result<Self, Error> {
        // Composing shrinks a text, but not fourfold; longer ones are not worth the work.
        if text.chars().nth(NAME_LENGTH_MAX * 4).is_some() {
            return Err(too_long());
        }
        let display = tidy(text);
        let length = display.chars().count();
        if length < NAME_LENGTH_MIN {
            let message = format!("a name has at least {NAME_LENGTH_MIN} characters");
            return Err(Error::least("/name", "too_short", message, NAME_LENGTH_MIN));
        }
        if length > NAME_LENGTH_MAX {
            return Err(too_long());
        }
        check_characters(&display)?;
        let name = Self { key: fold(&display), skeleton: look(&display), display };
        if reserved.has(&name) {
            return Err(refused("invalid", "this name is reserved"));
        }
        Ok(name)
    }

    /// The form of a name to look up, whether or not it is one that may be taken.
    pub fn key_of(text: &str) -> String {
        fold(&tidy(text))
    }

    /// A name for a guest: two words, and from the second attempt on a number, since the two words may be taken.
    pub fn of_guest(random: &dyn Random, attempt: u32) -> Self {
        let word = |words: &[&'static str]| {
            let index = usize::try_from(random.below(words.len() as u64)).unwrap_or(0);
            words.get(index).copied().unwrap_or("Lone")
        };
        let words = format!("{} {}", word(&reserved::ADJECTIVES), word(&reserved::ANIMALS));
        let display = match attempt {
            0 => words,
            // Each attempt asks for more digits, up to those that keep the name short enough.
            _ => format!("{words} {}", random.below(10_u64.pow(attempt.min(3) + 1))),
        };
        Self { key: fold(&display), skeleton: look(&display), display }
    }
}

fn tidy(text: &str) -> String {
    let words: Vec<&str> = text.trim().split(' ').filter(|word| !word.is_empty()).collect();
    words.join(" ").nfc().collect()
}

/// Case-folded, so that every letter equals its other cases: `ß`, `ẞ` and `ss`, `ς` and `σ`, `ı` and `i` too.
pub(crate) fn fold(text: &str) -> String {
    if text.is_ascii() {
        // Composed already, and of two cases only.
        return text.to_ascii_lowercase();
    }
    let lower = text.nfkc().flat_map(char::to_lowercase);
    lower.flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfkc().collect()
}

/// What the name looks like. Folding in between joins names that look like two cases of one.
pub(crate) fn look(text: &str) -> String {
    let seen: String = skeleton(text).collect();
    skeleton(&fold(&seen)).collect()
}

fn check_characters(display: &str) -> Result<(), Error> {
    let allowed =
        |c: char| c.is_alphanumeric() || is_combining_mark(c) || c == ' ' || PUNCTUATION.contains(&c);
    if !display.chars().all(allowed) {
        return Err(refused("invalid", "a name has letters, digits, spaces and _ - . '"));
    }
    check_marks(display)?;
    if !display.chars().any(char::is_alphanumeric) {
        return Err(refused("invalid", "a name needs a letter or a digit"));
    }
    let letters: String = display.chars().filter(|c| *c != ' ' && !PUNCTUATION.contains(c)).collect();
    if letters.check_restriction_level(RestrictionLevel::HighlyRestrictive) {
        Ok(())
    } else {
        Err(refused("invalid", "a name has common letters, and those of one script only"))
    }
}

/// Decomposed, so that a mark counts whether or not it has a letter to melt into.
fn check_marks(display: &str) -> Result<(), Error> {
    let mut marks = 0;
    let mut last = ' ';
    for character in display.nfd() {
        if is_combining_mark(character) {
            marks += 1;
            let follows_letter = last.is_alphanumeric() || is_combining_mark(last);
            if marks > NAME_MARKS_MAX || !follows_letter || last == character {
                return Err(refused("invalid", "a name cannot have so many marks on one letter"));
            }
        } else {
            marks = 0;
        }
        last = character;
    }
    Ok(())
}

fn too_long() -> Error {
    let message = format!("a name has at most {NAME_LENGTH_MAX} characters");
    Error::most("/name", "too_long", message, NAME_LENGTH_MAX)
}

fn refused(code: &str, message: impl Into<String>) -> Error {
    Error::field("/name", code, message)
}

#[cfg(test)]
mod tests;
