//! A bound that a client can meet stands in `limits.rs`, where it is shown and has its test. What else looks like a bound is listed
//! here, with the reason why no client meets it.

use std::collections::BTreeSet;

use crate::tree::{Source, sources};

/// The parts of the product that clients meet. `moothall-socket` knows nothing of the project, and is told its bounds.
const PARTS: [&str; 5] =
    ["moothall", "moothall-api", "moothall-protocol", "moothall-server", "moothall-store"];

/// Bounds of the inside, by file and name.
const INSIDE: &[(&str, &str, &str)] = &[
    (
        "moothall-api/src/admission.rs",
        "PACE_MIN",
        "what the pace is measured against; the wait is what clients meet",
    ),
    ("moothall-api/src/admission.rs", "RETRY_MIN", "spreads those who are told to come again"),
    ("moothall-api/src/socket/message.rs", "REASON_BYTES_MAX", "of the WebSocket protocol"),
    ("moothall-api/src/socket/transport.rs", "EVENTS_WAITING_MAX", "when events wait in the outbox instead"),
    ("moothall/src/broken.rs", "NAME_LENGTH_MAX", "what is repeated to a client of its own misspelling"),
    ("moothall/src/accounts/identities.rs", "ENTRIES_MAX", "a cache: what it does not hold is read again"),
    (
        "moothall/src/accounts/identities.rs",
        "SEEN_WAITING_MAX",
        "beyond it a stamp of when a session was seen is late",
    ),
    ("moothall/src/audit/chain.rs", "BREAKS_MAX", "places a command prints; the first one is what matters"),
    ("moothall/src/accounts/users.rs", "SUMMARIES_MAX", "a cache: what it does not hold is read again"),
    ("moothall/src/accounts/users.rs", "OWN_MAX", "a cache: what it does not hold is read again"),
    (
        "moothall/src/codes.rs",
        "USERS_MAX",
        "whose guesses are remembered: beyond it the oldest are forgotten",
    ),
    ("moothall/src/communication.rs", "PAIRS_MAX", "a cache: what it does not hold is read again"),
    ("moothall/src/communication.rs", "SEATS_MAX", "a cache: what it does not hold is read again"),
    ("moothall/src/communication/room/messages.rs", "CHANGED_MAX", "beyond it a command is tried again"),
    ("moothall/src/following.rs", "WAIT_MAX", "between two attempts"),
    ("moothall/src/filter/words.rs", "PIECES_MAX", "how the word list is read, not what may be written"),
    ("moothall/src/filter/words.rs", "SPELLED_MAX", "how the word list is read, not what may be written"),
    ("moothall/src/jobs.rs", "ATTEMPTS_MAX", "tries at a job, which only staff sees"),
    ("moothall/src/mail/outbox.rs", "ATTEMPTS_MAX", "how long a mail server may be away"),
    ("moothall/src/parties/party.rs", "GRACE_MIN", "the least of a setting"),
    ("moothall/src/rates.rs", "SCALE_MAX", "of a setting"),
    (
        "moothall/src/rates.rs",
        "BUCKETS_MAX",
        "beyond it unknown callers share a bucket, which is what they meet",
    ),
    ("moothall/src/relationships/circle.rs", "TIES_MAX", "a cache: what it does not hold is read again"),
    ("moothall/src/relationships.rs", "FRIENDS_MAX", "the most that a setting allows"),
    ("moothall/src/lobbies/blocks.rs", "SHARED_MIN", "from which on a setting counts; the setting says so"),
    ("moothall/src/restrictions.rs", "STANDINGS_MAX", "a cache: what it does not hold is read again"),
    (
        "moothall/src/moderation/reports.rs",
        "REWEIGHED_MAX",
        "undecided reports that a mark taken back weighs anew; older ones keep their weight",
    ),
    ("moothall/src/settings/live.rs", "OWN_MAX", "beyond it a session hears of a change twice"),
    ("moothall/src/settings/live.rs", "USERS_MAX", "a cache: what it does not hold is read again"),
    ("moothall/src/topics/frame.rs", "HEAD_BYTES_MAX", "the size of a head, not a bound of anything"),
    ("moothall-server/src/commands/serve.rs", "CLOSE_MIN", "how long an orderly end may take"),
    ("moothall-store/src/appender.rs", "ROWS_MAX", "rows of one write; more are several"),
    ("moothall-store/src/claim.rs", "WAIT_MAX", "how long a server that starts waits for the one before it"),
    (
        "moothall-store/src/migrate.rs",
        "LOCK_WAIT_MAX",
        "how long a server that starts waits for another's migration",
    ),
    ("moothall-store/src/postgres/session.rs", "PARAMS_MAX", "of PostgreSQL's protocol"),
    ("moothall-store/src/postgres/session.rs", "ROWS_MAX", "rows of one statement; more are several"),
    ("moothall-store/src/postgres/session.rs", "SILENCE_MAX", "when a lost database is noticed"),
    ("moothall-store/src/postgres/session.rs", "CONNECT_MAX", "when a lost database is noticed"),
    ("moothall-store/src/postgres/session.rs", "VERSION_MIN", "of the database"),
    ("moothall-store/src/postgres/worker.rs", "WAIT_MIN", "between two attempts"),
    ("moothall-store/src/postgres/worker.rs", "WAIT_MAX", "between two attempts"),
    ("moothall-store/src/published.rs", "WAITING_MAX", "beyond it the store waits for those it tells"),
    ("moothall-store/src/sqlite/batch.rs", "BATCH_MAX", "writes of one commit; more are several"),
    ("moothall-store/src/sqlite/batch.rs", "BATCH_TIME_MAX", "how long a commit waits for more"),
    ("moothall-store/src/sqlite/batch.rs", "LOG_PAGES_MAX", "when the journal is written back"),
    ("moothall-store/src/sqlite/batch.rs", "BUSY_MIN", "between two attempts"),
];

/// The constants of this source that look like a bound and are not made of one of `limits`.
fn bounds<'a>(text: &'a str, limits: &BTreeSet<String>) -> BTreeSet<&'a str> {
    let is_word = |char: char| char.is_ascii_alphanumeric() || char == '_';
    text.lines()
        .filter_map(|line| {
            line.trim_start().split_once("const ").filter(|(before, _)| !before.contains("//"))
        })
        .filter_map(|(_, rest)| rest.split_once(':'))
        .filter(|(name, _)| name.ends_with("_MAX") || name.ends_with("_MIN"))
        .filter(|(_, value)| !value.split(|char| !is_word(char)).any(|word| limits.contains(word)))
        .map(|(name, _)| name)
        .collect()
}

fn wrong(inside: &[(&str, &str, &str)], limits: &BTreeSet<String>, sources: &[Source]) -> Vec<String> {
    let found: BTreeSet<(&str, &str)> = sources
        .iter()
        .filter_map(|source| Some((source.path.strip_prefix("crates/")?, source)))
        .filter(|(path, _)| PARTS.iter().any(|part| path.starts_with(&format!("{part}/src/"))))
        .filter(|(path, _)| !path.ends_with("tests.rs") && !path.contains("/tests/"))
        .filter(|(path, _)| *path != "moothall-protocol/src/limits.rs")
        .flat_map(|(path, source)| bounds(&source.text, limits).into_iter().map(move |name| (path, name)))
        .collect();
    let listed: BTreeSet<(&str, &str)> = inside.iter().map(|(path, name, _)| (*path, *name)).collect();
    let unlisted = found.difference(&listed);
    let gone = listed.difference(&found);
    unlisted
        .map(|(path, name)| format!("{name} of {path} belongs into limits.rs, or here with a reason"))
        .chain(gone.map(|(path, name)| format!("there is no {name} in {path}")))
        .collect()
}

#[test]
fn a_bound_that_a_client_meets_is_among_the_limits() {
    let limits = moothall_protocol::limits::all();
    let limits = limits.into_iter().map(|limit| limit.name.to_uppercase()).collect();
    let wrong = wrong(INSIDE, &limits, &sources(&["crates"]));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_bound_beside_the_limits_is_seen() {
    let limits = BTreeSet::from(["ROOMS_MAX".to_owned()]);
    let tree = |path: &str, text: &str| [Source { path: path.into(), text: text.into() }];
    let of_limits = "const WAIT_MAX: Duration = Duration::from_millis(ROOMS_MAX as u64);";
    let own = "    pub(crate) const SEATS_MAX: usize = 7;";
    let rooms = "crates/moothall/src/rooms.rs";
    assert_eq!(wrong(&[], &limits, &tree(rooms, of_limits)), Vec::<String>::new());
    assert_eq!(wrong(&[], &limits, &tree(rooms, own)).len(), 1);
    assert_eq!(wrong(&[], &limits, &tree("crates/moothall/src/rooms/tests.rs", own)), Vec::<String>::new());
    let inside = [("moothall/src/rooms.rs", "SEATS_MAX", "for the test")];
    assert_eq!(wrong(&inside, &limits, &tree(rooms, own)), Vec::<String>::new());
    assert_eq!(wrong(&inside, &limits, &tree(rooms, of_limits)).len(), 1, "gone");
}
