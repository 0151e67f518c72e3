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
    pub(crate) fn with(&self, document: Value, restriction_types: &[&str]) -> Result<Self, OpenError> {
        let read: Self = serde_json::from_value(document)
            .map_err(|error| OpenError::Setting { key: "", message: error.to_string() })?;
        // Neither is written with its secrets.
        let with = Self { store: self.store.clone(), mail: self.mail.clone(), ..read };
        with.check(restriction_types)?;
        Ok(with)
    }

    /// Refuses what no schema can refuse. All that is so must stand here, and in no context's start: what staff has set is looked at before
    /// it holds, and would else keep the server from starting.
    pub(crate) fn check(&self, restriction_types: &[&str]) -> Result<(), OpenError> {
        WordFilter::new(&self.communication.words)?;
        self.moderation.check(restriction_types)
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
    use crate::restrictions::types::RestrictionType;
    use crate::testing::{TestHall, on_both_engines, on_both_engines_as};
    use crate::{Cx, Fault as _, Hall, accounts, communication, parties, settings};

    fn setting(key: &str, value: Value) -> SetSetting {
        SetSetting { key: key.to_owned(), value, if_version: None, reason: "for a test".to_owned() }
    }

    async fn set_to(cx: &Cx, key: &str, value: Value) {
        settings::set(cx, setting(key, value)).await.unwrap();
    }

    fn trade() -> RestrictionType {
        let about = "Trading";
        RestrictionType { name: "trade", about, covered_by: &["all"], places: &[], is_hidden: false }
    }

    /// Otherwise the next start would be refused.
    #[tokio::test]
    async fn a_type_of_restrictions_that_there_is_not_is_refused_when_it_is_set() {
        on_both_engines_as(
            |builder| builder.restriction_type(trade()),
            async |hall: &mut TestHall| {
                let cx = hall.server();
                let mut templates = serde_json::to_value(&hall.hall.settings().moderation.templates).unwrap();
                templates[2]["types"] = json!(["singing"]);
                for (key, value) in [
                    ("moderation.warning_holds_back", json!(["chat", "singing"])),
                    ("moderation.templates", templates.clone()),
                ] {
                    let refused = settings::set(&cx, setting(key, value)).await.unwrap_err();
                    let fields = refused.details().fields.unwrap();
                    assert_eq!(fields[0].path, "/value", "{key}");
                    assert!(fields[0].message.contains("no type of restriction singing"), "{fields:?}");
                }
                // Those of the embedding program are known.
                templates[2]["types"] = json!(["trade"]);
                set_to(&cx, "moderation.templates", templates).await;
                set_to(&cx, "moderation.warning_holds_back", json!(["trade"])).await;
                hall.restart().await;
                assert_eq!(hall.hall.settings().moderation.warning_holds_back, ["trade"]);
            },
        )
        .await;
    }

    /// What the operator wrote into the file is the operator's to mend before the server starts.
    #[tokio::test]
    async fn a_file_that_names_a_type_that_there_is_not_keeps_the_server_from_starting() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings::default();
        settings.store.url = format!("sqlite:{}", folder.path().join("test.db").display());
        settings.moderation.warning_holds_back = vec!["trade".into()];
        let refused = Hall::builder(settings.clone()).open().await.err();
        let message = refused.map(|error| error.to_string()).unwrap_or_default();
        assert!(
            message.contains("moderation") && message.contains("no type of restriction trade"),
            "{message}"
        );
        Hall::builder(settings).restriction_type(trade()).open().await.unwrap();
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
