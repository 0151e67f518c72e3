//! Every limit is reached by a test: the table says by which, and that test is there and runs.

use std::collections::BTreeSet;

use crate::tree::{Source, sources};

/// Reaches each bound that stands in the schema of an input.
const BY_SCHEMA: &str = "what_is_beyond_a_bound_is_refused_with_path_rule_and_bound_and_what_is_at_it_is_not";

/// Each limit, in the order of `limits.rs`, and the test that reaches it.
const REACHED: &[(&str, &str)] = &[
    ("HTTP_HEAD_BYTES_MAX", "a_head_has_so_many_bytes_at_most"),
    ("HTTP_HEADERS_MAX", "a_head_has_so_many_headers_at_most"),
    ("HTTP_HEAD_MS_MAX", "a_head_must_be_there_in_time"),
    ("HTTP_BODY_BYTES_MAX", "a_body_has_so_many_bytes_at_most"),
    ("HTTP_BODY_DISCARDED_BYTES_MAX", "who_sends_far_too_much_hears_of_it"),
    ("HTTP_BODY_MS_MAX", "a_body_must_be_there_in_time"),
    ("HTTP_STALL_MS_MAX", "an_answer_must_be_taken_in_time"),
    ("HTTP_ANSWER_BYTES_PER_SECOND_MIN", "an_answer_must_be_taken_at_a_pace"),
    ("HTTP_IDLE_MS_MAX", "a_connection_without_a_request_is_ended_in_time"),
    ("TLS_HANDSHAKE_MS_MAX", "who_never_finishes_a_handshake_is_let_go_and_holds_up_nobody"),
    ("TLS_HANDSHAKES_AT_ONCE", "who_never_finishes_a_handshake_is_let_go_and_holds_up_nobody"),
    ("CONNECTIONS_MAX", "so_many_connections_are_open_at_once_and_the_next_waits"),
    ("CONNECTIONS_PER_NETWORK_MAX", "one_network_has_so_many_connections_and_the_next_is_closed"),
    ("OPERATION_MS_MAX", "an_operation_that_takes_too_long_is_answered_and_the_server_goes_on"),
    ("NESTING_MAX", "nesting_is_bounded_in_every_encoding"),
    ("INPUT_ERRORS_MAX", "at_most_sixteen_errors_are_told"),
    ("HOOK_MS_MAX", "a_hook_has_its_time_and_what_it_did_not_say_is_no_yes"),
    ("STORE_WAITING_MAX", "a_full_queue_refuses_at_once_and_what_is_in_it_is_done_before_closing"),
    ("PAGE_ITEMS_MAX", BY_SCHEMA),
    ("PAGE_ITEMS_DEFAULT", "one_user_is_in_so_many_rooms_and_no_more"),
    ("LINES_MAX", "a_list_is_read_as_lines_page_after_page_and_says_where_to_go_on"),
    ("CURSOR_LENGTH_MAX", BY_SCHEMA),
    ("IDEMPOTENCY_KEY_LENGTH_MIN", "an_idempotency_key_is_neither_too_short_nor_too_long"),
    ("IDEMPOTENCY_KEY_LENGTH_MAX", "an_idempotency_key_is_neither_too_short_nor_too_long"),
    ("IDEMPOTENCY_HOURS", "the_first_answer_is_given_for_a_day_and_then_the_key_is_free"),
    ("SOCKET_MESSAGE_BYTES_MAX", "breaking_the_protocol_closes_with_what_was_wrong"),
    ("SOCKET_MESSAGE_BYTES_MAX_UNSIGNED", "breaking_the_protocol_closes_with_what_was_wrong"),
    ("SOCKET_SIGN_IN_MS_MAX", "a_socket_that_does_not_sign_in_is_closed"),
    ("ADMISSIONS_AT_ONCE", "who_came_first_is_let_in_first_and_who_leaves_is_not_waited_for"),
    (
        "ADMISSION_WAIT_MS_MAX",
        "who_would_wait_for_too_long_is_told_when_to_come_again_and_not_all_at_the_same_time",
    ),
    (
        "ADMISSION_RETRY_MS_MAX",
        "who_would_wait_for_too_long_is_told_when_to_come_again_and_not_all_at_the_same_time",
    ),
    ("SOCKET_REQUEST_ID_MAX", "what_cannot_be_read_is_refused_and_the_socket_goes_on"),
    ("SOCKET_IN_FLIGHT_MAX", "more_requests_in_flight_than_allowed_are_refused_and_the_rest_answered"),
    ("SOCKET_PING_MS", "silence_is_met_with_a_ping_and_then_given_up"),
    ("SOCKET_SILENCE_MS_MAX", "silence_is_met_with_a_ping_and_then_given_up"),
    ("SOCKET_WRITE_MS_MAX", "a_client_that_does_not_read_is_closed_and_resumes"),
    ("SOCKET_MESSAGES_BURST_MAX", "a_burst_is_let_through_and_a_flood_is_not"),
    ("SOCKET_MESSAGES_PER_SECOND_MAX", "a_burst_is_let_through_and_a_flood_is_not"),
    ("SOCKET_DRAIN_SPREAD_MS", "a_server_about_to_stop_says_when_to_come_back"),
    ("SOCKET_SEND_BUFFER_BYTES", "the_kernel_holds_little_of_what_waits_for_a_socket"),
    ("OUTBOX_EVENTS_MAX", "a_slow_reader_is_sent_away_and_a_resume_brings_the_rest"),
    ("OUTBOX_BYTES_MAX", "what_waits_has_a_bound_in_bytes"),
    ("RING_EVENTS_MAX", "a_client_that_was_away_while_more_happened_than_is_kept_gets_a_fresh_snapshot"),
    ("RING_BYTES_MAX", "what_was_sent_is_kept_up_to_a_bound_in_bytes"),
    ("RESUME_IN_MATCH_MS_MAX", "criterion_2_in_a_match_a_stream_can_be_resumed_for_longer"),
    ("RESUME_MS_MAX", "a_stream_can_be_resumed_for_a_minute_to_the_millisecond"),
    ("SESSIONS_PER_USER_MAX", "no_user_has_more_sessions_than_the_limit_of_all_kinds_together"),
    ("LIVE_SESSIONS_MAX", "a_full_server_lets_in_who_is_there_in_place_of_who_left_first"),
    ("SOCKET_TICKET_MS_MAX", "a_ticket_is_good_once_and_for_its_time"),
    ("SOCKET_TICKETS_MAX", "tickets_that_nobody_uses_do_not_pile_up"),
    ("WATCHED_USERS_MAX", "watches_are_bounded_and_belong_to_a_socket"),
    ("WATCHES_MAX", "watches_are_bounded_and_belong_to_a_socket"),
    ("ROOM_NAME_LENGTH_MAX", BY_SCHEMA),
    ("ROOM_TOPIC_LENGTH_MAX", BY_SCHEMA),
    ("ROOM_MEMBERS_MAX", "no_operator_makes_a_room_larger_than_the_server_holds"),
    ("GROUP_MEMBERS_MAX", "a_group_has_so_many_members_and_no_more"),
    ("ROOMS_JOINED_MAX", "one_user_is_in_so_many_rooms_and_no_more"),
    ("MEMBERS_TOLD_AT_ONCE_MAX", "a_small_room_tells_of_each_member_at_once"),
    ("MEMBERS_TOLD_MS_MAX", "a_room_of_any_size_tells_of_its_members_within_seconds"),
    ("EVENTS_GATHERED_MAX", "a_storm_of_joins_is_told_in_portions_and_nothing_is_lost"),
    ("ROOMS_BROUGHT_INTO_MAX", "nobody_keeps_another_from_joining_by_bringing_them_in"),
    ("ROOMS_ARCHIVED_MAX", "whoever_archives_rooms_makes_no_more_than_so_many"),
    ("SLOW_MODE_MS_MAX", BY_SCHEMA),
    ("RETENTION_DAYS_MAX", BY_SCHEMA),
    ("TYPING_MEMBERS_MAX", "writing_is_shown_now_and_then_and_kept_nowhere"),
    ("TYPING_INTERVAL_MS", "writing_is_shown_now_and_then_and_kept_nowhere"),
    ("UNREAD_ROOMS_MAX", "what_is_unread_is_told_of_the_most_lively_rooms"),
    ("MESSAGE_LENGTH_MAX", "a_message_has_its_longest_length_and_no_more"),
    ("MESSAGE_MARKS_MAX", "what_cannot_be_seen_is_removed_and_what_can_stays"),
    ("MESSAGE_LINE_ENDS_MAX", "what_cannot_be_seen_is_removed_and_what_can_stays"),
    ("MESSAGE_ATTACHMENTS_MAX", BY_SCHEMA),
    ("MESSAGE_MENTIONS_MAX", BY_SCHEMA),
    ("ATTACHMENT_URL_LENGTH_MAX", BY_SCHEMA),
    ("ATTACHMENT_TITLE_LENGTH_MAX", BY_SCHEMA),
    ("ATTACHMENT_NAME_LENGTH_MAX", BY_SCHEMA),
    ("ATTACHMENT_DATA_BYTES_MAX", "custom_data_has_a_bound"),
    ("FILTER_WORDS_MAX", "a_word_list_that_makes_no_sense_is_refused_at_the_start"),
    ("REASON_LENGTH_MAX", BY_SCHEMA),
    ("PARTY_MEMBERS_MAX", BY_SCHEMA),
    ("PARTY_CODE_LENGTH", BY_SCHEMA),
    ("PARTY_CODE_GUESSES_MAX", "guesses_of_codes_are_slowed_down"),
    ("PARTY_INVITES_MAX", "so_many_invites_wait_for_one_user_and_no_more"),
    ("FRIEND_MESSAGE_LENGTH_MAX", BY_SCHEMA),
    ("RELATIONSHIP_NOTE_LENGTH_MAX", BY_SCHEMA),
    ("PURGE_PREVIEW_TIES_MAX", "t072_what_would_end_with_who_is_gone_is_counted_beforehand_up_to_a_bound"),
    ("RECENT_MATCHES_MAX", "so_many_matches_are_looked_at_for_those_one_played_with"),
    ("LOBBY_NAME_LENGTH_MAX", BY_SCHEMA),
    ("LOBBY_PASSWORD_LENGTH_MAX", BY_SCHEMA),
    ("LOBBY_CODE_LENGTH", BY_SCHEMA),
    ("LOBBY_GUESSES_MAX", "a_code_lets_in_past_everything_and_cannot_be_guessed"),
    ("LOBBY_TAGS_MAX", BY_SCHEMA),
    ("LOBBY_TAG_LENGTH_MAX", BY_SCHEMA),
    ("LOBBY_MAP_LENGTH_MAX", BY_SCHEMA),
    ("LOBBY_TEAMS_MAX", BY_SCHEMA),
    ("LOBBY_TEAM_SIZE_MAX", BY_SCHEMA),
    ("LOBBY_SEATS_MAX", "game_modes_are_data_with_bounds_that_make_sense"),
    ("LOBBY_SPECTATORS_MAX", BY_SCHEMA),
    ("LOBBY_PROPERTIES_BYTES_MAX", "properties_have_an_audience_a_schema_and_a_bound"),
    ("LOBBY_MEMBER_BYTES_MAX", "bots_take_seats_take_partial_updates_and_vanish_with_their_owner"),
    ("LOBBY_NESTING_MAX", "properties_have_an_audience_a_schema_and_a_bound"),
    ("LOBBY_BANS_MAX", "so_many_wait_for_the_host_and_so_many_are_banned_or_invited"),
    ("LOBBY_BAN_SECONDS_MAX", BY_SCHEMA),
    ("LOBBY_COUNTDOWN_MS_MAX", BY_SCHEMA),
    ("LOBBY_REQUESTS_MAX", "so_many_wait_for_the_host_and_so_many_are_banned_or_invited"),
    ("LOBBY_VOTES_KEPT", "a_late_timer_of_an_old_vote_is_ignored_and_history_is_bounded"),
    ("LOBBIES_HOSTED_MAX", "t101_a_dedicated_host_is_no_member_and_hosts_several"),
    ("LOBBY_SPLITS_MAX", BY_SCHEMA),
    ("LOBBY_FILTER_ITEMS_MAX", BY_SCHEMA),
    ("LOBBY_FILTER_TEXT_LENGTH_MAX", BY_SCHEMA),
    ("LOBBY_FILTER_DEPTH_MAX", "a_filter_has_so_many_levels_rules_and_letters_and_no_more"),
    ("LOBBY_FILTER_RULES_MAX", "a_filter_has_so_many_levels_rules_and_letters_and_no_more"),
    ("LOBBY_FACETS_MAX", BY_SCHEMA),
    ("LOBBY_FACET_VALUES_MAX", "lobbies_are_counted_by_what_is_asked_on_whichever_page_they_are"),
    (
        "LOBBY_LISTS_WATCHED_MAX",
        "so_many_different_lists_are_watched_and_no_more_and_nothing_is_left_of_them",
    ),
    (
        "LOBBIES_TOLD_AT_ONCE_MAX",
        "what_is_too_much_for_one_event_follows_with_the_next_and_all_have_their_turn",
    ),
    ("LOBBY_LIST_BATCH_MS", "b35_t105_a_list_is_a_snapshot_and_then_differences_at_most_four_times_a_second"),
    ("GAME_MODES_MAX", "game_modes_are_data_with_bounds_that_make_sense"),
    ("GAME_MODE_SLUG_LENGTH_MAX", BY_SCHEMA),
    ("GAME_MODE_MAPS_MAX", BY_SCHEMA),
    ("GAME_MODE_SCHEMA_BYTES_MAX", "game_modes_are_data_with_bounds_that_make_sense"),
    ("LOBBY_POLICIES_MAX", "policies_are_data_that_staff_changes_and_every_change_of_them_is_audited"),
    ("LOBBY_POLICY_NAME_LENGTH_MAX", BY_SCHEMA),
    ("LOBBY_POLICY_OPEN_MAX", BY_SCHEMA),
    ("LOBBY_POLICY_LOBBIES_MAX", "so_many_lobbies_of_one_policy_are_open_at_most"),
    ("HOST_SLUG_LENGTH_MAX", BY_SCHEMA),
    ("HOST_POOL_NAME_LENGTH_MAX", BY_SCHEMA),
    ("HOST_POOL_ENTRIES_MAX", BY_SCHEMA),
    ("HOST_POOLS_MAX", "pools_are_data_that_staff_changes_and_every_change_is_audited"),
    ("HOSTS_PER_POOL_MAX", "a_pool_has_so_many_hosts"),
    ("HOST_ADDRESSES_MAX", BY_SCHEMA),
    ("HOST_ADDRESS_LENGTH_MAX", BY_SCHEMA),
    ("HOST_LABELS_MAX", BY_SCHEMA),
    ("HOST_LABEL_LENGTH_MAX", BY_SCHEMA),
    ("HOST_CAPACITY_MAX", BY_SCHEMA),
    ("MATCH_MEMBERS_MAX", "so_many_are_in_a_match_and_no_more"),
    ("MATCH_ADDRESSES_MAX", BY_SCHEMA),
    ("MATCH_ADDRESS_LENGTH_MAX", BY_SCHEMA),
    ("MATCH_CONNECTION_BYTES_MAX", "everybody_hears_where_to_connect_and_only_their_own_token"),
    ("MATCH_NESTING_MAX", "t126_what_makes_no_sense_for_this_match_is_refused"),
    ("MATCH_CHANGES_MAX", BY_SCHEMA),
    ("MATCH_NOTE_LENGTH_MAX", BY_SCHEMA),
    ("MATCH_PLAYER_STATS_BYTES_MAX", "t126_what_makes_no_sense_for_this_match_is_refused"),
    ("MATCH_STATS_BYTES_MAX", "t126_what_makes_no_sense_for_this_match_is_refused"),
    ("MATCH_REPLAY_LENGTH_MAX", BY_SCHEMA),
    ("MATCH_RESULTS_MAX", "a_correction_keeps_what_was_before_and_is_counted_once_by_whoever_counts"),
    ("MATCHES_WITH_MAX", BY_SCHEMA),
    ("MATCHES_PLAYED_TOLD_MAX", "a_session_is_told_of_so_many_matches_and_no_more"),
    ("MATCHES_HOSTED_TOLD_MAX", "a_session_is_told_of_so_many_matches_and_no_more"),
    ("RELAY_BYTES_MAX", BY_SCHEMA),
    ("RELAY_TICK_MS", "what_is_relayed_waits_for_its_tick_and_reaches_those_it_is_for_in_order"),
    ("RELAY_PLAYERS_MAX", BY_SCHEMA),
    ("RELAYS_MAX", "relays_are_bounded_and_an_unused_one_makes_room"),
    ("RESTRICTION_TYPES_MAX", BY_SCHEMA),
    ("RESTRICTION_TYPE_LENGTH_MAX", BY_SCHEMA),
    ("RESTRICTIONS_OF_USER_MAX", "what_makes_no_sense_is_not_imposed"),
    ("RESTRICTION_MATCHES_MAX", BY_SCHEMA),
    ("RESTRICTION_EVIDENCE_BYTES_MAX", "evidence_has_a_bound_in_bytes_and_depth"),
    ("RESTRICTION_EVIDENCE_NESTING_MAX", "evidence_has_a_bound_in_bytes_and_depth"),
    ("BANS_MAX", "so_many_bans_hold_at_the_same_time"),
    ("BAN_VALUE_LENGTH_MAX", BY_SCHEMA),
    ("BAN_DAYS_MAX", "a_ban_is_well_formed_and_has_an_end"),
    ("BAN_IPV4_BITS_MIN", "a_ban_is_well_formed_and_has_an_end"),
    ("BAN_IPV6_BITS_MIN", "a_ban_is_well_formed_and_has_an_end"),
    ("TRACES_MAX", "so_many_traces_of_a_user_are_shown"),
    ("DEVICE_ID_LENGTH_MAX", BY_SCHEMA),
    ("REPORT_TEXT_LENGTH_MAX", BY_SCHEMA),
    ("MODERATION_NAME_LENGTH_MAX", BY_SCHEMA),
    ("REPORT_NEIGHBOURS_MAX", "what_is_reported_is_kept_with_its_neighbours"),
    ("REPORT_EXTRA_BYTES_MAX", "a_report_of_a_profile_keeps_what_its_user_says_of_themselves"),
    ("CASE_ITEMS_MAX", BY_SCHEMA),
    ("CASE_SNOOZE_DAYS_MAX", "a_case_is_released_put_off_and_given_to_somebody_else"),
    ("NOTE_LENGTH_MAX", BY_SCHEMA),
    ("NOTES_OF_USER_MAX", "so_many_notes_are_on_a_user"),
    ("ACT_ON_MANY_MAX", BY_SCHEMA),
    ("APPEALS_OF_ACTION_MAX", "an_appeal_is_upheld_or_ends_a_restriction_sooner"),
    ("APPEAL_TEXT_LENGTH_MAX", BY_SCHEMA),
    ("APPEAL_MESSAGES_MAX", "an_appeal_has_so_many_messages"),
    ("ALTERNATES_SHOWN_MAX", "so_many_alternates_are_shown"),
    ("NAME_LENGTH_MIN", "names_that_hide_something_are_refused"),
    ("NAME_LENGTH_MAX", "names_that_hide_something_are_refused"),
    ("NAME_MARKS_MAX", "names_that_hide_something_are_refused"),
    ("SEARCH_PREFIX_LENGTH_MIN", "players_search_by_the_beginning_of_a_name_and_by_nothing_else"),
    ("PRESENCE_BATCH_USERS", "who_watches_many_hears_of_them_more_rarely"),
    (
        "PRESENCE_BATCH_MS",
        "t098_a_watch_is_a_snapshot_and_then_only_what_changed_at_most_four_times_a_second",
    ),
    ("PRESENCE_TEXT_LENGTH_MAX", BY_SCHEMA),
    ("CREDENTIAL_LENGTH_MAX", BY_SCHEMA),
    ("SCORE_MAX", BY_SCHEMA),
    ("EMAIL_LENGTH_MAX", BY_SCHEMA),
    ("PASSWORD_LENGTH_MAX", BY_SCHEMA),
    ("PASSWORD_BYTES_MAX", "an_over_long_password_is_refused_before_any_work"),
    ("PASSWORDS_WAITING_MAX", "a_full_queue_refuses_at_once_says_when_to_come_back_and_recovers"),
    ("SECRET_LENGTH_MAX", BY_SCHEMA),
    ("SESSIONS_SIGNED_IN_MAX", "who_signs_in_too_often_loses_the_session_not_seen_for_longest"),
    ("GUESSES_AT_ONCE_MAX", "guesses_in_flight_are_bounded_and_those_without_a_verdict_were_wrong"),
    ("KNOWN_NETWORKS_MAX", "only_the_latest_networks_of_a_user_are_known"),
    ("AGENT_LENGTH_MAX", "t045_t048_one_sees_where_one_is_signed_in_and_ends_it"),
    ("REFRESH_RETRY_SECONDS", "an_answer_that_got_lost_is_given_again_within_thirty_seconds"),
    ("FRESH_SIGN_IN_MINUTES", "a_guest_signs_in_afresh_to_be_erased_and_a_key_cannot_ask_for_it"),
    ("SIGN_IN_CODE_SECONDS", "b24_t051_a_sign_in_code_is_good_once_and_for_thirty_seconds"),
    ("SIGN_IN_CODES_MAX", "b24_t051_a_sign_in_code_is_good_once_and_for_thirty_seconds"),
    ("ROLES_MAX", "there_is_an_end_to_roles"),
    ("ROLE_NAME_LENGTH_MAX", BY_SCHEMA),
    ("ROLE_ABOUT_LENGTH_MAX", BY_SCHEMA),
    ("PERMISSIONS_MAX", BY_SCHEMA),
    ("PERMISSION_LENGTH_MAX", BY_SCHEMA),
    ("KEYS_PER_USER_MAX", "there_is_an_end_to_the_keys_of_one_user"),
    ("KEY_NAME_LENGTH_MAX", BY_SCHEMA),
    ("EXTRA_ENTRIES_MAX", "extra_data_is_bounded_in_number_size_depth_and_letters"),
    ("EXTRA_KEY_LENGTH_MAX", BY_SCHEMA),
    ("EXTRA_BYTES_MAX", "extra_data_is_bounded_in_number_size_depth_and_letters"),
    ("EXTRA_NESTING_MAX", "extra_data_is_bounded_in_number_size_depth_and_letters"),
    ("EXPORT_SECTION_LENGTH_MAX", BY_SCHEMA),
    (
        "LETTERS_PER_HOUR_MAX",
        "p17_whoever_asks_for_a_new_password_learns_nothing_and_the_owner_gets_a_letter",
    ),
    ("LETTERS_TO_ADDRESS_PER_HOUR_MAX", "nobodys_mailbox_is_flooded_by_many_who_give_its_address"),
    (
        "RESET_CODE_MINUTES",
        "a_code_is_256_random_bits_kept_hashed_and_good_to_the_microsecond_across_a_restart",
    ),
    (
        "EMAIL_CODE_HOURS",
        "a_change_of_address_is_revoked_by_the_old_one_for_three_days_and_whoever_made_it_is_out",
    ),
    (
        "EMAIL_REVOKE_HOURS",
        "a_change_of_address_is_revoked_by_the_old_one_for_three_days_and_whoever_made_it_is_out",
    ),
    ("RESETS_WAITING_MAX", "so_many_requests_for_a_new_password_wait_and_no_more"),
    ("SETTING_KEY_LENGTH_MAX", BY_SCHEMA),
    ("SETTING_SEARCH_LENGTH_MAX", BY_SCHEMA),
    ("SETTING_BYTES_MAX", "what_is_unknown_or_wrong_is_refused_with_the_rule_and_the_nearest_key"),
    ("SETTINGS_FILE_LENGTH_MAX", BY_SCHEMA),
    ("USER_SETTINGS_BYTES_MAX", "a_section_of_a_user_has_so_many_bytes_at_most"),
    ("JOB_KIND_LENGTH_MAX", BY_SCHEMA),
    ("NOTICE_KIND_LENGTH_MAX", "kinds_that_muted_may_name_are_bounded"),
    ("NOTICE_PARAMS_BYTES_MAX", "what_nobody_registered_or_is_too_large_is_a_fault_of_the_program"),
    ("NOTICE_COLLAPSE_KEY_LENGTH_MAX", "what_nobody_registered_or_is_too_large_is_a_fault_of_the_program"),
    ("NOTICES_KEPT_MAX", "no_operator_keeps_more_notices_than_the_limit"),
    ("NOTICES_AT_ONCE_MAX", BY_SCHEMA),
    ("NOTICES_MUTED_MAX", "kinds_that_muted_may_name_are_bounded"),
    ("BROADCAST_TEXT_LENGTH_MAX", BY_SCHEMA),
    ("BROADCAST_LANGUAGES_MAX", "a_broadcast_that_makes_no_sense_is_refused"),
    ("BROADCAST_BYTES_MAX", "a_broadcast_that_makes_no_sense_is_refused"),
    ("BROADCAST_DAYS_MAX", "a_broadcast_that_makes_no_sense_is_refused"),
    ("SEGMENT_CHOICES_MAX", BY_SCHEMA),
    ("CONFIG_ENTRIES_MAX", "the_configuration_is_bounded_as_a_whole"),
    ("CONFIG_KEY_LENGTH_MAX", BY_SCHEMA),
    ("CONFIG_ABOUT_LENGTH_MAX", BY_SCHEMA),
    ("CONFIG_ANSWER_BYTES_MAX", "the_configuration_is_bounded_as_a_whole"),
    ("CONFIG_SCHEMA_BYTES_MAX", "values_keep_to_their_schema"),
    ("CONFIG_RULES_MAX", BY_SCHEMA),
    ("CONFIG_CHOICES_MAX", BY_SCHEMA),
    ("CONFIG_CHOICE_LENGTH_MAX", BY_SCHEMA),
    ("CONFIG_SHARE_MAX", BY_SCHEMA),
];

/// The names of the tests in this source that are not left out by default.
fn tests(text: &str) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim_start) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if line.starts_with("#[ignore") {
            is_test = false;
        } else if let Some((_, rest)) = line.split_once("fn ") {
            found.extend(rest.split(['(', '<']).next().filter(|_| is_test));
            is_test = false;
        }
    }
    found
}

/// What is wrong with a table of these limits over these sources.
fn wrong(table: &[(&str, &str)], limits: &[String], sources: &[Source]) -> Vec<String> {
    let tests: BTreeSet<&str> = sources.iter().flat_map(|source| tests(&source.text)).collect();
    let schemas = sources.iter().filter(|source| source.path.starts_with("crates/moothall-protocol/src/"));
    let schemas: Vec<&str> = schemas.map(|source| source.text.as_str()).collect();
    // `length(max = limits::X)` and `"maxLength": limits::X` both name the limit like this.
    let in_schema = |name: &str| {
        let path = format!("limits::{name}");
        schemas
            .iter()
            .flat_map(|text| text.split(&path).skip(1))
            .any(|after| !after.starts_with(|next: char| next.is_ascii_alphanumeric() || next == '_'))
    };
    let mut wrong = Vec::new();
    for limit in limits.iter().filter(|limit| table.iter().all(|(name, _)| name != limit)) {
        wrong.push(format!("{limit} is not in the table: no test reaches it"));
    }
    for (name, test) in table {
        if !limits.iter().any(|limit| limit == name) {
            wrong.push(format!("there is no limit {name}"));
        }
        if !tests.contains(test) {
            wrong.push(format!("there is no test {test}, or it is ignored: nothing reaches {name}"));
        }
        if *test == BY_SCHEMA && !in_schema(name) {
            wrong.push(format!("{name} is in no schema: name the test that reaches it"));
        }
    }
    wrong
}

#[test]
fn every_limit_is_reached_by_a_test() {
    let limits: Vec<String> =
        moothall_protocol::limits::all().into_iter().map(|limit| limit.name.to_uppercase()).collect();
    let wrong = wrong(REACHED, &limits, &sources(&["crates"]));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_limit_without_its_test_is_seen() {
    let source = |path: &str, text: &str| Source { path: path.into(), text: text.into() };
    let tree = |body: &str| {
        [
            source("crates/moothall-protocol/src/users.rs", "#[schemars(length(max = limits::NAME_MAX))]"),
            source("crates/moothall/src/users/tests.rs", body),
        ]
    };
    let limits = ["NAME_MAX".to_owned(), "USERS_MAX".to_owned()];
    let table = [("NAME_MAX", BY_SCHEMA), ("USERS_MAX", "there_is_an_end_to_users")];
    let by_schema = format!("#[test]\nfn {BY_SCHEMA}() {{}}\n");
    let good =
        format!("{by_schema}#[tokio::test(start_paused = true)]\nasync fn there_is_an_end_to_users() {{}}");
    assert_eq!(wrong(&table, &limits, &tree(&good)), Vec::<String>::new());
    assert_eq!(wrong(&table[..1], &limits, &tree(&good)).len(), 1, "not in the table");
    assert_eq!(wrong(&table, &limits[..1], &tree(&good)).len(), 1, "no such limit");
    assert_eq!(wrong(&[table[0], ("USERS_MAX", BY_SCHEMA)], &limits, &tree(&good)).len(), 1, "in no schema");
    for bad in
        ["fn there_is_an_end_to_users() {}", "#[test]\n#[ignore]\nfn there_is_an_end_to_users() {}", ""]
    {
        assert_eq!(wrong(&table, &limits, &tree(&format!("{by_schema}{bad}"))).len(), 1, "{bad}");
    }
}
