//! Lists of words: those no player may be called, and those guests are called by.

use std::sync::LazyLock;

use super::Name;

/// May stand nowhere in a name: who is staff is shown beside the name, never in it.
const STAFF: [&str; 7] =
    ["admin", "administrator", "moderator", "moothall", "staff", "gamemaster", "sysadmin"];

/// May not be the whole name: the server's own, and what would read as something else in a list or a mention.
const RESERVED: [&str; 24] = [
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

/// Whether a name is reserved, or could be read as one that is.
pub(super) fn is_reserved(name: &Name) -> bool {
    static WORDS: LazyLock<[Vec<String>; 2]> =
        LazyLock::new(|| [STAFF.map(blunt).into(), RESERVED.map(blunt).into()]);
    let [staff, reserved] = &*WORDS;
    [&name.key, &name.skeleton].into_iter().any(|form| {
        let whole = blunt(form);
        let mut words = form.split(|c: char| !c.is_alphanumeric());
        staff.contains(&whole) || reserved.contains(&whole) || words.any(|word| staff.contains(&blunt(word)))
    })
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
