//! Lists of words: those no player may be called, and those guests are called by.

use std::sync::LazyLock;

use super::Name;

/// May stand nowhere in a name: who is staff is shown beside the name, never in it.
const ANYWHERE: [&str; 4] = ["admin", "moderator", "gamemaster", "moothall"];

/// Words that have one of those in them, and mean something else.
const INNOCENT: [&str; 2] = ["badmint", "administer"];

/// May be no word of a name. Longer words have them in them without meaning them, such as Flagstaff.
const WORDS: [&str; 3] = ["staff", "sysop", "webmaster"];

/// May not be the whole name: the server's own, and what would read as something else in a list or a mention.
const WHOLES: [&str; 24] = [
    "all",
    "anonymous",
    "bot",
    "channel",
    "deleted",
    "deleted user",
    "everybody",
    "everyone",
    "guest",
    "here",
    "host",
    "me",
    "mod",
    "nobody",
    "null",
    "official",
    "operator",
    "owner",
    "root",
    "server",
    "support",
    "system",
    "undefined",
    "unknown",
];

/// Those of [`ANYWHERE`] that are looked for across spaces too: too long to come about by accident, as in Bad Minion.
const LONG: usize = 8;

/// What no player may be called.
#[derive(Clone, Debug)]
pub struct Reserved {
    anywhere: Vec<String>,
    innocent: Vec<String>,
    words: Vec<String>,
    wholes: Vec<String>,
}

impl Reserved {
    /// The words of this file, and the site's own, which may be no word of a name and not the whole of it.
    pub fn new(of_site: &[String]) -> Self {
        let blunted = |words: &[&str]| words.iter().map(|word| blunt(word)).collect();
        let of_site = of_site.iter().flat_map(|name| one_or_several(name)).filter(|name| !name.is_empty());
        Self {
            anywhere: blunted(&ANYWHERE),
            innocent: blunted(&INNOCENT),
            words: WORDS.into_iter().flat_map(one_or_several).chain(of_site).collect(),
            wholes: WHOLES.into_iter().flat_map(one_or_several).collect(),
        }
    }

    /// The words of this file alone.
    pub fn ours() -> &'static Self {
        static OURS: LazyLock<Reserved> = LazyLock::new(|| Reserved::new(&[]));
        &OURS
    }

    /// Whether a name is reserved, or could be read as one that is.
    pub fn has(&self, name: &Name) -> bool {
        let is_whole = [&name.key, &name.skeleton].into_iter().any(|form| {
            let whole = blunt(form);
            let is_long = |word: &String| word.len() >= LONG && whole.contains(word.as_str());
            [&self.wholes, &self.words, &self.anywhere].iter().any(|reserved| reserved.contains(&whole))
                || self.anywhere.iter().any(is_long)
        });
        is_whole || words(&name.display).iter().any(|word| self.has_word(word))
    }

    fn has_word(&self, word: &str) -> bool {
        // A digit in front may stand for a letter or for itself.
        [word, word.trim_start_matches(|c: char| c.is_ascii_digit())].into_iter().any(|word| {
            let word = blunt(word);
            let rest = self.innocent.iter().fold(word.clone(), |rest, innocent| rest.replace(innocent, " "));
            self.words.contains(&word) || self.anywhere.iter().any(|reserved| rest.contains(reserved))
        })
    }
}

/// A reserved word and its plural. Of two letters, the plural would be a word of its own.
fn one_or_several(word: &str) -> impl Iterator<Item = String> + use<> {
    let plural = (word.chars().count() > 2).then(|| blunt(&format!("{word}s")));
    std::iter::once(blunt(word)).chain(plural)
}

/// The words of a name: what signs part, and what a change of case parts, as in `xXStaffXx` and `STAFFbob`.
fn words(display: &str) -> Vec<String> {
    let mut words = Vec::new();
    for part in display.split(|c: char| !c.is_alphanumeric()) {
        let letters: Vec<char> = part.chars().collect();
        // An upper-case letter before a lower-case one begins a word, or ends one that is all upper-case.
        for ends_upper in [false, true] {
            let mut word = String::new();
            for (index, letter) in letters.iter().enumerate() {
                let last = index.checked_sub(1).and_then(|index| letters.get(index));
                let next = letters.get(index + 1);
                let begins = match last {
                    None => false,
                    Some(last) if letter.is_uppercase() => {
                        last.is_lowercase() || !ends_upper && next.is_some_and(|next| next.is_lowercase())
                    }
                    Some(last) => ends_upper && last.is_uppercase() && word.chars().count() > 1,
                };
                if begins {
                    words.push(std::mem::take(&mut word));
                }
                word.push(*letter);
            }
            words.push(word);
        }
    }
    words
}

/// What a word reads as to somebody in a hurry: only its letters, without a number after them, and with digits among them
/// as the letters they stand for. Far too blunt to tell players apart, and just right for the few words of this file.
fn blunt(word: &str) -> String {
    let letters: String = word.chars().filter(|c| c.is_alphanumeric()).collect();
    let looks = super::look(letters.trim_end_matches(|c: char| c.is_ascii_digit()));
    let letter = |character| match character {
        'l' | '1' => 'i',
        '0' => 'o',
        '3' => 'e',
        '4' => 'a',
        '5' => 's',
        '7' => 't',
        other => other,
    };
    looks.chars().map(letter).collect()
}

/// First words of guests' names.
pub(super) const ADJECTIVES: [&str; 64] = [
    "Able", "Amber", "Ample", "Azure", "Bold", "Brave", "Brisk", "Bronze", "Calm", "Clever", "Coral",
    "Cosmic", "Crisp", "Daring", "Dusty", "Eager", "Early", "Fair", "Festive", "Fleet", "Frosty", "Gentle",
    "Gilded", "Golden", "Grand", "Green", "Happy", "Hardy", "Hidden", "Humble", "Icy", "Indigo", "Ivory",
    "Jade", "Jolly", "Keen", "Kind", "Lively", "Lucky", "Lunar", "Mellow", "Merry", "Mighty", "Misty",
    "Nimble", "Noble", "Opal", "Patient", "Proud", "Quick", "Quiet", "Rapid", "Royal", "Ruby", "Rustic",
    "Silent", "Silver", "Solar", "Steady", "Sunny", "Swift", "Velvet", "Wild", "Wise",
];

/// Last words of guests' names.
pub(super) const ANIMALS: [&str; 64] = [
    "Badger", "Bat", "Bear", "Beaver", "Bee", "Bison", "Boar", "Camel", "Cat", "Cobra", "Condor", "Cougar",
    "Crab", "Crane", "Crow", "Deer", "Dingo", "Dolphin", "Dove", "Duck", "Eagle", "Elk", "Falcon", "Ferret",
    "Finch", "Fox", "Frog", "Gecko", "Goose", "Hare", "Hawk", "Heron", "Hippo", "Ibex", "Jackal", "Jaguar",
    "Koala", "Lark", "Lion", "Lizard", "Llama", "Lynx", "Magpie", "Mole", "Moose", "Newt", "Otter", "Owl",
    "Panda", "Puffin", "Puma", "Raven", "Robin", "Salmon", "Seal", "Shark", "Sloth", "Stork", "Swan",
    "Tiger", "Turtle", "Walrus", "Wolf", "Wombat",
];
