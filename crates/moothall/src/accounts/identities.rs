//! Who calls: from a token or a key to what its bearer may do right now.
//!
//! Start at [`authenticate`]. Two caches stand before the database. *Proofs* remember which session a token or key belongs
//! to, which never changes. *Identities* remember what a session may do, which does: whoever changes it calls [`forget`],
//! and no request that begins after the commit sees the old one. A change by another process (the command line, another
//! node) counts when `changes.rs` sees it, a second later, and within [`FRESH`] whatever happens.
//!
//! How forgetting stays exact without looking for entries: each user hashes to one of a few thousand counters, an entry keeps
//! the count under which it was read, and forgetting a user counts on. An entry whose count is old is not used.

mod store;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::sync::Cache;
use moothall_protocol::accounts::SessionKind;
use moothall_protocol::{SessionId, Timestamp, UserId};
use parking_lot::Mutex;

pub(super) use store::{STATEMENTS, permissions};

use super::secret::{Hash, hash};
use super::{Credential, changes, keys, users};
use crate::cx::{Cx, Identity, Tx};
use crate::error::Error;
use crate::{Clock, Hall};

/// Proofs and identities kept in memory.
const ENTRIES_MAX: u64 = 50_000;
/// Counters that users hash to.
const COUNTERS: usize = 4_096;
/// An identity is read again after so long, so that changes by other processes count soon.
const FRESH: Duration = Duration::from_secs(5);
/// How exactly it is known when a session was last seen.
const SEEN: Duration = Duration::from_secs(60);
/// Sessions whose last sight waits to be written. Beyond that it is not noted: they will be seen again.
const SEEN_WAITING_MAX: usize = 100_000;
/// An unknown signing key makes the keys be read again, this often at most.
const RELOAD: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug)]
struct Proof {
    session: SessionId,
    until: Timestamp,
    /// With the keys as they were then: see `Keyring::taken_back`.
    taken_back: u64,
}

#[derive(Clone, Debug)]
struct Entry {
    identity: Arc<Identity>,
    /// When a part of it ends: the session, a grant, the key.
    until: Timestamp,
    read_at: Duration,
    count: u64,
}

/// What is known of callers.
#[derive(Debug)]
pub(super) struct Identities {
    proofs: Cache<Hash, Proof>,
    entries: Cache<SessionId, Entry>,
    counters: Vec<AtomicU64>,
    hasher: RandomState,
    /// How often anything was forgotten at all.
    forgotten: AtomicU64,
    reloaded_at: Mutex<Option<Duration>>,
    /// Sessions and keys seen since the last flush, locked for moments only.
    seen: Mutex<HashMap<SessionId, Timestamp>>,
}

impl Default for Identities {
    fn default() -> Self {
        Self {
            proofs: Cache::new(ENTRIES_MAX),
            entries: Cache::new(ENTRIES_MAX),
            counters: (0..COUNTERS).map(|_| AtomicU64::new(0)).collect(),
            hasher: RandomState::new(),
            forgotten: AtomicU64::new(0),
            reloaded_at: Mutex::default(),
            seen: Mutex::default(),
        }
    }
}

impl Identities {
    #[expect(clippy::indexing_slicing, reason = "the remainder is within the counters")]
    fn counter(&self, user: UserId) -> &AtomicU64 {
        &self.counters[(self.hasher.hash_one(user) % COUNTERS as u64) as usize]
    }

    fn find(&self, session: SessionId, clock: &dyn Clock) -> Option<Arc<Identity>> {
        let entry = self.entries.get(&session)?;
        let is_good = entry.count == self.counter(entry.identity.user_id).load(Ordering::SeqCst)
            && clock.now() < entry.until
            && clock.elapsed().saturating_sub(entry.read_at) < FRESH;
        is_good.then_some(entry.identity)
    }

    /// Keeps an identity that was read after `forgotten` was. If anything was forgotten since then, it may have been this.
    fn keep(&self, found: &Found, read_at: Duration, forgotten: u64) {
        let count = self.counter(found.identity.user_id).load(Ordering::SeqCst);
        if self.forgotten.load(Ordering::SeqCst) == forgotten {
            let (identity, until) = (Arc::clone(&found.identity), found.until);
            self.entries.insert(identity.session_id, Entry { identity, until, read_at, count });
        }
    }

    /// The order matters: whoever finds `forgotten` as it was cannot have found the new count.
    fn forget(&self, user: UserId) {
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        self.counter(user).fetch_add(1, Ordering::SeqCst);
    }

    fn forget_all(&self) {
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        for counter in &self.counters {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn see(&self, session: SessionId, now: Timestamp) {
        let mut seen = self.seen.lock();
        if seen.len() < SEEN_WAITING_MAX {
            seen.insert(session, now);
        }
    }
}

/// An identity as the database has it.
struct Found {
    identity: Arc<Identity>,
    until: Timestamp,
    seen_at: Option<Timestamp>,
}

/// Who shows this credential, and what they may do now.
pub async fn authenticate(hall: &Hall, credential: &Credential) -> Result<Arc<Identity>, Error> {
    let identities = &hall.accounts().identities;
    let (kind, text) = match credential {
        Credential::Bearer(token) => ("token", token),
        Credential::ApiKey(key) => ("key", key),
    };
    let digest = digest(kind, text);
    if let Some(proof) = identities.proofs.get(&digest)
        && hall.clock().now() < proof.until
        && proof.taken_back == hall.accounts().keyring.taken_back()
    {
        return identity_of(hall, proof.session).await;
    }
    let cx = Cx::server(hall);
    let proof = match credential {
        Credential::Bearer(token) => prove_token(&cx, token).await?,
        Credential::ApiKey(key) => {
            let session = keys::prove(&cx, key).await?.ok_or(Error::TokenInvalid)?;
            // When the key ends stands in its identity.
            Proof { session, until: Timestamp::MAX, taken_back: cx.hall().accounts().keyring.taken_back() }
        }
    };
    let identity = identity_of(hall, proof.session).await?;
    identities.proofs.insert(digest, proof);
    Ok(identity)
}

fn digest(kind: &str, text: &str) -> Hash {
    hash(&[kind.as_bytes(), text.as_bytes()])
}

/// An access token for a session, and when it ends. Its proof is kept at once: nobody needs to verify what was signed just now.
/// Whether the session is there is another matter, so it may be one that is still to be opened.
pub(super) fn issue_token(
    cx: &Cx,
    user: UserId,
    session: SessionId,
    kind: SessionKind,
) -> Result<(String, Timestamp), Error> {
    let accounts = cx.hall().accounts();
    let taken_back = accounts.keyring.taken_back();
    let (token, until) = accounts.keyring.sign(cx, user, session, kind)?;
    accounts.identities.proofs.insert(digest("token", &token), Proof { session, until, taken_back });
    Ok((token, until))
}

/// The identity of a live session, or of a key's, as it is now: doors ask for every request of a socket, so that a revoked
/// session or a changed role counts at once.
pub async fn identity_of(hall: &Hall, session: SessionId) -> Result<Arc<Identity>, Error> {
    if let Some(identity) = identity_kept(hall, session) {
        return Ok(identity);
    }
    let (cx, identities) = (Cx::server(hall), &hall.accounts().identities);
    // Before reading: what is forgotten from here on may be what is being read.
    let forgotten = identities.forgotten.load(Ordering::SeqCst);
    let found = cx.read(move |tx| store::find(tx, session)).await?.ok_or(Error::TokenInvalid)?;
    identities.keep(&found, cx.elapsed(), forgotten);
    let now = cx.now();
    if found.seen_at.is_none_or(|seen_at| now.since(seen_at) >= SEEN) {
        identities.see(session, now);
    }
    Ok(found.identity)
}

/// The same, if it need not be read: then the door need not wait. What [`identity_of`] says is neither newer nor older.
pub fn identity_kept(hall: &Hall, session: SessionId) -> Option<Arc<Identity>> {
    hall.accounts().identities.find(session, hall.clock())
}

/// The caller's session, for what concerns the account itself: its sessions, its keys, its password. A key has no say there,
/// since with another session or key of its making a leaked one would outlive its revocation.
pub(super) fn require_session(cx: &Cx) -> Result<&Identity, super::Error> {
    let identity = cx.require_identity()?;
    if identity.api_key_id.is_some() { Err(super::Error::SessionNeeded) } else { Ok(identity) }
}

async fn prove_token(cx: &Cx, token: &str) -> Result<Proof, Error> {
    let accounts = cx.hall().accounts();
    let settings = &cx.hall().settings().accounts;
    if !accounts.keyring.knows(token) {
        let is_due = {
            let mut reloaded_at = accounts.identities.reloaded_at.lock();
            let now = cx.elapsed();
            let is_due = reloaded_at.is_none_or(|at| now.saturating_sub(at) >= RELOAD);
            if is_due {
                *reloaded_at = Some(now);
            }
            is_due
        };
        if is_due {
            accounts.keyring.reload(cx).await?;
        }
    }
    let taken_back = accounts.keyring.taken_back();
    let claims = accounts.keyring.verify(token, settings, cx.now()).ok_or(Error::TokenInvalid)?;
    Ok(Proof { session: claims.sid, until: claims.expires_at(), taken_back })
}

/// After the commit, nobody is taken for what this user was before it, nor shown it; in other processes, as soon as they look.
pub(crate) fn forget(tx: &mut Tx<'_, '_>, user: UserId) -> Result<(), Error> {
    forget_later(tx, Some(user))
}

/// After the commit, nobody at all is taken for what they were before it: a role changed, and many may have it.
pub(super) fn forget_all(tx: &mut Tx<'_, '_>) -> Result<(), Error> {
    forget_later(tx, None)
}

fn forget_later(tx: &mut Tx<'_, '_>, user: Option<UserId>) -> Result<(), Error> {
    changes::tell(tx, user)?;
    let hall = tx.cx().hall().clone();
    tx.after_commit(move || forget_now(&hall, user));
    Ok(())
}

/// What a user is or may do has changed, or perhaps what everybody may.
pub(super) fn forget_now(hall: &Hall, user: Option<UserId>) {
    let identities = &hall.accounts().identities;
    match user {
        Some(user) => {
            identities.forget(user);
            users::forget_now(hall, user);
        }
        None => {
            identities.forget_all();
            users::forget_all_now(hall);
        }
    }
}

/// Writes down which sessions and keys were seen.
pub(super) async fn flush_seen(cx: &Cx) -> Result<(), Error> {
    let seen = std::mem::take(&mut *cx.hall().accounts().identities.seen.lock());
    if seen.is_empty() {
        return Ok(());
    }
    let now = seen.values().max().copied().unwrap_or(Timestamp::MIN);
    let sessions: Vec<SessionId> = seen.into_keys().collect();
    cx.write(move |tx| store::see(tx, &sessions, now)).await
}
