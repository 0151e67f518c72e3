//! The cast of the tests that call every operation: a player whom it is about, and the one who calls.
//!
//! What an operation needs for its input is made up here, by the names of its fields: [`Cast::input`]. A new operation whose
//! fields have known names needs nothing; else this file says what to send, and the test that misses it says so.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use moothall::connections::Stream;
use moothall::protocol::accounts::{CreateBot, CreateKey, CreateRole, DeleteUser, GrantRole, Segment};
use moothall::protocol::hosts::PutHostPool;
use moothall::protocol::jobs::{JobStatus, ListJobs};
use moothall::protocol::lobbies::{ModeTeams, PutGameMode, PutLobbyPolicy, TeamsShape};
use moothall::protocol::matches::OpenRelay;
use moothall::protocol::moderation::{
    Act, ActionKind, AddNote, AlternateVerdict, Deed, LinkAlternates, ListCases, NoteKind,
};
use moothall::protocol::notifications::{Broadcast, CreateBroadcast};
use moothall::protocol::parties::{CreateParty, InviteToParty, JoinParty, Party};
use moothall::protocol::remote_config::{ConfigEntry, PutConfig};
use moothall::protocol::restrictions::{
    AddBan, ImposeRestriction, RestrictionScope, RestrictionSource, TraceKind,
};
use moothall::protocol::{BroadcastId, JobId, UserId};
use moothall::{
    Caller as Calling, Cx, Operation, Origin, accounts, hosts, jobs, lobbies, matches, moderation,
    notifications, parties, remote_config, restrictions, snapshot,
};
use moothall_testing::{PASSWORD, Player, Reply, Shows, TestServer};
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use tokio::sync::OnceCell;

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// Without a sign-in.
    Nobody,
    /// An account without e-mail and password.
    Guest,
    /// The player whom the operation is about.
    Player,
    /// Another player.
    Other,
    /// A game host, by its key.
    Host,
    Moderator,
    Administrator,
}

impl Column {
    pub const ALL: [Self; 7] = [
        Self::Nobody,
        Self::Guest,
        Self::Player,
        Self::Other,
        Self::Host,
        Self::Moderator,
        Self::Administrator,
    ];

    pub fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }
}

pub struct Cast<'a> {
    server: &'a TestServer,
    /// The player whom it is about.
    player: Player,
    /// Another one, whom the player does something to or with.
    bystander: OnceCell<Player>,
    caller: Caller,
    room: OnceCell<Room>,
    /// Of the player, with the bystander in it.
    party: OnceCell<Party>,
    /// Those of players who must be connected.
    streams: Mutex<Vec<Stream>>,
    lobby: OnceCell<Lobby>,
    played: OnceCell<String>,
    flag: OnceCell<ConfigEntry>,
    /// The letter to the player's address after they signed up has come: the next one is what was asked for.
    is_welcome: OnceCell<()>,
}

/// A room that only its members know of: the player, who owns it, and the bystander. The player wrote a message.
#[derive(Clone)]
pub struct Room {
    pub id: String,
    name: String,
    pub message_id: String,
}

/// A lobby that is only for the invited: the player, who hosts it, and the bystander, who both play.
pub struct Lobby {
    pub id: String,
    code: String,
}

enum Caller {
    Nobody,
    Player(Player),
    Key(String),
}

/// A name nobody has yet.
fn fresh(stem: &str) -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    // Letters only: digits may look like letters, and a name that looks like another is taken.
    let mut number = MADE.fetch_add(1, Ordering::Relaxed);
    let mut name = format!("{stem}.");
    for _ in 0..5 {
        name.push(char::from(b'a' + (number % 20) as u8));
        number /= 20;
    }
    name
}

impl<'a> Cast<'a> {
    pub async fn new(server: &'a TestServer, column: Column) -> Self {
        let [player, _bystander] =
            [server.api.sign_up(&fresh("player")).await, server.api.sign_up(&fresh("bystander")).await];
        let caller = match column {
            Column::Nobody => Caller::Nobody,
            Column::Guest => {
                let session = server.api.post("/v1/accounts/guests", Shows::Nothing, json!({})).await;
                Caller::Player(Player::of(&session.ok()))
            }
            Column::Player => Caller::Player(player.clone()),
            Column::Other => Caller::Player(server.api.sign_up(&fresh("other")).await),
            Column::Host => Caller::Key(key_of_host(server).await),
            Column::Moderator => Caller::Player(staff(server, "moderator").await),
            Column::Administrator => Caller::Player(staff(server, "administrator").await),
        };
        Self {
            server,
            player,
            bystander: OnceCell::new(),
            caller,
            room: OnceCell::new(),
            party: OnceCell::new(),
            streams: Mutex::default(),
            lobby: OnceCell::new(),
            played: OnceCell::new(),
            flag: OnceCell::new(),
            is_welcome: OnceCell::new(),
        }
    }

    fn shows(&self) -> Shows<'_> {
        match &self.caller {
            Caller::Nobody => Shows::Nothing,
            Caller::Player(player) => player.into(),
            Caller::Key(key) => Shows::Key(key),
        }
    }

    /// Calls an operation with an input made for it.
    pub async fn call(&self, operation: &Operation, input: &Map<String, Value>, key: Option<&str>) -> Reply {
        let (mut path, rest) = location(operation, input);
        if !takes_body(operation) && !rest.is_empty() {
            // Of a list each item is a pair.
            let items = rest.iter().flat_map(|(name, value)| match value {
                Value::Array(items) => items.iter().map(|item| (name, item)).collect(),
                value => vec![(name, value)],
            });
            let pairs: Vec<String> = items.map(|(name, value)| format!("{name}={}", text(value))).collect();
            path = format!("{path}?{}", pairs.join("&").replace(' ', "%20"));
        }
        let body = takes_body(operation).then_some(Value::Object(rest));
        let headers: Vec<(&str, &str)> = key.map(|key| ("idempotency-key", key)).into_iter().collect();
        self.server.api.send(operation.method.as_str(), &path, self.shows(), &headers, body.as_ref()).await
    }

    /// Who calls, if it is a person.
    pub fn caller_id(&self) -> Option<UserId> {
        match &self.caller {
            Caller::Player(player) => Some(player.id),
            Caller::Nobody | Caller::Key(_) => None,
        }
    }

    /// Calls an operation with any body, where this input is to be found.
    pub async fn send(&self, operation: &Operation, input: &Map<String, Value>, body: &Value) -> Reply {
        let (path, _) = location(operation, input);
        self.server.api.send(operation.method.as_str(), &path, self.shows(), &[], Some(body)).await
    }

    /// An input that this operation takes.
    pub async fn input(&self, operation: &Operation) -> Map<String, Value> {
        if matches!(operation.name, "hosts.beat" | "hosts.mine") {
            // Whoever may not is refused here as there.
            let pool = self.host_pool().await;
            let host = json!({ "pool": pool, "version": "1", "region": "eu", "addresses": ["192.0.2.1:7000"], "capacity": 1 });
            let _ = self.server.api.post("/v1/hosts/register", self.shows(), host).await;
        }
        self.input_with(operation, &[]).await
    }

    /// The same, with these fields as they are given.
    pub async fn input_with(&self, operation: &Operation, given: &[(&str, Value)]) -> Map<String, Value> {
        let mut input: Map<String, Value> =
            given.iter().map(|(field, value)| ((*field).to_owned(), value.clone())).collect();
        let required =
            schema(operation).get("required").and_then(Value::as_array).cloned().unwrap_or_default();
        for field in required.iter().filter_map(Value::as_str).chain(optional(operation.name).iter().copied())
        {
            if !input.contains_key(field) {
                input.insert(field.to_owned(), self.field(operation.name, field).await);
            }
        }
        input
    }

    pub async fn field(&self, operation: &str, field: &str) -> Value {
        let player = &self.player;
        match (operation, field) {
            ("accounts.update_role" | "accounts.delete_role", "name") => json!(self.role().await),
            ("accounts.create_role", "name") => json!(fresh("role").replace('.', "_")),
            ("accounts.grant_role", "role") => json!("bot"),
            ("accounts.revoke_role", "role") => {
                grant(self.server, player.id, "bot").await;
                json!("bot")
            }
            ("accounts.cancel_user_deletion", "user_id") => {
                let cx = Cx::server(&self.server.hall);
                let delete = DeleteUser { user_id: player.id, reason: "for a test".into() };
                accounts::delete_user(&cx, delete).await.unwrap();
                json!(player.id)
            }
            ("accounts.verify_email", "code") => {
                json!(self.mailed("/v1/me/email/verification", json!({})).await)
            }
            ("accounts.reset_password", "code") => {
                let body = json!({ "email": address(player) });
                json!(self.mailed("/v1/accounts/password/reset_request", body).await)
            }
            ("accounts.revoke_email_change", "code") => {
                // Only an address that was shown to be the player's can take a change back.
                let code = self.mailed("/v1/me/email/verification", json!({})).await;
                let verify = json!({ "code": code });
                self.server.api.post("/v1/accounts/email/verification", Shows::Nothing, verify).await;
                let body = json!({ "email": format!("{}@example.net", player.name), "password": PASSWORD });
                json!(self.mailed("/v1/me/email", body).await)
            }
            ("accounts.sign_in_with_code", "code") => {
                let code: Value =
                    self.server.api.post("/v1/accounts/sign_in_codes", player, json!({})).await.ok();
                code["code"].clone()
            }
            ("accounts.claim_administrator", "token") => {
                json!(
                    accounts::bootstrap_token(&self.server.hall).await.unwrap().unwrap_or("mha_void".into())
                )
            }
            ("accounts.request_password_reset", "email") => json!(address(player)),
            ("communication.join" | "communication.leave", "room_id") => self.public_room(operation).await,
            ("communication.restore_room", "room_id") => {
                let room = self.room().await;
                let path = format!("/v1/rooms/{}/archive", room.id);
                let _: Value = self.server.api.post(&path, player, json!({})).await.ok();
                json!(room.id)
            }
            ("communication.add_member", "user_id") => json!(self.friend().await),
            ("communication.find_room", "name") => json!(self.room().await.name),
            ("communication.create_group", "user_ids") => {
                json!([self.friend().await, self.friend().await])
            }
            ("communication.set_role", "role") => json!("moderator"),
            ("communication.answer_request", "answer") => json!("accept"),
            ("relationships.list", "kind") => json!("friends"),
            ("relationships.note", "note") => json!("plays well"),
            ("relationships.preview_purge", "days") => json!(365),
            (name, "user_id") if name.starts_with("relationships.") => self.related(name).await,
            (name, field) if name.starts_with("matches.") && is_of_match(name, field) => {
                self.match_field(name, field).await
            }
            ("matches.relay" | "matches.close_relay", "match_id") => {
                let input = OpenRelay { user_ids: vec![player.id] };
                json!(matches::open_relay(&Cx::server(&self.server.hall), input).await.unwrap().match_id)
            }
            ("hosts.put_pool", "slug") => json!(fresh("pool")),
            ("hosts.register", "pool") | ("hosts.remove_pool", "slug") => json!(self.host_pool().await),
            ("hosts.register", "version" | "region") => json!("any"),
            ("hosts.register", "addresses") => json!(["192.0.2.1:7000"]),
            ("hosts.register", "capacity") => json!(1),
            (name, field) if self.is_of_moderation(name, field) => self.moderation_field(name, field).await,
            (name, field) if name.starts_with("lobbies.") && self.is_of_lobby(field) => {
                self.lobby_field(name, field).await
            }
            ("parties.accept" | "parties.decline", "party_id") => {
                let host = self.bystander().await;
                json!(self.invited(&self.party_by(host).await, host, player).await.id)
            }
            ("parties.join", "code") => json!(self.party_by(self.bystander().await).await.code),
            ("parties.invite", "user_id") => {
                let third = self.server.api.sign_up(&fresh("third")).await;
                self.connect(&third).await;
                json!(third.id)
            }
            ("parties.cancel_invite", "user_id") => {
                let third = self.server.api.sign_up(&fresh("third")).await;
                self.invited(self.party().await, player, &third).await;
                json!(third.id)
            }
            (name, "user_id") if name.starts_with("parties.") => json!(self.bystander().await.id),
            ("settings.set" | "settings.reset" | "settings.get" | "settings.history", "key") => {
                json!("lobbies.request_ms")
            }
            ("settings.set", "value") => json!(61_000),
            ("settings.import", "toml") => json!("[lobbies]\nrequest_ms = 62000\n"),
            ("settings.update_user", "section") => json!("locale"),
            ("settings.update_user", "values") => json!({ "language": "en" }),
            ("remote_config.put", "key") => json!(fresh("flag")),
            ("remote_config.put", "value") => json!(true),
            ("remote_config.roll_back", "version") => json!(self.flag().await.version),
            (name, "key") if name.starts_with("remote_config.") => json!(self.flag().await.key),
            ("notifications.create_broadcast", "segment") => json!({ "roles": [self.role().await] }),
            (_, "broadcast_id") => json!(self.broadcast().await),
            (_, "job_id") => json!(self.job().await),
            (_, "party_id") => json!(self.party().await.id),
            (_, "is_ready") => json!(true),
            (_, "data") => json!("AAA="),
            (_, "room_id") => json!(self.room().await.id),
            (_, "message_id") => json!(self.room().await.message_id),
            (_, "text") => json!("well met"),
            (_, "seq") => json!(1),
            (name, "user_id") if name.starts_with("communication.") => json!(self.bystander().await.id),
            (_, "user_id") => json!(player.id),
            (_, "user_ids") => json!([player.id, self.bystander().await.id]),
            (_, "session_id") => {
                // Not the one that the player calls with.
                let body = json!({ "login": player.name, "password": PASSWORD });
                let session: Value =
                    self.server.api.post("/v1/accounts/sign_in", Shows::Nothing, body).await.ok();
                session["session_id"].clone()
            }
            (_, "key_id") => json!(self.key().await),
            (_, "key") => {
                let path = format!("/v1/users/{}/extra/theme", player.id);
                let body = json!({ "value": "dark" });
                let put = self.server.api.send("PUT", &path, player.into(), &[], Some(&body)).await;
                assert!(put.status < 300, "{}", put.text);
                json!("theme")
            }
            (_, "value") => json!({ "dark": true }),
            (_, "watch_id") => json!(player.id),
            (_, "name") => json!(fresh("name")),
            (_, "email") => json!(format!("{}@example.org", fresh("mail"))),
            (_, "login" | "name_prefix") => json!(player.name),
            (_, "password") => json!(PASSWORD),
            (_, "new_password") => json!("a better one than that"),
            (_, "refresh_token") => json!(player.refresh_token),
            (_, "reason" | "about") => json!("because"),
            (_, "permissions" | "scopes") => json!([]),
            _ => panic!("cast.rs does not say what `{field}` of {operation} is"),
        }
    }

    /// A code that was mailed to the player after this request of theirs.
    async fn mailed(&self, path: &str, body: Value) -> String {
        let welcome = async || drop(self.server.mailbox.code(&address(&self.player)).await);
        self.is_welcome.get_or_init(welcome).await;
        let sent = self.server.api.post(path, &self.player, body).await;
        assert!(sent.status < 300, "{}", sent.text);
        self.server.mailbox.code(&address(&self.player)).await
    }

    async fn bystander(&self) -> &Player {
        self.bystander.get_or_init(async || self.server.api.sign_up(&fresh("bystander")).await).await
    }

    /// Somebody to whom the player is what it takes for this operation.
    async fn related(&self, operation: &str) -> Value {
        let bystander = self.bystander().await;
        match operation {
            "relationships.accept" | "relationships.decline" => self.asks(bystander, &self.player).await,
            "relationships.cancel" => self.asks(&self.player, bystander).await,
            "relationships.remove" => self.befriend(bystander).await,
            _ => {}
        }
        json!(bystander.id)
    }

    async fn asks(&self, one: &Player, other: &Player) {
        let path = format!("/v1/friends/{}", other.id);
        let reply = self.server.api.send("PUT", &path, one.into(), &[], Some(&json!({}))).await;
        assert!(reply.status < 300, "{}", reply.text);
    }

    async fn befriend(&self, other: &Player) {
        self.asks(other, &self.player).await;
        self.asks(&self.player, other).await;
    }

    /// A new friend of the player, and of the person who calls.
    async fn friend(&self) -> UserId {
        let friend = self.server.api.sign_up(&fresh("friend")).await;
        self.befriend(&friend).await;
        // Whoever calls in the player's place is to be told nothing else.
        if let Caller::Player(caller) = &self.caller
            && caller.id != self.player.id
        {
            self.asks(&friend, caller).await;
            self.asks(caller, &friend).await;
        }
        friend.id
    }

    /// The party of the player, with the bystander in it.
    async fn party(&self) -> &Party {
        let make = async || {
            let party = self.party_by(&self.player).await;
            let code = party.code.clone().unwrap();
            parties::join(&self.connect(self.bystander().await).await, JoinParty { code }).await.unwrap()
        };
        self.party.get_or_init(make).await
    }

    /// An open party that this player made.
    async fn party_by(&self, player: &Player) -> Party {
        let open = CreateParty { is_open: Some(true), ..CreateParty::default() };
        parties::create(&self.connect(player).await, open).await.unwrap()
    }

    /// Has a member invite somebody into a party.
    async fn invited(&self, party: &Party, by: &Player, player: &Player) -> Party {
        self.connect(player).await;
        let input = InviteToParty { party_id: party.id, user_id: player.id };
        parties::invite(&self.connect(by).await, input).await.unwrap();
        party.clone()
    }

    /// Connects a player, and calls as them.
    async fn connect(&self, player: &Player) -> Cx {
        let token = accounts::Credential::Bearer(player.token.clone());
        let identity = accounts::authenticate(&self.server.hall, &token).await.unwrap();
        let cx = Cx::new(&self.server.hall, Calling::Member(identity), Origin::default());
        let stream = snapshot::open(&cx, None).await.unwrap();
        self.streams.lock().unwrap().push(stream);
        cx
    }

    async fn room(&self) -> &Room {
        let make = async || {
            let api = &self.server.api;
            let body = json!({ "name": fresh("room") });
            let room: Value = api.post("/v1/rooms", &self.player, body).await.ok();
            let (id, name) = (text(&room["id"]), text(&room["name"]));
            let bystander = self.bystander().await;
            let joined = api.send("POST", &format!("/v1/rooms/{id}/join"), bystander.into(), &[], None).await;
            assert!(joined.status < 300, "{}", joined.text);
            // From here on nobody comes in but friends of who is in it.
            let shut = json!({ "member_only": true });
            let path = format!("/v1/rooms/{id}");
            let shut = api.send("PATCH", &path, (&self.player).into(), &[], Some(&shut)).await;
            assert!(shut.status < 300, "{}", shut.text);
            self.spoken_in(id, name).await
        };
        self.room.get_or_init(make).await
    }

    /// The room of this id, in which the player has just said something.
    async fn spoken_in(&self, id: String, name: String) -> Room {
        let path = format!("/v1/rooms/{id}/messages");
        let said: Value = self.server.api.post(&path, &self.player, json!({ "text": "hello" })).await.ok();
        Room { id, name, message_id: text(&said["id"]) }
    }

    /// One of each kind that only its members know of: a room, a group, a direct conversation.
    pub async fn hidden_rooms(&self) -> [Room; 3] {
        let (api, friend) = (&self.server.api, self.friend().await);
        let group: Value = api.post("/v1/groups", &self.player, json!({ "user_ids": [friend] })).await.ok();
        let direct: Value = api.post("/v1/direct", &self.player, json!({ "user_id": friend })).await.ok();
        let [group, direct] = [text(&group["id"]), text(&direct["id"])];
        [
            self.room().await.clone(),
            self.spoken_in(group, String::new()).await,
            self.spoken_in(direct, String::new()).await,
        ]
    }

    /// A room of the caller's.
    pub async fn own_room(&self) -> Value {
        let room = self.server.api.post("/v1/rooms", self.shows(), json!({ "name": fresh("own") })).await;
        room.ok::<Value>()["id"].clone()
    }

    /// A room of the bystander that everybody may join; the player has, if it is to be left.
    async fn public_room(&self, operation: &str) -> Value {
        let api = &self.server.api;
        let room: Value =
            api.post("/v1/rooms", self.bystander().await, json!({ "name": fresh("open") })).await.ok();
        if operation == "communication.leave" {
            let path = format!("/v1/rooms/{}/join", text(&room["id"]));
            let joined = api.post(&path, &self.player, json!({})).await;
            assert!(joined.status < 300, "{}", joined.text);
        }
        room["id"].clone()
    }

    /// A pool of hosts.
    async fn host_pool(&self) -> String {
        let pool = PutHostPool {
            slug: fresh("pool"),
            name: "Pool".into(),
            modes: Vec::new(),
            versions: Vec::new(),
            regions: Vec::new(),
            if_version: None,
            reason: "for a test".into(),
        };
        hosts::put_pool(&Cx::server(&self.server.hall), pool).await.unwrap().slug
    }

    fn is_of_moderation(&self, operation: &str, field: &str) -> bool {
        let is_theirs = operation.starts_with("moderation.") || operation.starts_with("restrictions.");
        let is_special = matches!(
            (operation, field),
            ("moderation.report", "user_id") | ("restrictions.add_ban" | "restrictions.preview_ban", "value")
        );
        is_theirs && (is_special || !["user_id", "user_ids", "text", "reason", "name"].contains(&field))
    }

    async fn moderation_field(&self, operation: &str, field: &str) -> Value {
        let (cx, player) = (Cx::server(&self.server.hall), self.player.id);
        let tomorrow = cx.now() + Duration::from_secs(24 * 3_600);
        let reason = || "for a test".to_owned();
        match (operation, field) {
            (_, "user_id") => json!(self.bystander().await.id),
            (_, "target_id") => json!(player),
            (_, "subject") => json!("user"),
            (_, "category") => json!("insult"),
            (_, "deed") => json!(deed()),
            (_, "types") => json!(["chat"]),
            (_, "source") => json!("automatic"),
            (_, "public_reason" | "decision") => json!("be kind"),
            (_, "ends_at" | "until") => json!(tomorrow),
            (_, "kind") => json!("email_domain"),
            (_, "value") => json!(format!("{}.example", fresh("spam").replace('.', "-"))),
            ("moderation.decide_appeal", "outcome") => json!("uphold"),
            (_, "outcome") => json!("unclear"),
            (_, "verdict") => json!("household"),
            (_, "is_pinned") => json!(true),
            (_, "restriction_id") => {
                let input = ImposeRestriction {
                    user_id: player,
                    types: vec!["chat".into()],
                    scope: RestrictionScope::default(),
                    reason: reason(),
                    public_reason: reason(),
                    evidence: Map::new(),
                    ends_at: None,
                    after_matches: None,
                    source: RestrictionSource::Automatic,
                };
                json!(restrictions::impose_restriction(&cx, input).await.unwrap().id)
            }
            (_, "ban_id") => {
                let input = AddBan {
                    kind: TraceKind::EmailDomain,
                    value: format!("{}.example", fresh("spam").replace('.', "-")),
                    spares_older: None,
                    ends_at: tomorrow,
                    reason: reason(),
                    public_reason: reason(),
                };
                json!(restrictions::add_ban(&cx, input).await.unwrap().id)
            }
            (_, "case_id") => {
                let body = json!({ "subject": "user", "user_id": player, "category": "insult" });
                let api = &self.server.api;
                let _: Value = api.post("/v1/moderation/reports", self.bystander().await, body).await.ok();
                let of_player = ListCases { target_id: Some(player), ..ListCases::default() };
                json!(moderation::list_cases(&cx, of_player).await.unwrap().items[0].id)
            }
            (_, "action_id") => json!(self.warned().await),
            (_, "appeal_id") => {
                let path = format!("/v1/moderation/actions/{}/appeals", self.warned().await);
                let appeal: Value =
                    self.server.api.post(&path, &self.player, json!({ "text": "no" })).await.ok();
                appeal["id"].clone()
            }
            (_, "note_id") => {
                let input = AddNote {
                    user_id: player,
                    case_id: None,
                    kind: NoteKind::General,
                    text: reason(),
                    is_pinned: None,
                };
                json!(moderation::add_note(&cx, input).await.unwrap().id)
            }
            (_, "other_id") => {
                let other_id = self.bystander().await.id;
                if operation == "moderation.unlink_alternates" {
                    let verdict = AlternateVerdict::Household;
                    let input = LinkAlternates { user_id: player, other_id, verdict, reason: reason() };
                    moderation::link_alternates(&cx, input).await.unwrap();
                }
                json!(other_id)
            }
            _ => panic!("cast.rs does not say what `{field}` of {operation} is"),
        }
    }

    /// A warning of the player.
    async fn warned(&self) -> String {
        let input = Act {
            user_id: self.player.id,
            deed: deed(),
            case_id: None,
            keeps_case_open: None,
            disagreed: Vec::new(),
        };
        moderation::act(&Cx::server(&self.server.hall), input).await.unwrap().id.to_string()
    }

    fn is_of_lobby(&self, field: &str) -> bool {
        !["name", "reason"].contains(&field)
    }

    async fn lobby_field(&self, operation: &str, field: &str) -> Value {
        let post = async |path: &str, player: &Player, body: Value| {
            let path = format!("/v1/lobbies/{}/{path}", self.lobby().await.id);
            let reply = self.server.api.post(&path, player, body).await;
            assert!(reply.status < 300, "{}", reply.text);
            reply.json()
        };
        match (operation, field) {
            ("lobbies.remove_mode", "slug") => json!(self.game_mode().await),
            ("lobbies.remove_policy", "slug") => json!(self.lobby_policy().await),
            (_, "open_min") => json!(1),
            (_, "slug") => json!(fresh("mode")),
            (_, "teams") => json!(teams()),
            (_, "spectators_max") => json!(10),
            (_, "mode") => json!("free"),
            ("lobbies.approve" | "lobbies.reject", "user_id") => {
                let path = format!("/v1/lobbies/{}", self.lobby().await.id);
                let open = json!({ "access": "approval" });
                let opened =
                    self.server.api.send("PATCH", &path, (&self.player).into(), &[], Some(&open)).await;
                assert!(opened.status < 300, "{}", opened.text);
                let third = self.server.api.sign_up(&fresh("third")).await;
                post("join", &third, json!({})).await;
                json!(third.id)
            }
            ("lobbies.invite", "user_id") => json!(self.server.api.sign_up(&fresh("third")).await.id),
            (_, "user_id") => json!(self.bystander().await.id),
            ("lobbies.cancel_vote", "lobby_id") => {
                self.called_vote().await;
                json!(self.lobby().await.id)
            }
            ("lobbies.cancel_start", "lobby_id") => {
                post("start", &self.player, json!({})).await;
                json!(self.lobby().await.id)
            }
            (_, "lobby_id") => json!(self.lobby().await.id),
            (_, "code") => json!(self.lobby().await.code),
            (_, "number") => self.called_vote().await,
            (_, "choice") => json!("no"),
            (_, "subject") => json!({ "kind": "map", "map": "hill" }),
            (_, "map") => json!("hill"),
            (_, "is_boss") => json!(true),
            (_, "bot_id") => post("bots", &self.player, json!({ "name": "Robo" })).await["bot_id"].clone(),
            _ => panic!("cast.rs does not say what `{field}` of {operation} is"),
        }
    }

    /// A policy of lobbies that the server keeps.
    async fn lobby_policy(&self) -> String {
        let policy = PutLobbyPolicy {
            slug: fresh("policy"),
            name: "Arena {n}".into(),
            mode: "free".into(),
            open_min: 1,
            pool: None,
            game_version: None,
            regions: Vec::new(),
            teams: None,
            map: None,
            is_rated: None,
            tags: Vec::new(),
            if_version: None,
            reason: "for a test".into(),
        };
        lobbies::policies::put(&Cx::server(&self.server.hall), policy).await.unwrap().slug
    }

    async fn match_field(&self, operation: &str, field: &str) -> Value {
        match (operation, field) {
            (_, "match_id") => json!(self.played.get_or_init(async || self.played(operation).await).await),
            ("matches.head_to_head", "user_id") => json!(self.player.id),
            ("matches.head_to_head", "other_id") => json!(self.bystander().await.id),
            (_, "update") => json!(1),
            ("matches.correct", "report") => json!({ "outcome": { "kind": "draw" } }),
            (_, "report") => json!({ "outcome": { "kind": "won", "teams": [1] } }),
            _ => panic!("cast.rs does not say what `{field}` of {operation} is"),
        }
    }

    /// A match of the player and the bystander, as far as this operation needs it to be.
    async fn played(&self, operation: &str) -> String {
        let bystander = self.bystander().await;
        let path = format!("/v1/lobbies/{}/start", self.lobby().await.id);
        let own: Value = self.server.api.post(&path, &self.player, json!({ "countdown_ms": 0 })).await.ok();
        let id = text(&own["lobby"]["match_id"]);
        let says = async |by: &Player, what: &str, body: Value| {
            let path = format!("/v1/matches/{id}/{what}");
            let reply = self.server.api.post(&path, by, body).await;
            assert!(reply.status < 300, "{}", reply.text);
        };
        if operation == "matches.ready" {
            return id;
        }
        says(&self.player, "ready", json!({})).await;
        let won = |team: u32| json!({ "report": { "outcome": { "kind": "won", "teams": [team] } } });
        if let "matches.decide" | "matches.correct" = operation {
            says(&self.player, "reports", won(1)).await;
            // They agree, or contradict each other.
            says(bystander, "reports", won(if operation == "matches.correct" { 1 } else { 2 })).await;
        }
        id
    }

    /// The number of a vote that the bystander has called.
    async fn called_vote(&self) -> Value {
        let path = format!("/v1/lobbies/{}/vote", self.lobby().await.id);
        let subject = json!({ "subject": { "kind": "map", "map": "dale" } });
        let own: Value = self.server.api.post(&path, self.bystander().await, subject).await.ok();
        own["lobby"]["vote"]["number"].clone()
    }

    pub async fn lobby(&self) -> &Lobby {
        let make = async || {
            let api = &self.server.api;
            let body = json!({ "name": "Den", "mode": "free", "access": "invite_only", "has_bosses": true });
            let own: Value = api.post("/v1/lobbies", &self.player, body).await.ok();
            let (id, code) = (text(&own["lobby"]["id"]), text(&own["lobby"]["code"]));
            let join = json!({ "code": code, "wish": "play" });
            let joined = api.post("/v1/lobbies/join", self.bystander().await, join).await;
            assert!(joined.status < 300, "{}", joined.text);
            Lobby { id, code }
        };
        self.lobby.get_or_init(make).await
    }

    async fn game_mode(&self) -> String {
        let mode = PutGameMode {
            slug: fresh("mode"),
            name: "Duel".into(),
            teams: teams(),
            roles: Vec::new(),
            maps: Vec::new(),
            spectators_max: 10,
            players_min: None,
            allows_bots: None,
            joins_running: None,
            needs_ready: None,
            properties: None,
            if_version: None,
            reason: "for a test".into(),
        };
        lobbies::modes::put(&Cx::server(&self.server.hall), mode).await.unwrap().slug
    }

    /// An entry of the remote configuration.
    async fn flag(&self) -> &ConfigEntry {
        let put = || PutConfig {
            key: fresh("flag"),
            about: None,
            schema: None,
            value: json!(false),
            rules: None,
            if_version: None,
            reason: "for a test".into(),
        };
        let make = async || remote_config::put(&Cx::server(&self.server.hall), put()).await.unwrap();
        self.flag.get_or_init(make).await
    }

    /// A broadcast that goes out some day, to nobody.
    async fn broadcast(&self) -> BroadcastId {
        self.scheduled().await.id
    }

    /// The job of such a broadcast.
    async fn job(&self) -> JobId {
        let id = self.scheduled().await.id.to_string();
        let all = ListJobs { status: Some(JobStatus::Waiting), ..ListJobs::default() };
        let jobs = jobs::list(&Cx::server(&self.server.hall), all).await.unwrap().items;
        jobs.into_iter().find(|job| job.key.as_ref() == Some(&id)).expect("it has a job").id
    }

    async fn scheduled(&self) -> Broadcast {
        let cx = Cx::server(&self.server.hall);
        let broadcast = CreateBroadcast {
            text: "some day".into(),
            texts: None,
            params: None,
            segment: Some(Segment { roles: vec![self.role().await], ..Segment::default() }),
            run_at: Some(cx.now() + Duration::from_secs(24 * 3600)),
            expires_at: None,
            reason: "for a test".into(),
        };
        notifications::create_broadcast(&cx, broadcast).await.unwrap()
    }

    /// A role that nobody has.
    async fn role(&self) -> String {
        let name = fresh("role").replace('.', "_");
        let role = CreateRole {
            name: name.clone(),
            about: "for a test".into(),
            permissions: Vec::new(),
            reason: "for a test".into(),
        };
        accounts::create_role(&Cx::server(&self.server.hall), role).await.unwrap();
        name
    }

    /// A key of the player.
    async fn key(&self) -> Value {
        let cx = Cx::server(&self.server.hall);
        json!(accounts::create_key(&cx, new_key(self.player.id, Vec::new())).await.unwrap().id)
    }
}

/// Whether a field is about a played match, and not about a relay.
fn is_of_match(operation: &str, field: &str) -> bool {
    !["matches.open_relay", "matches.close_relay", "matches.relay"].contains(&operation) && field != "reason"
}

/// A warning.
fn deed() -> Deed {
    Deed {
        kind: ActionKind::Warn,
        category: "insult".into(),
        reason: "for a test".into(),
        public_reason: "be kind".into(),
        restriction: None,
        name: None,
        room_id: None,
        message_id: None,
        mark: None,
    }
}

fn teams() -> ModeTeams {
    let default = TeamsShape { count: 2, size: 1 };
    ModeTeams { count_min: 1, count_max: 4, size_min: 1, size_max: 4, default }
}

fn schema(operation: &Operation) -> Value {
    let generator = SchemaSettings::draft2020_12().with(|it| it.inline_subschemas = true).into_generator();
    (operation.input)(&mut { generator }).to_value()
}

/// The fields this operation has, and the schema of each.
pub fn fields(operation: &Operation) -> Map<String, Value> {
    schema(operation).get("properties").and_then(Value::as_object).cloned().unwrap_or_default()
}

/// Whether the input stands in the body, but for what is in the path.
pub fn takes_body(operation: &Operation) -> bool {
    !["GET", "DELETE"].contains(&operation.method.as_str())
}

/// The path of an operation with this input, and what of the input is not in it.
fn location(operation: &Operation, input: &Map<String, Value>) -> (String, Map<String, Value>) {
    let mut rest = input.clone();
    let segments = operation.path.split('/').map(|segment| {
        match segment.strip_prefix('{').and_then(|segment| segment.strip_suffix('}')) {
            Some(field) => text(&rest.remove(field).unwrap_or_else(|| panic!("{field}"))),
            None => segment.to_owned(),
        }
    });
    (format!("/v1{}", segments.collect::<Vec<_>>().join("/")), rest)
}

/// Optional fields without which an operation would mean nothing, or only the caller.
fn optional(operation: &str) -> &'static [&'static str] {
    match operation {
        "accounts.sign_in" => &["login", "password"],
        "accounts.delete_me" | "accounts.rename" => &["password"],
        // What says nothing new changes nothing.
        "accounts.update_user" => &["name"],
        "accounts.update_role" => &["about"],
        "accounts.list_users" => &["name_prefix"],
        "accounts.grants" | "accounts.keys" => &["user_id"],
        "communication.send" | "communication.edit" => &["text"],
        // Staff must say why.
        "accounts.put_extra" | "accounts.delete_extra" | "accounts.revoke_key" => &["reason"],
        "communication.update_room"
        | "communication.archive_room"
        | "communication.restore_room"
        | "communication.add_member"
        | "communication.kick"
        | "communication.set_role"
        | "communication.delete" => &["reason"],
        "lobbies.update" => &["name", "reason"],
        "moderation.report" => &["user_id"],
        "moderation.list_reports" => &["target_id"],
        "settings.of_user" | "settings.update_user" => &["reason"],
        // Not everybody of the other rows is to hear it.
        "notifications.create_broadcast" => &["segment"],
        "matches.abort" => &["reason"],
        "lobbies.join" | "lobbies.kick" | "lobbies.close" => &["reason"],
        _ => &[],
    }
}

fn new_key(user: UserId, scopes: Vec<String>) -> CreateKey {
    CreateKey {
        user_id: Some(user),
        name: "of a test".into(),
        kind: None,
        scopes,
        expires_at: None,
        reason: Some("for a test".into()),
    }
}

fn address(player: &Player) -> String {
    format!("{}@example.org", player.name)
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A player of this role.
async fn staff(server: &TestServer, role: &str) -> Player {
    let player = server.api.sign_up(&fresh("crew")).await;
    grant(server, player.id, role).await;
    player
}

async fn grant(server: &TestServer, user_id: UserId, role: &str) {
    let grant = GrantRole { user_id, role: role.into(), ends_at: None, reason: "for a test".into() };
    accounts::grant_role(&Cx::server(&server.hall), grant).await.unwrap();
}

/// The key of a bot that may host.
async fn key_of_host(server: &TestServer) -> String {
    let cx = Cx::server(&server.hall);
    let bot = accounts::create_bot(&cx, CreateBot { name: fresh("bot"), reason: "for a test".into() })
        .await
        .unwrap();
    grant(server, bot.id, "host").await;
    accounts::create_key(&cx, new_key(bot.id, vec!["host".into()])).await.unwrap().secret
}
