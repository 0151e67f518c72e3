//! The hall: a running server without its doors. Build one with [`Hall::builder`], stop it with [`Hall::close`].

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use moothall_protocol::UserId;
use moothall_store::{Claim, Migration, MigrationProgress, Store};
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::clock::{Clock, SystemClock};
use crate::cx::Tx;
use crate::export::{Part, Section};
use crate::filter::WordFilter;
use crate::hooks::{Hooks, NoHooks};
use crate::mail::{Mailer, Postbox};
use crate::operation::{Operations, Registry, RegistryError};
use crate::random::{Random, SystemRandom};
use crate::restrictions::types::RestrictionType;
use crate::runtime::{Bus, Directory, Leases};
use crate::sections::{Settings, Synchronous};
use crate::settings::{SiteEntry, SiteSection, UserEntry, UserSection};
use crate::topics::{self, Topics};
use crate::{
    Permission, Rates, Topic, accounts, audit, communication, connections, hosts, idempotency, jobs, lobbies,
    mail, matches, moderation, notifications, parties, relationships, remote_config, restrictions, settings,
    sweep, system,
};

/// Every migration, oldest first. Added, never edited: a test compares checksums.
pub const MIGRATIONS: &[Migration] = moothall_store::migrations![
    "20261123000000_idempotency",
    "20261123000100_accounts",
    "20261123000200_name_claims",
    "20261123000210_letters",
    "20261123000220_user_details",
    "20261123000300_audit",
    "20261123000500_communication",
    "20261124000100_live_rooms",
    "20261124000200_erased_users",
    "20261128000100_account_changes",
    "20261128000200_account_details",
    "20261128000500_brought_in",
    "20261128000510_invisible_users",
    "20261128000600_sparse_users",
    "20261128000700_letters_to_one_address",
    "20261128000800_empty_rooms",
    "20261128000900_typed_addresses",
    "20261128001000_lobbies",
    "20261128001100_parties",
    "20261128001200_matches",
    "20261128001300_lobby_rooms",
    "20261128001400_hosts",
    "20261128001500_match_rooms",
    "20261129000000_match_lists",
    "20261129000010_closed_lobbies",
    "20261129000100_settings",
    "20261129000110_jobs",
    "20261129000120_notifications",
    "20261129000130_remote_config",
    "20261129000300_restrictions",
    "20261129000310_shadow_messages",
    "20261129000320_moderation",
    "20261129000330_quiet_actions",
    "20261129000500_relationships",
    "20261129000510_first_contact",
    "20261129000520_audit_chain",
    "20261130000100_numbered_user_settings",
    "20261130000110_found_by_index",
    "20261130000120_seeded_permissions",
    "20261130000200_shadowed_messages",
    "20261130000300_moderation_keeps",
    "20261130000310_bans_spare",
    "20261130000320_quiet_reports",
    "20261130000330_broadcast_reach",
    "20261130000340_disowned_messages",
];

/// A running server without its doors. Cheap to clone; all clones are the same server.
#[derive(Clone)]
pub struct Hall(Arc<Inner>);

struct Inner {
    runtime: Handle,
    settings: settings::Live,
    store: Store,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    hooks: Arc<dyn Hooks>,
    mailer: Arc<dyn Mailer>,
    postbox: Postbox,
    registry: Registry,
    topics: Topics,
    rates: Rates,
    directory: Directory,
    accounts: accounts::Live,
    connections: connections::Live,
    communication: communication::Live,
    matches: matches::Live,
    parties: parties::Live,
    lobbies: lobbies::Live,
    hosts: hosts::Live,
    relationships: relationships::Live,
    audit: audit::Live,
    restrictions: restrictions::Live,
    jobs: jobs::Live,
    notifications: notifications::Live,
    remote_config: remote_config::Live,
    words: ArcSwap<WordFilter>,
}

/// Why a hall did not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store did not open, or a migration failed.
    #[error("the store did not open")]
    Store(#[from] moothall_store::Error),
    /// The operations contradict each other.
    #[error("the operations cannot stand in one registry")]
    Registry(#[from] RegistryError),
    /// A setting is wrong.
    #[error("the setting {key} is wrong: {message}")]
    Setting {
        /// Which.
        key: &'static str,
        /// What is wrong, and what to do.
        message: String,
    },
    /// A section of settings cannot be one.
    #[error("the section of settings {section} is wrong: {message}")]
    Section {
        /// Which, or which setting of it.
        section: String,
        /// What is wrong, and what to do.
        message: String,
    },
    /// Two kinds of jobs have this name, or it is too long.
    #[error("the kind of job {0} is registered twice, or its name is too long")]
    Job(&'static str),
    /// Two kinds of notices have this name, or it is too long.
    #[error("the kind of notice {0} is registered twice, or its name is too long")]
    Notice(String),
    /// A context could not start.
    #[error("a part of the server could not start")]
    Context(#[from] crate::Error),
}

/// Builds a [`Hall`].
pub struct Builder {
    settings: Settings,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    hooks: Arc<dyn Hooks>,
    mailer: Option<Arc<dyn Mailer>>,
    rates: Rates,
    directory: Directory,
    operations: Vec<Operations>,
    restriction_types: Vec<RestrictionType>,
    site_sections: Vec<SiteEntry>,
    user_sections: Vec<UserEntry>,
    job_kinds: Vec<jobs::KindEntry>,
    notice_kinds: Vec<notifications::KindEntry>,
    has_tasks: bool,
}

impl Builder {
    /// Takes the time from here instead of from the machine.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Takes randomness from here instead of from the machine.
    #[must_use]
    pub fn random(mut self, random: Arc<dyn Random>) -> Self {
        self.random = random;
        self
    }

    /// Adds rules of the embedding program.
    #[must_use]
    pub fn hooks(mut self, hooks: Arc<dyn Hooks>) -> Self {
        self.hooks = hooks;
        self
    }

    /// Sends e-mail through this, instead of what the settings say.
    #[must_use]
    pub fn mailer(mut self, mailer: Arc<dyn Mailer>) -> Self {
        self.mailer = Some(mailer);
        self
    }

    /// Counts requests by these budgets, instead of the usual ones.
    #[must_use]
    pub fn rates(mut self, rates: Rates) -> Self {
        self.rates = rates;
        self
    }

    /// Looks up by these leases which node owns which live entities, and asks other nodes by this bus.
    #[must_use]
    pub fn cluster(mut self, leases: Arc<dyn Leases>, bus: Arc<dyn Bus>) -> Self {
        self.directory = Directory::new(leases, bus);
        self
    }

    /// Adds operations of the embedding program. They appear in every door and document.
    #[must_use]
    pub fn operations(mut self, operations: Operations) -> Self {
        self.operations.push(operations);
        self
    }

    /// Adds a type of restrictions, for what operations of the embedding program do. They ask with
    /// [`restrictions::check`].
    #[must_use]
    pub fn restriction_type(mut self, kind: RestrictionType) -> Self {
        self.restriction_types.push(kind);
        self
    }

    /// Adds a section of settings that staff may change while the server runs: see [`Hall::site_section`]. `base` is what holds where
    /// staff sets nothing.
    #[must_use]
    pub fn site_section<T: SiteSection>(mut self, base: &T) -> Self {
        self.site_sections.push(SiteEntry::of(base));
        self
    }

    /// Adds a section of settings that users set for themselves: see [`settings::of`] and [`settings::read`].
    #[must_use]
    pub fn user_section<T: UserSection>(mut self) -> Self {
        self.user_sections.push(UserEntry::of::<T>());
        self
    }

    /// Adds a kind of job of the embedding program: see [`jobs::enqueue`].
    #[must_use]
    pub fn job<T: jobs::Kind>(mut self) -> Self {
        self.job_kinds.push(jobs::KindEntry::of::<T>());
        self
    }

    /// Adds a kind of notice of the embedding program: see [`notifications::tell`].
    #[must_use]
    pub fn notice<T: notifications::Kind>(mut self) -> Self {
        self.notice_kinds.push(notifications::KindEntry::of::<T>());
        self
    }

    /// Leaves out what a server does by itself: letters are not sent, nothing expires, nothing is cleared. For a command on the
    /// data of a server that may be running, whose work that is.
    #[must_use]
    pub fn without_tasks(mut self) -> Self {
        self.has_tasks = false;
        self
    }

    /// Opens the database, brings it up to date, and starts the server.
    pub async fn open(self) -> Result<Hall, OpenError> {
        let registry = Registry::new(contexts().into_iter().chain(self.operations).collect())?;
        let permissions: Vec<&str> = registry.permissions().collect();
        let sections = user_sections().into_iter().chain(self.user_sections).collect();
        let restrictions = restrictions::Live::new(self.restriction_types)?;
        let settings = settings::Live::new(
            self.settings.clone(),
            self.site_sections,
            sections,
            &permissions,
            restrictions.type_names(),
        )?;
        let jobs = jobs::Live::new(job_kinds().into_iter().chain(self.job_kinds).collect())?;
        let notices = notice_kinds().into_iter().chain(self.notice_kinds).collect();
        let notifications = notifications::Live::new(notices)?;
        let store = open_store(&self.settings).await?;
        store.migrate(MIGRATIONS, tell_progress).await?;
        let mailer = match self.mailer {
            Some(mailer) => mailer,
            None => mail::from_settings(&self.settings.mail)?,
        };
        let accounts = accounts::Live::open(&self.settings)?;
        let hall = Hall(Arc::new(Inner {
            runtime: Handle::current(),
            store,
            registry,
            topics: Topics::new(Arc::clone(&self.clock)),
            rates: self.rates,
            directory: self.directory,
            accounts,
            connections: connections::Live::new(),
            matches: matches::Live::default(),
            parties: parties::Live::default(),
            lobbies: lobbies::Live::default(),
            hosts: hosts::Live::default(),
            relationships: relationships::Live::default(),
            audit: audit::Live::default(),
            restrictions,
            jobs,
            notifications,
            remote_config: remote_config::Live::default(),
            communication: communication::Live::new(),
            words: ArcSwap::from_pointee(WordFilter::new(&self.settings.communication.words)?),
            mailer,
            postbox: Postbox::default(),
            settings,
            clock: self.clock,
            random: self.random,
            hooks: self.hooks,
        }));
        settings::prepare(&hall).await?;
        hall.0.directory.start(&hall);
        accounts::prepare(&hall).await?;
        lobbies::prepare(&hall).await?;
        remote_config::prepare(&hall).await?;
        moderation::prepare(&hall);
        if self.has_tasks {
            accounts::stamp_cut_off(&hall).await?;
            settings::start(&hall);
            topics::start(&hall);
            accounts::start(&hall);
            restrictions::start(&hall);
            connections::start(&hall);
            parties::start(&hall);
            hosts::start(&hall);
            lobbies::start(&hall);
            matches::start(&hall);
            mail::start(&hall);
            audit::start(&hall);
            jobs::start(&hall);
            remote_config::start(&hall);
            hall.spawn(sweep::run(hall.downgrade()));
        }
        Ok(hall)
    }
}

/// The operations of all contexts.
pub fn contexts() -> Vec<Operations> {
    vec![
        system::operations(),
        accounts::operations(),
        audit::operations(),
        settings::operations(),
        jobs::operations(),
        notifications::operations(),
        remote_config::operations(),
        connections::operations(),
        connections::watch_operations(),
        relationships::operations(),
        communication::operations(),
        matches::operations(),
        parties::operations(),
        lobbies::operations(),
        hosts::operations(),
        restrictions::operations(),
        moderation::operations(),
    ]
}

/// On what whoever has a permission is.
pub(crate) const TOPICS_BY_PERMISSION: [(Permission, Topic); 2] =
    [(communication::MODERATE, Topic::Oversight), (moderation::CASES, Topic::Moderation)];

/// The sections of users' settings, of all contexts.
fn user_sections() -> Vec<UserEntry> {
    vec![
        UserEntry::of::<settings::Locale>(),
        UserEntry::of::<notifications::Preferences>(),
        UserEntry::of::<relationships::Privacy>(),
    ]
}

/// The kinds of jobs, of all contexts.
fn job_kinds() -> Vec<jobs::KindEntry> {
    let mut kinds = vec![
        jobs::KindEntry::of::<notifications::Spread>(),
        jobs::KindEntry::of::<notifications::Recall>(),
        jobs::KindEntry::of::<relationships::Forget>(),
    ];
    kinds.extend(moderation::job_kinds());
    kinds
}

/// The kinds of notices, of all contexts.
fn notice_kinds() -> Vec<notifications::KindEntry> {
    let mut kinds = vec![notifications::KindEntry::of::<notifications::Announcement>()];
    kinds.extend(moderation::notice_kinds());
    kinds
}

/// Takes away what contexts that build on accounts keep of a user, in the transaction that erases the account.
pub(crate) fn forget_user(tx: &mut Tx<'_, '_>, user: UserId) -> Result<(), crate::Error> {
    settings::forget(tx, user)?;
    relationships::forget(tx, user)?;
    notifications::forget(tx, user)?;
    restrictions::forget_traces(tx, user)?;
    moderation::forget(tx, user)
}

/// Everything that is kept of a user, for themselves.
pub(crate) fn exports() -> Vec<Section> {
    /// A section, what it is, where that is kept, and what reads it.
    type Row = (&'static str, &'static str, &'static [&'static str], Page);
    type Page = fn(&mut Tx<'_, '_>, UserId, Option<Value>, usize) -> Result<Part, crate::Error>;
    let all: [Row; 23] = [
        ("account", "The account", &["users"], accounts::export::account),
        ("names", "Names the account had before", &["former_names"], accounts::export::former_names),
        ("sessions", "Where the user is signed in", &["sessions"], accounts::export::signed_in),
        ("roles", "Roles the user has", &["grants"], accounts::export::granted),
        (
            "api_keys",
            "Keys that act as the user, without their secrets",
            &["api_keys"],
            accounts::export::keyed,
        ),
        ("extra", "What games and tools keep of the user", &["user_extra"], accounts::export::extra_data),
        ("settings", "What the user has set", &["user_settings"], settings::export_user),
        (
            "presence",
            "Whether the user wants to be seen",
            &["invisible_users"],
            connections::presence::export,
        ),
        ("letters", "E-mails to the user, without what they say", &["letters"], mail::export),
        ("relationships", "What the user made of others", &["relationships"], relationships::export),
        (
            "rooms",
            "Rooms and conversations the user is in",
            &["room_members", "rooms"],
            communication::export,
        ),
        ("messages", "What the user wrote", &["messages"], communication::export_messages),
        (
            "message_versions",
            "What it said before it was changed",
            &["message_versions"],
            communication::export_versions,
        ),
        (
            "parties",
            "The party the user is in, and invites",
            &["parties", "party_members", "party_invites"],
            parties::export,
        ),
        (
            "lobbies",
            "The lobby the user is in, and those they host",
            &["lobbies", "lobby_members"],
            lobbies::export,
        ),
        ("matches", "Matches the user was in", &["match_members", "matches"], matches::export),
        ("notifications", "The inbox", &["notifications", "broadcasts"], notifications::export),
        ("restrictions", "What the user may not do, or might not", &["restrictions"], restrictions::export),
        (
            "traces",
            "By what the user is known beside the account",
            &["user_traces"],
            restrictions::export_traces,
        ),
        ("reports", "Reports the user made", &["reports"], moderation::export_reports),
        ("actions", "Actions about the user", &["moderation_actions"], moderation::export_actions),
        ("appeals", "Appeals of the user", &["appeals", "appeal_messages"], moderation::export_appeals),
        ("deeds", "What the user did that the audit log has", &["audit_log"], audit::export),
    ];
    all.map(|(name, about, tables, page)| Section { name, about, tables, page }).into()
}

/// Tables of which nothing is exported, and why.
#[cfg(test)]
pub(crate) const UNEXPORTED: &[(&str, &str)] = &[
    ("account_changes", "that somebody's rights changed, for a moment"),
    ("action_marks", "what moderators think, of which nobody is told"),
    ("administrator_tokens", "a secret of nobody"),
    ("alternate_links", "what moderators found out"),
    ("bans", "of networks, devices and domains, not of users"),
    ("closing_lobby_rooms", "what is still to be done"),
    ("email_codes", "secrets of minutes; the address that waits is in the account"),
    ("game_hosts", "machines"),
    ("game_modes", "what the server offers"),
    ("host_pools", "machines"),
    ("host_reservations", "machines"),
    ("idempotency_keys", "answers of a day, sealed with the client's own key"),
    ("jobs", "what is still to be done"),
    ("known_networks", "hashes by which a stranger's guess is told apart; the networks are in the traces"),
    ("lobby_policies", "what the server offers"),
    (
        "match_results",
        "what hosts, players together and staff said of a match; how it ended is in the matches",
    ),
    ("match_tags", "of matches"),
    ("message_mentions", "which messages of others mention the user"),
    ("moderation_cases", "what moderators work on"),
    ("moderation_months", "figures"),
    ("moderation_notes", "what moderators think"),
    ("moderation_numbers", "figures"),
    ("name_claims", "forms of the names that are in the account and among the former ones"),
    ("released_host_places", "what is still to be done"),
    ("remote_config_changes", "what staff did, which the audit log has"),
    ("remote_config_entries", "what the server offers"),
    ("reporter_credit", "what moderators think of reports"),
    ("reset_requests", "addresses typed by anybody, for minutes"),
    ("role_permissions", "of roles"),
    ("roles", "what the server offers"),
    ("seeded_permissions", "of roles"),
    ("shadow_messages", "empty: what a version before this one kept"),
    ("sign_in_codes", "secrets of seconds"),
    ("sign_in_failures", "hashes of what was typed by anybody"),
    ("signing_keys", "secrets of the server"),
    ("site_settings", "what staff did, which the audit log has"),
    ("user_settings_numbers", "figures"),
];

/// All SQL of the library, by name, for the test that prepares it on both engines.
pub fn statements() -> Vec<(&'static str, &'static str)> {
    [
        idempotency::STATEMENTS,
        audit::STATEMENTS,
        settings::STATEMENTS,
        jobs::STATEMENTS,
        &notifications::statements(),
        remote_config::STATEMENTS,
        &accounts::statements(),
        mail::STATEMENTS,
        connections::STATEMENTS,
        &communication::statements(),
        parties::STATEMENTS,
        &lobbies::statements(),
        hosts::STATEMENTS,
        &matches::statements(),
        relationships::STATEMENTS,
        restrictions::STATEMENTS,
        &moderation::statements(),
    ]
    .concat()
}

/// Opens the store the settings name, without touching what is in it.
pub async fn open_store(settings: &Settings) -> Result<Store, moothall_store::Error> {
    Store::open(store_options(settings)).await
}

/// Takes the database the settings name for this process; a program that serves from it does so before it opens its
/// [`Hall`], and keeps the claim until that is closed.
pub async fn claim_database(settings: &Settings) -> Result<Claim, moothall_store::Error> {
    Claim::take(store_options(settings)).await
}

fn store_options(settings: &Settings) -> moothall_store::Options {
    let mut options = moothall_store::Options::new(settings.store.url.clone());
    options.synchronous = match settings.store.synchronous {
        Synchronous::Full => moothall_store::Synchronous::Full,
        Synchronous::Normal => moothall_store::Synchronous::Normal,
        Synchronous::Off => moothall_store::Synchronous::Off,
    };
    options.connections = settings.store.connections;
    options.statement_timeout = Duration::from_millis(settings.store.statement_ms_max);
    options.allow_unsafe_durability = settings.store.allow_unsafe_durability;
    options
}

/// A reference to a hall that does not keep it alive, for tasks of its own.
#[derive(Clone)]
pub struct WeakHall(std::sync::Weak<Inner>);

impl WeakHall {
    /// The hall, while it is there.
    pub fn upgrade(&self) -> Option<Hall> {
        self.0.upgrade().map(Hall)
    }
}

impl Hall {
    /// A builder with these settings, the machine's clock and randomness, and no hooks.
    pub fn builder(settings: Settings) -> Builder {
        Builder {
            settings,
            clock: SystemClock::shared(),
            random: SystemRandom::shared(),
            hooks: NoHooks::shared(),
            mailer: None,
            rates: Rates::default(),
            directory: Directory::default(),
            operations: Vec::new(),
            restriction_types: Vec::new(),
            site_sections: Vec::new(),
            user_sections: Vec::new(),
            job_kinds: Vec::new(),
            notice_kinds: Vec::new(),
            has_tasks: true,
        }
    }

    /// A reference that does not keep the hall alive.
    pub fn downgrade(&self) -> WeakHall {
        WeakHall(Arc::downgrade(&self.0))
    }

    /// Runs something beside the calls. Works from every thread, also from those of the store, on which calls after a commit run.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        self.0.runtime.spawn(task)
    }

    /// The settings that hold now: those it was opened with, and what staff has set since. Costs no more than following a pointer; ask
    /// again instead of keeping them.
    pub fn settings(&self) -> settings::Current {
        self.0.settings.current()
    }

    /// A section of settings that the embedding program added, as it is now.
    pub fn site_section<T: SiteSection>(&self) -> Option<Arc<T>> {
        self.0.settings.section()
    }

    /// Changes whenever a setting of the site does.
    pub fn watch_settings(&self) -> tokio::sync::watch::Receiver<u64> {
        self.0.settings.watch()
    }

    pub(crate) fn live_settings(&self) -> &settings::Live {
        &self.0.settings
    }

    /// The settings are others: what is made of them is made again.
    pub(crate) fn heed_settings(&self) {
        match WordFilter::new(&self.settings().communication.words) {
            Ok(words) => self.0.words.store(Arc::new(words)),
            Err(error) => tracing::error!("The word list stays as it was: {error}"),
        }
        accounts::heed(self);
    }

    /// The database.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// The clock.
    pub fn clock(&self) -> &dyn Clock {
        &*self.0.clock
    }

    /// The clock, to keep.
    pub fn shared_clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.0.clock)
    }

    /// The source of randomness.
    pub fn random(&self) -> &dyn Random {
        &*self.0.random
    }

    /// The rules of the embedding program.
    pub fn hooks(&self) -> &dyn Hooks {
        &*self.0.hooks
    }

    /// The sender of e-mail.
    pub fn mailer(&self) -> &Arc<dyn Mailer> {
        &self.0.mailer
    }

    /// All operations.
    pub fn registry(&self) -> &Registry {
        &self.0.registry
    }

    /// Who is subscribed to what.
    pub fn topics(&self) -> &Topics {
        &self.0.topics
    }

    /// The token buckets of all callers.
    pub fn rates(&self) -> &Rates {
        &self.0.rates
    }

    /// The way to live entities.
    pub fn directory(&self) -> &Directory {
        &self.0.directory
    }

    pub(crate) fn postbox(&self) -> &Postbox {
        &self.0.postbox
    }

    pub(crate) fn accounts(&self) -> &accounts::Live {
        &self.0.accounts
    }

    pub(crate) fn connections(&self) -> &connections::Live {
        &self.0.connections
    }

    pub(crate) fn communication(&self) -> &communication::Live {
        &self.0.communication
    }

    pub(crate) fn matches(&self) -> &matches::Live {
        &self.0.matches
    }

    pub(crate) fn parties(&self) -> &parties::Live {
        &self.0.parties
    }

    pub(crate) fn hosts(&self) -> &hosts::Live {
        &self.0.hosts
    }

    pub(crate) fn restrictions(&self) -> &restrictions::Live {
        &self.0.restrictions
    }

    pub(crate) fn jobs(&self) -> &jobs::Live {
        &self.0.jobs
    }

    pub(crate) fn remote_config(&self) -> &remote_config::Live {
        &self.0.remote_config
    }

    pub(crate) fn notifications(&self) -> &notifications::Live {
        &self.0.notifications
    }

    pub(crate) fn lobbies(&self) -> &lobbies::Live {
        &self.0.lobbies
    }

    pub(crate) fn audit(&self) -> &audit::Live {
        &self.0.audit
    }

    pub(crate) fn relationships(&self) -> &relationships::Live {
        &self.0.relationships
    }

    /// The operator's word list.
    pub(crate) fn words(&self) -> Arc<WordFilter> {
        self.0.words.load_full()
    }

    /// Stops: finishes what is in hand, then closes the database. The doors have stopped before.
    pub async fn close(&self) {
        self.0.directory.close().await;
        self.0.store.close().await;
    }
}

/// Migrations that take long, also while they run, and the last one: a new database takes all there are within a moment.
fn tell_progress(progress: &MigrationProgress) {
    let is_last = progress.is_done && progress.number == progress.of;
    if is_last || progress.elapsed > Duration::from_secs(1) {
        tracing::info!("Migrating the database: {progress}");
    }
}
