//! Every bound of the server, in one place. `GET /v1/limits` shows this table, schemas take their bounds from it,
//! and each line has a test that reaches it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One bound of the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Limit {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: u64,
    /// What it bounds, with the unit.
    pub about: String,
}

macro_rules! limits {
    ($($(#[doc = $about:literal])+ $name:ident = $value:expr;)+) => {
        $($(#[doc = $about])+ pub const $name: usize = $value;)+

        /// All bounds, in the order of this file.
        pub fn all() -> Vec<Limit> {
            vec![$(Limit {
                name: stringify!($name).to_lowercase(),
                value: $name as u64,
                about: concat!($($about),+).trim().to_owned(),
            }),+]
        }
    };
}

limits! {
    // HTTP.
    /// Bytes of a request's head: request line and headers.
    HTTP_HEAD_BYTES_MAX = 16 * 1024;
    /// Headers of a request.
    HTTP_HEADERS_MAX = 100;
    /// Milliseconds to send a request's head.
    HTTP_HEAD_MS_MAX = 5_000;
    /// Bytes of a request's body.
    HTTP_BODY_BYTES_MAX = 256 * 1024;
    /// Bytes of a refused request's body that are still taken, so that the client sees why; beyond, it is cut off.
    HTTP_BODY_DISCARDED_BYTES_MAX = 8 * 1024 * 1024;
    /// Milliseconds to send a request's body.
    HTTP_BODY_MS_MAX = 15_000;
    /// Milliseconds a client may take nothing of an answer.
    HTTP_STALL_MS_MAX = 15_000;
    /// Bytes of an answer that a client takes per second in the long run, at least.
    HTTP_ANSWER_BYTES_PER_SECOND_MIN = 4 * 1024;
    /// Milliseconds a connection may stay open without a request.
    HTTP_IDLE_MS_MAX = 30_000;
    /// Milliseconds of a new connection to shake hands for TLS.
    TLS_HANDSHAKE_MS_MAX = 10_000;
    /// TLS handshakes that are worked on side by side; the others wait for their turn.
    TLS_HANDSHAKES_AT_ONCE = 4;
    /// HTTP connections and sockets open at once.
    CONNECTIONS_MAX = 20_000;
    /// HTTP connections and sockets of one network (an IPv4 address, or an IPv6 /64), unless the operator sets another bound.
    CONNECTIONS_PER_NETWORK_MAX = 2_000;
    /// Milliseconds an operation may take before it is answered with `timeout`.
    OPERATION_MS_MAX = 30_000;
    /// Levels of nesting in JSON or MessagePack.
    NESTING_MAX = 32;
    /// Wrong fields one answer tells of.
    INPUT_ERRORS_MAX = 16;
    /// Milliseconds a rule of the embedding program may take before the call is refused as `unavailable`.
    HOOK_MS_MAX = 5_000;
    /// Transactions that wait for the database; one more is refused as `unavailable`.
    STORE_WAITING_MAX = 4_096;

    // Lists.
    /// Items of one page.
    PAGE_ITEMS_MAX = 200;
    /// Items of one page when the request does not say.
    PAGE_ITEMS_DEFAULT = 50;
    /// Items of a list that is read as lines, after which no further page is begun.
    LINES_MAX = 2_000;
    /// Characters of a cursor.
    CURSOR_LENGTH_MAX = 512;

    // Mutations.
    /// Characters of an idempotency key, at least.
    IDEMPOTENCY_KEY_LENGTH_MIN = 16;
    /// Characters of an idempotency key, at most.
    IDEMPOTENCY_KEY_LENGTH_MAX = 128;
    /// Hours for which the first answer to an idempotency key is kept.
    IDEMPOTENCY_HOURS = 24;

    // Sockets and sessions.
    /// Bytes of a message from a signed-in socket.
    SOCKET_MESSAGE_BYTES_MAX = 64 * 1024;
    /// Bytes of a message from a socket that has not signed in.
    SOCKET_MESSAGE_BYTES_MAX_UNSIGNED = 16 * 1024;
    /// Milliseconds for a new socket to sign in.
    SOCKET_SIGN_IN_MS_MAX = 10_000;
    /// Sockets let in side by side, and as many sign-ins and as many refreshes; the others wait for their turn.
    ADMISSIONS_AT_ONCE = 32;
    /// Milliseconds one may have to wait for a turn; who would wait for longer is told to come again later.
    ADMISSION_WAIT_MS_MAX = 5_000;
    /// Milliseconds after which one is told to come again, at most.
    ADMISSION_RETRY_MS_MAX = 60_000;
    /// A client's number of a request: what every language can count to exactly.
    SOCKET_REQUEST_ID_MAX = (1 << 53) - 1;
    /// Requests in flight on one socket.
    SOCKET_IN_FLIGHT_MAX = 64;
    /// Milliseconds of silence after which the server pings.
    SOCKET_PING_MS = 20_000;
    /// Milliseconds without any frame after which the server gives up on a socket.
    SOCKET_SILENCE_MS_MAX = 45_000;
    /// Milliseconds in which a socket must take what is written to it.
    SOCKET_WRITE_MS_MAX = 10_000;
    /// Messages of any kind a socket may send at once. A refused request counts as five.
    SOCKET_MESSAGES_BURST_MAX = 2_000;
    /// Messages of any kind a socket may send per second in the long run.
    SOCKET_MESSAGES_PER_SECOND_MAX = 200;
    /// Milliseconds over which clients come back after the server stopped.
    SOCKET_DRAIN_SPREAD_MS = 10_000;
    /// Bytes the kernel is asked to hold of what is written to one socket.
    SOCKET_SEND_BUFFER_BYTES = 64 * 1024;
    /// Events waiting for one session's socket.
    OUTBOX_EVENTS_MAX = 256;
    /// Bytes waiting for one session.
    OUTBOX_BYTES_MAX = 1024 * 1024;
    /// Sent events a session keeps for a resume, and events that may wait for a session without a socket.
    RING_EVENTS_MAX = 512;
    /// Bytes of sent events a session keeps for a resume.
    RING_BYTES_MAX = 256 * 1024;
    /// Milliseconds after a drop in which a session can be resumed.
    RESUME_MS_MAX = 60_000;
    /// The same for a session that is in a match.
    RESUME_IN_MATCH_MS_MAX = 600_000;
    /// Live sessions of one user.
    SESSIONS_PER_USER_MAX = 10;
    /// Live sessions of the server, with those that wait for a resume.
    LIVE_SESSIONS_MAX = 40_000;
    /// Milliseconds in which a socket ticket must be used.
    SOCKET_TICKET_MS_MAX = 30_000;
    /// Socket tickets waiting to be used, in all.
    SOCKET_TICKETS_MAX = 20_000;
    /// Users one session may watch.
    WATCHED_USERS_MAX = 1_000;
    /// Watches one session may hold.
    WATCHES_MAX = 16;

    // Rooms.
    /// Characters of a room's name.
    ROOM_NAME_LENGTH_MAX = 64;
    /// Characters of a room's topic.
    ROOM_TOPIC_LENGTH_MAX = 500;
    /// Members of a room, unless the operator sets fewer.
    ROOM_MEMBERS_MAX = 10_000;
    /// Members of a group.
    GROUP_MEMBERS_MAX = 20;
    /// Rooms and groups one user may be in, those that others brought them into apart.
    ROOMS_JOINED_MAX = 200;
    /// Listeners up to which a room tells of each member who comes or goes at once. Beyond, it tells of them together, after as many
    /// milliseconds as there are listeners.
    MEMBERS_TOLD_AT_ONCE_MAX = 50;
    /// Milliseconds after which a room tells of members who came or went, at most.
    MEMBERS_TOLD_MS_MAX = 5_000;
    /// Events that wait to be told together to one room or match; so many leave before their time.
    EVENTS_GATHERED_MAX = 200;
    /// Rooms and groups others may bring one user into.
    ROOMS_BROUGHT_INTO_MAX = 100;
    /// Archived rooms one user may own.
    ROOMS_ARCHIVED_MAX = 200;
    /// Milliseconds of slow mode.
    SLOW_MODE_MS_MAX = 21_600_000;
    /// Days for which a room keeps its messages, if it says how many.
    RETENTION_DAYS_MAX = 3_650;
    /// Members up to which a room shows who is writing.
    TYPING_MEMBERS_MAX = 100;
    /// Milliseconds between two signs that the same member is writing; those between are not shown.
    TYPING_INTERVAL_MS = 3_000;
    /// Rooms of which one answer tells what is unread.
    UNREAD_ROOMS_MAX = 300;

    // Messages.
    /// Characters of a message.
    MESSAGE_LENGTH_MAX = 2_000;
    /// Marks that may follow one letter of a message: enough for Thai, Hebrew and Devanagari, too few to climb over the lines above.
    MESSAGE_MARKS_MAX = 4;
    /// Ends of lines in a row in a message: one empty line between two paragraphs.
    MESSAGE_LINE_ENDS_MAX = 2;
    /// Attachments of a message.
    MESSAGE_ATTACHMENTS_MAX = 10;
    /// Users a message mentions.
    MESSAGE_MENTIONS_MAX = 20;
    /// Characters of an attached link.
    ATTACHMENT_URL_LENGTH_MAX = 2_000;
    /// Characters of an attached link's title.
    ATTACHMENT_TITLE_LENGTH_MAX = 200;
    /// Characters of the name of a custom attachment.
    ATTACHMENT_NAME_LENGTH_MAX = 64;
    /// Bytes of JSON in a custom attachment.
    ATTACHMENT_DATA_BYTES_MAX = 2_048;
    /// Words and phrases of the operator's word list.
    FILTER_WORDS_MAX = 10_000;
    /// Characters of a reason that staff gives.
    REASON_LENGTH_MAX = 500;

    // Parties.
    /// Members and invites of a party together, unless the operator sets fewer.
    PARTY_MEMBERS_MAX = 64;
    /// Characters of a party's code.
    PARTY_CODE_LENGTH = 8;
    /// Wrong codes one user may try at once; each further one makes them wait for twice as long, ten minutes at most.
    PARTY_CODE_GUESSES_MAX = 10;
    /// Invites into parties that wait for one user's answer.
    PARTY_INVITES_MAX = 50;

    // Relationships.
    /// Characters of what a friend request says.
    FRIEND_MESSAGE_LENGTH_MAX = 200;
    /// Characters of a note about another user.
    RELATIONSHIP_NOTE_LENGTH_MAX = 500;
    /// Relationships looked at for a preview of what would end with users who are gone.
    PURGE_PREVIEW_TIES_MAX = 100_000;
    /// Latest matches of a user that are looked at for those they played with.
    RECENT_MATCHES_MAX = 100;

    // Lobbies.
    /// Characters of a lobby's or a game mode's name.
    LOBBY_NAME_LENGTH_MAX = 70;
    /// Characters of a lobby's password.
    LOBBY_PASSWORD_LENGTH_MAX = 64;
    /// Characters of a lobby's code.
    LOBBY_CODE_LENGTH = 8;
    /// Wrong codes and passwords of lobbies one user may try at once; each further one makes them wait for twice as long, ten minutes
    /// at most.
    LOBBY_GUESSES_MAX = 10;
    /// Tags of a lobby, and roles of a game mode.
    LOBBY_TAGS_MAX = 16;
    /// Characters of a tag.
    LOBBY_TAG_LENGTH_MAX = 32;
    /// Characters of a map's name.
    LOBBY_MAP_LENGTH_MAX = 100;
    /// Teams of a lobby.
    LOBBY_TEAMS_MAX = 16;
    /// Seats of a team.
    LOBBY_TEAM_SIZE_MAX = 64;
    /// Seats of a lobby.
    LOBBY_SEATS_MAX = 256;
    /// Members of a lobby who have no seat.
    LOBBY_SPECTATORS_MAX = 250;
    /// Bytes of JSON in what a lobby is set to, for everybody, for its members and for its host each.
    LOBBY_PROPERTIES_BYTES_MAX = 8 * 1024;
    /// Bytes of JSON in what a member says of themselves, or in how a bot plays.
    LOBBY_MEMBER_BYTES_MAX = 1024;
    /// Levels of nesting in that.
    LOBBY_NESTING_MAX = 8;
    /// Bans of a lobby, and invites that wait.
    LOBBY_BANS_MAX = 200;
    /// Seconds of a ban from a lobby.
    LOBBY_BAN_SECONDS_MAX = 2_592_000;
    /// Milliseconds of the countdown before a game.
    LOBBY_COUNTDOWN_MS_MAX = 600_000;
    /// Requests to be let into a lobby that wait for its host.
    LOBBY_REQUESTS_MAX = 50;
    /// Ended votes that a lobby remembers.
    LOBBY_VOTES_KEPT = 10;
    /// Lobbies of one dedicated host.
    LOBBIES_HOSTED_MAX = 100;
    /// Splits that balancing a lobby tells.
    LOBBY_SPLITS_MAX = 3;
    /// Items of one list in a filter of lobbies.
    LOBBY_FILTER_ITEMS_MAX = 32;
    /// Characters of a text in such a filter.
    LOBBY_FILTER_TEXT_LENGTH_MAX = 100;
    /// Levels of filters within each other.
    LOBBY_FILTER_DEPTH_MAX = 5;
    /// Rules of such a filter, with those of the filters within it.
    LOBBY_FILTER_RULES_MAX = 32;
    /// By how many facets one answer counts lobbies.
    LOBBY_FACETS_MAX = 16;
    /// Values of one facet that are told.
    LOBBY_FACET_VALUES_MAX = 50;
    /// Different lists of lobbies that are watched at once; another is refused as `lobby_lists_crowded`.
    LOBBY_LISTS_WATCHED_MAX = 1_000;
    /// Lobbies that one event on a watched list tells of. If more are different, the others follow with the next.
    LOBBIES_TOLD_AT_ONCE_MAX = 80;
    /// Milliseconds between two events on a watched list, at least.
    LOBBY_LIST_BATCH_MS = 250;
    /// Game modes there are.
    GAME_MODES_MAX = 200;
    /// Characters of a game mode's slug, or of a role.
    GAME_MODE_SLUG_LENGTH_MAX = 40;
    /// Maps of a game mode.
    GAME_MODE_MAPS_MAX = 500;
    /// Bytes of JSON in a game mode's schema.
    GAME_MODE_SCHEMA_BYTES_MAX = 16 * 1024;
    /// Policies of lobbies that the server keeps.
    LOBBY_POLICIES_MAX = 100;
    /// Characters of the name that a policy gives its lobbies; a number takes the place of `{n}`.
    LOBBY_POLICY_NAME_LENGTH_MAX = 60;
    /// Lobbies that a policy keeps open.
    LOBBY_POLICY_OPEN_MAX = 50;
    /// Lobbies of one policy, open or not.
    LOBBY_POLICY_LOBBIES_MAX = 500;

    // Hosts.
    /// Characters of the slug of a pool, of a version and of a region.
    HOST_SLUG_LENGTH_MAX = 60;
    /// Characters of the name of a pool.
    HOST_POOL_NAME_LENGTH_MAX = 70;
    /// Modes of a pool; versions and regions as well.
    HOST_POOL_ENTRIES_MAX = 100;
    /// Pools of hosts.
    HOST_POOLS_MAX = 100;
    /// Hosts of a pool.
    HOSTS_PER_POOL_MAX = 1_000;
    /// Addresses of a host.
    HOST_ADDRESSES_MAX = 8;
    /// Characters of an address of a host.
    HOST_ADDRESS_LENGTH_MAX = 255;
    /// Labels of a host.
    HOST_LABELS_MAX = 16;
    /// Characters of a label of a host.
    HOST_LABEL_LENGTH_MAX = 64;
    /// Matches that a host may run at once.
    HOST_CAPACITY_MAX = 1_000;

    // Matches.
    /// Players and spectators of a match, those who came late among them; who comes later still watches the lobby alone.
    MATCH_MEMBERS_MAX = 1_000;
    /// Addresses at which a host says that its match is to be found.
    MATCH_ADDRESSES_MAX = 8;
    /// Characters of such an address.
    MATCH_ADDRESS_LENGTH_MAX = 200;
    /// Bytes of JSON in what else one needs to connect.
    MATCH_CONNECTION_BYTES_MAX = 2 * 1024;
    /// Levels of nesting in that, and in what a result counts.
    MATCH_NESTING_MAX = 8;
    /// Changes of members in one update of a match.
    MATCH_CHANGES_MAX = 100;
    /// Characters of what a host says about somebody who left.
    MATCH_NOTE_LENGTH_MAX = 200;
    /// Bytes of JSON in what a result counts of one player.
    MATCH_PLAYER_STATS_BYTES_MAX = 1024;
    /// Bytes of JSON in what a result counts of the match as a whole.
    MATCH_STATS_BYTES_MAX = 8 * 1024;
    /// Characters of the address of a replay.
    MATCH_REPLAY_LENGTH_MAX = 500;
    /// Versions of the result of one match.
    MATCH_RESULTS_MAX = 50;
    /// Other users in one filter of the history.
    MATCHES_WITH_MAX = 8;
    /// Matches that a user plays or watches, as a session that begins is told.
    MATCHES_PLAYED_TOLD_MAX = 5;
    /// Matches that a user hosts, as a session that begins is told.
    MATCHES_HOSTED_TOLD_MAX = 100;
    /// Bytes of one piece of data relayed in a match.
    RELAY_BYTES_MAX = 4 * 1024;
    /// Milliseconds for which relayed data waits for more, to leave in one write.
    RELAY_TICK_MS = 15;
    /// Players of one match who are relayed to each other.
    RELAY_PLAYERS_MAX = 256;
    /// Relays open at once.
    RELAYS_MAX = 20_000;

    // Restrictions.
    /// Types of one restriction.
    RESTRICTION_TYPES_MAX = 16;
    /// Characters of the name of a type of restriction.
    RESTRICTION_TYPE_LENGTH_MAX = 40;
    /// Restrictions of one user that hold at the same time.
    RESTRICTIONS_OF_USER_MAX = 50;
    /// Matches after which a restriction ends, at most.
    RESTRICTION_MATCHES_MAX = 1_000;
    /// Bytes of JSON in the evidence of a restriction.
    RESTRICTION_EVIDENCE_BYTES_MAX = 16 * 1024;
    /// Levels of nesting in that.
    RESTRICTION_EVIDENCE_NESTING_MAX = 8;
    /// Bans of addresses, devices and e-mail domains that hold at the same time.
    BANS_MAX = 10_000;
    /// Characters of what is banned.
    BAN_VALUE_LENGTH_MAX = 255;
    /// Days for which a ban of addresses, a device or an e-mail domain holds, at most.
    BAN_DAYS_MAX = 366;
    /// Bits that a banned range of IPv4 addresses fixes, at least.
    BAN_IPV4_BITS_MIN = 8;
    /// Bits that a banned range of IPv6 addresses fixes, at least.
    BAN_IPV6_BITS_MIN = 16;
    /// Traces of one user that are shown.
    TRACES_MAX = 200;
    /// Characters of the id of a device.
    DEVICE_ID_LENGTH_MAX = 255;

    // Moderation.
    /// Characters of what somebody writes in a report.
    REPORT_TEXT_LENGTH_MAX = 1_000;
    /// Characters of the name of a category, a template or a mark.
    MODERATION_NAME_LENGTH_MAX = 40;
    /// Messages before a reported one that are kept with the report, and as many after it.
    REPORT_NEIGHBOURS_MAX = 5;
    /// Bytes of the extra data of a user, keys and values, that are kept with a report of their profile; what is more is left out.
    REPORT_EXTRA_BYTES_MAX = 16_384;
    /// Reports, actions, restrictions and notes of each kind that one look at a case shows.
    CASE_ITEMS_MAX = 50;
    /// Days for which a case may be put off.
    CASE_SNOOZE_DAYS_MAX = 90;
    /// Characters of a note.
    NOTE_LENGTH_MAX = 2_000;
    /// Notes on one user.
    NOTES_OF_USER_MAX = 200;
    /// Users whom one call acts on.
    ACT_ON_MANY_MAX = 100;
    /// Appeals against one action.
    APPEALS_OF_ACTION_MAX = 3;
    /// Characters of one message of an appeal.
    APPEAL_TEXT_LENGTH_MAX = 2_000;
    /// Messages of one appeal.
    APPEAL_MESSAGES_MAX = 50;
    /// Users who are shown as perhaps the same person.
    ALTERNATES_SHOWN_MAX = 50;

    // Users.
    /// Characters of a user's name, at least.
    NAME_LENGTH_MIN = 2;
    /// Characters of a user's name, at most, after composing (NFC).
    NAME_LENGTH_MAX = 20;
    /// Marks that may follow one letter of a name: enough for Thai and Devanagari, too few to climb over the lines above.
    NAME_MARKS_MAX = 3;
    /// Characters that a player must know of a name to search by it.
    SEARCH_PREFIX_LENGTH_MIN = 2;
    /// Milliseconds between two batches of presence to one watch, at least.
    PRESENCE_BATCH_MS = 250;
    /// Users of a watch up to which it is told that often. One on twice as many is told half as often, and so on.
    PRESENCE_BATCH_USERS = 250;
    /// Characters of the text of a status.
    PRESENCE_TEXT_LENGTH_MAX = 100;
    /// Characters of an access token, an API key or a resume token.
    CREDENTIAL_LENGTH_MAX = 4_096;

    // Accounts.
    /// A user's score of behaviour, trust or liking, at most; at least it is 0.
    SCORE_MAX = 1_000_000;
    /// Characters of an e-mail address, or of a login.
    EMAIL_LENGTH_MAX = 254;
    /// Characters of a password; of these at most 1,024 bytes.
    PASSWORD_LENGTH_MAX = 1_024;
    /// Bytes of a password.
    PASSWORD_BYTES_MAX = 1_024;
    /// Passwords waiting to be hashed.
    PASSWORDS_WAITING_MAX = 200;
    /// Characters of a guest secret, refresh token or one-use code.
    SECRET_LENGTH_MAX = 200;
    /// Signed-in sessions of one user; beyond that the one not seen for longest ends.
    SESSIONS_SIGNED_IN_MAX = 20;
    /// Guesses from one network whose passwords are looked at at once.
    GUESSES_AT_ONCE_MAX = 50;
    /// Networks of one user where strangers' guesses do not hold them up, the latest ones.
    KNOWN_NETWORKS_MAX = 30;
    /// Characters kept of what a client calls itself.
    AGENT_LENGTH_MAX = 200;
    /// Seconds in which a used refresh token gets the same answer again.
    REFRESH_RETRY_SECONDS = 30;
    /// Minutes after a sign-in in which who has no password may have the account erased.
    FRESH_SIGN_IN_MINUTES = 10;
    /// Seconds in which a sign-in code must be used.
    SIGN_IN_CODE_SECONDS = 30;
    /// Sign-in codes of one user that wait to be used.
    SIGN_IN_CODES_MAX = 5;
    /// Roles there are.
    ROLES_MAX = 100;
    /// Characters of a role's name.
    ROLE_NAME_LENGTH_MAX = 40;
    /// Characters of a role's description.
    ROLE_ABOUT_LENGTH_MAX = 200;
    /// Permissions of one role or API key.
    PERMISSIONS_MAX = 200;
    /// Characters of a permission's name.
    PERMISSION_LENGTH_MAX = 64;
    /// API keys of one user.
    KEYS_PER_USER_MAX = 20;
    /// Characters of an API key's name.
    KEY_NAME_LENGTH_MAX = 60;

    // Extra data and e-mail of users.
    /// Entries of extra data of one user.
    EXTRA_ENTRIES_MAX = 64;
    /// Characters of a key of extra data.
    EXTRA_KEY_LENGTH_MAX = 64;
    /// Bytes of JSON in one entry of extra data.
    EXTRA_BYTES_MAX = 16 * 1024;
    /// Levels of nesting in one entry of extra data.
    EXTRA_NESTING_MAX = 16;
    /// Characters of the name of a section of an export.
    EXPORT_SECTION_LENGTH_MAX = 64;
    /// E-mails of one kind to one user within an hour.
    LETTERS_PER_HOUR_MAX = 3;
    /// E-mails of one kind to one address within an hour that anybody can ask for, whichever users they concern.
    LETTERS_TO_ADDRESS_PER_HOUR_MAX = 6;
    /// Minutes in which a code that sets a new password must be used.
    RESET_CODE_MINUTES = 30;
    /// Hours in which a code that verifies an address must be used.
    EMAIL_CODE_HOURS = 24;
    /// Hours after a change of address in which the old address can revoke it.
    EMAIL_REVOKE_HOURS = 72;
    /// Requests for a new password waiting to be looked at.
    RESETS_WAITING_MAX = 10_000;

    // Settings.
    /// Characters of the key of a setting, or of a section's name.
    SETTING_KEY_LENGTH_MAX = 100;
    /// Characters of what one searches settings for.
    SETTING_SEARCH_LENGTH_MAX = 100;
    /// Bytes of JSON in one setting of the site, or in one that a user sets.
    SETTING_BYTES_MAX = 128 * 1024;
    /// Characters of a file of settings.
    SETTINGS_FILE_LENGTH_MAX = 200_000;
    /// Bytes of JSON in one section of a user's settings.
    USER_SETTINGS_BYTES_MAX = 16 * 1024;

    // Jobs and notifications.
    /// Characters of the name of a kind of job.
    JOB_KIND_LENGTH_MAX = 60;
    /// Characters of the name of a kind of notice.
    NOTICE_KIND_LENGTH_MAX = 60;
    /// Bytes of JSON in the params of a notice.
    NOTICE_PARAMS_BYTES_MAX = 4 * 1024;
    /// Characters of a collapse key.
    NOTICE_COLLAPSE_KEY_LENGTH_MAX = 100;
    /// Notices in one inbox.
    NOTICES_KEPT_MAX = 1_000;
    /// Notices that are marked at once by name.
    NOTICES_AT_ONCE_MAX = 200;
    /// Kinds of notices that one user mutes.
    NOTICES_MUTED_MAX = 200;
    /// Characters of a broadcast, in one language.
    BROADCAST_TEXT_LENGTH_MAX = 2_000;
    /// Languages of one broadcast beside the one for everybody.
    BROADCAST_LANGUAGES_MAX = 50;
    /// Bytes of JSON in the params of a broadcast.
    BROADCAST_BYTES_MAX = 4 * 1024;
    /// Days for which a broadcast stays in inboxes.
    BROADCAST_DAYS_MAX = 365;
    /// Roles, or languages, that a segment names.
    SEGMENT_CHOICES_MAX = 50;

    // Remote configuration.
    /// Entries of the remote configuration.
    CONFIG_ENTRIES_MAX = 200;
    /// Characters of an entry's key.
    CONFIG_KEY_LENGTH_MAX = 64;
    /// Characters of what an entry is for.
    CONFIG_ABOUT_LENGTH_MAX = 500;
    /// Bytes of JSON that one client may have to read: the largest value of each entry.
    CONFIG_ANSWER_BYTES_MAX = 256 * 1024;
    /// Bytes of JSON in an entry's schema.
    CONFIG_SCHEMA_BYTES_MAX = 16 * 1024;
    /// Rules of one entry.
    CONFIG_RULES_MAX = 20;
    /// Channels, platforms or users that a rule names.
    CONFIG_CHOICES_MAX = 50;
    /// Characters of a channel, a platform, a version or the id of an installation.
    CONFIG_CHOICE_LENGTH_MAX = 64;
    /// Hundredths of a percent that are all.
    CONFIG_SHARE_MAX = 10_000;
}
