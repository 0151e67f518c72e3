//! What an operator or an embedding program sets before a hall opens. `config/example.toml` is generated from these types, and so is what
//! staff may change while it runs: see `settings.rs`. What is marked `x-start` is read at the start only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::OpenError;
use crate::filter::WordFilter;

/// The settings of a hall. Every key has a default.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where the data lives.
    #[schemars(extend("x-start" = true))]
    pub store: StoreSettings,
    /// Accounts, sign-in and sessions.
    pub accounts: crate::accounts::Settings,
    /// E-mail.
    #[schemars(extend("x-start" = true))]
    pub mail: crate::mail::Settings,
    /// Presence and live sessions.
    pub connections: crate::connections::Settings,
    /// Friends, and those one would rather not meet.
    pub relationships: crate::relationships::Settings,
    /// Rooms and messages.
    pub communication: crate::communication::Settings,
    /// Parties.
    pub parties: crate::parties::Settings,
    /// Lobbies.
    pub lobbies: crate::lobbies::Settings,
    /// Machines that run games.
    pub hosts: crate::hosts::Settings,
    /// Matches.
    pub matches: crate::matches::Settings,
    /// Notifications.
    pub notifications: crate::notifications::Settings,
    /// Reports, cases and actions.
    pub moderation: crate::moderation::Settings,
}

impl Settings {
    /// The same as this document says, but for what is read at the start only. Refuses what no schema can refuse.
    pub(crate) fn with(&self, document: Value) -> Result<Self, OpenError> {
        let read: Self = serde_json::from_value(document)
            .map_err(|error| OpenError::Setting { key: "", message: error.to_string() })?;
        // Neither is written with its secrets.
        let with = Self { store: self.store.clone(), mail: self.mail.clone(), ..read };
        WordFilter::new(&with.communication.words)?;
        with.moderation.check()?;
        Ok(with)
    }
}

/// Where the data lives.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StoreSettings {
    /// `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/DATABASE`.
    pub url: String,
    /// SQLite: `full` survives a power cut, `normal` may lose the last moments, `off` may lose everything.
    pub synchronous: Synchronous,
    /// Connections to PostgreSQL, or threads that read SQLite.
    #[schemars(range(min = 1, max = 64))]
    pub connections: usize,
    /// Milliseconds one statement may take.
    #[schemars(range(min = 100, max = 600_000))]
    pub statement_ms_max: u64,
    /// Start although PostgreSQL would lose acknowledged data (`fsync` or `synchronous_commit` off).
    pub allow_unsafe_durability: bool,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self {
            url: "sqlite:moothall-data/moothall.db".into(),
            synchronous: Synchronous::Full,
            connections: 4,
            statement_ms_max: 10_000,
            allow_unsafe_durability: false,
        }
    }
}

/// How sure SQLite makes of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Synchronous {
    /// Every commit survives a power cut.
    Full,
    /// Survives a crash; the last commits may not survive a power cut.
    Normal,
    /// For tests only.
    Off,
}

#[cfg(test)]
mod tests {
    use moothall_protocol::accounts::SignUpGuest;
    use moothall_protocol::communication::{CreateRoom, JoinRoom};
    use moothall_protocol::parties::CreateParty;
    use moothall_protocol::settings::SetSetting;
    use serde_json::json;

    use super::*;
    use crate::testing::on_both_engines;
    use crate::{Cx, Fault as _, accounts, communication, parties, settings};

    async fn set_to(cx: &Cx, key: &str, value: Value) {
        let (key, reason) = (key.to_owned(), "for a test".to_owned());
        settings::set(cx, SetSetting { key, value, if_version: None, reason }).await.unwrap();
    }

    #[tokio::test]
    async fn a_change_holds_for_the_next_call_and_for_what_is_in_memory() {
        on_both_engines(async |hall| {
            let (cx, ana) = (hall.server(), hall.user("ana").await);
            let ana = hall.call(ana, &[]);
            let large = || CreateParty { max_members: Some(16), ..CreateParty::default() };
            set_to(&cx, "parties.members_max", json!(4)).await;
            let refused = parties::create(&ana, large()).await.unwrap_err();
            assert_eq!(refused.details().fields.unwrap()[0].max, Some(4.0));
            // A room that is in memory already.
            let room = serde_json::from_value::<CreateRoom>(json!({ "name": "tavern" })).unwrap();
            let room = communication::create_room(&ana, room).await.unwrap();
            let join = async |name: &str| {
                let user = hall.user(name).await;
                communication::join(&hall.call(user, &[]), JoinRoom { room_id: room.id }).await
            };
            join("ben").await.unwrap();
            set_to(&cx, "communication.members_max", json!(2)).await;
            let refused = join("cleo").await.unwrap_err();
            assert_eq!(refused.code(), "room_full");
            set_to(&cx, "communication.members_max", json!(2_000)).await;
            join("dora").await.unwrap();
            let guest = async || accounts::sign_up_guest(&hall.nobody(), SignUpGuest::default()).await;
            set_to(&cx, "accounts.sign_ups", json!(false)).await;
            assert_eq!(guest().await.unwrap_err().code(), "sign_ups_closed");
            set_to(&cx, "accounts.sign_ups", json!(true)).await;
            guest().await.unwrap();
            // What is made of settings, too.
            let words = json!([{ "word": "parsnip", "verdict": "block" }]);
            set_to(&cx, "communication.words", words).await;
            assert!(!hall.hall.words().allows("a parsnip"));
        })
        .await;
    }
}
