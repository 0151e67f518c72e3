//! Settings of accounts.

use moothall_protocol::limits::SCORE_MAX;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of accounts.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Whether anybody may make an account. Guests that there are can still give themselves an e-mail and a password.
    #[schemars(extend("x-public" = true))]
    pub sign_ups: bool,
    /// Whether one may play without e-mail and password.
    #[schemars(extend("x-public" = true))]
    pub guests: bool,
    /// What must happen before a new account can be used.
    #[schemars(extend("x-public" = true))]
    pub verification: Verification,
    /// Characters a password has at least.
    #[schemars(range(min = 6, max = 64), extend("x-public" = true))]
    pub password_length_min: usize,
    /// Argon2id: KiB of memory for one password. Stored passwords follow at the next sign-in.
    #[schemars(range(min = 8_192, max = 1_048_576), extend("x-start" = true))]
    pub password_memory_kib: u32,
    /// Argon2id: passes over the memory.
    #[schemars(range(min = 1, max = 20), extend("x-start" = true))]
    pub password_passes: u32,
    /// Wrong passwords for one login before the next has to wait; the wait doubles from a second to a day.
    #[schemars(range(min = 1, max = 10))]
    pub guesses_of_login: u32,
    /// Wrong passwords from one network before the next has to wait; the wait doubles from ten seconds to ten minutes.
    #[schemars(range(min = 1, max = 1_000))]
    pub guesses_of_network: u32,
    /// Minutes for which an access token is good.
    #[schemars(range(min = 1, max = 60))]
    pub access_token_minutes: u32,
    /// Days after which a session ends that was not refreshed.
    #[schemars(range(min = 1, max = 365))]
    pub session_days: u32,
    /// Days after which access tokens are signed with a new key.
    #[schemars(range(min = 1, max = 365))]
    pub signing_key_days: u32,
    /// The name under which this server signs access tokens.
    #[schemars(length(min = 1, max = 200), extend("x-start" = true))]
    pub issuer: String,
    /// The behaviour, trust and social score of a new account.
    #[schemars(range(min = 0, max = SCORE_MAX))]
    pub score_initial: i64,
    /// Words that no player may have in their name, such as the name of the game's makers.
    #[schemars(length(max = 1_000), inner(length(min = 1, max = 40)))]
    pub reserved_names: Vec<String>,
    /// Days between two changes of name.
    #[schemars(range(max = 3_650))]
    pub rename_days: u32,
    /// Days for which a name that was let go is nobody else's.
    #[schemars(range(max = 3_650))]
    pub name_hold_days: u32,
    /// Hours between the wish to be deleted and the erasure, in which it can be called off.
    #[schemars(range(max = 8_760))]
    pub deletion_hours: u32,
    /// Days after which the account of a guest who did not come back is erased; 0: never.
    #[schemars(range(max = 3_650))]
    pub guest_idle_days: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            sign_ups: true,
            guests: true,
            verification: Verification::None,
            password_length_min: 8,
            password_memory_kib: 19 * 1024,
            password_passes: 2,
            guesses_of_login: 4,
            guesses_of_network: 20,
            access_token_minutes: 10,
            session_days: 31,
            signing_key_days: 30,
            issuer: "moothall".into(),
            score_initial: 10_000,
            reserved_names: Vec::new(),
            rename_days: 30,
            name_hold_days: 30,
            deletion_hours: 24,
            guest_idle_days: 0,
        }
    }
}

/// What must happen before a new account can be used. Asked whenever tokens are issued, refreshed or used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verification {
    /// Nothing.
    #[default]
    None,
    /// Staff approves it.
    Manual,
    /// Its owner opens a link sent by e-mail. There are no guests then.
    Email,
}
