//! Passwords: which are good enough, and Argon2id on threads of its own.
//!
//! Start at [`Passwords::reserve`]. Hashing takes 20 ms and 19 MiB on purpose, so it has two threads and a bounded queue:
//! a storm of sign-ins waits there, or is told to come back, and nothing else slows down. A login nobody has costs the same
//! as a wrong password.

#[cfg(test)]
mod tests;

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use moothall_protocol::limits::{PASSWORD_BYTES_MAX, PASSWORDS_WAITING_MAX};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use unicode_normalization::UnicodeNormalization as _;

use super::Error;
use super::settings::Settings;
use crate::Random;

/// Hashes at once: what a sign-in storm may take of the machine.
const THREADS: usize = 2;
/// What one hash takes, roughly; only to tell clients when to come back.
const HASH_TIME: Duration = Duration::from_millis(25);

/// A password that somebody typed, in the one form in which it is hashed: two keyboards may write one letter in two ways.
pub(super) struct Password(String);

impl Password {
    /// Takes what was typed. Over-long ones are refused before any work is done on them.
    pub fn typed(path: &str, text: &str) -> Result<Self, Error> {
        if text.len() > PASSWORD_BYTES_MAX {
            let message = format!("a password has at most {PASSWORD_BYTES_MAX} bytes");
            return Err(crate::Error::most(path, "too_long", message, PASSWORD_BYTES_MAX).into());
        }
        Ok(Self(text.nfkc().collect()))
    }

    /// Takes what somebody chose as a new password, if it is good enough. `known` is what everybody can see of the user: as
    /// a password it would be guessed first.
    pub fn chosen(settings: &Settings, path: &str, text: &str, known: &[&str]) -> Result<Self, Error> {
        let password = Self::typed(path, text)?;
        let length_min = settings.password_length_min;
        if password.0.chars().count() < length_min {
            let message = format!("a password has at least {length_min} characters");
            return Err(crate::Error::least(path, "too_short", message, length_min).into());
        }
        let folded = password.0.to_lowercase();
        if is_common(&folded) || known.iter().any(|text| text.trim().to_lowercase() == folded) {
            let message = "this password would be guessed at once: choose another";
            return Err(crate::Error::field(path, "invalid", message).into());
        }
        Ok(password)
    }
}

/// The passwords that are tried first everywhere. No list is long enough; this one keeps out what falls to the first guesses
/// that the throttle lets through.
fn is_common(folded: &str) -> bool {
    static COMMON: LazyLock<std::collections::HashSet<&'static str>> =
        LazyLock::new(|| include_str!("passwords/common.txt").lines().collect());
    COMMON.contains(folded)
}

/// What became of checking a password.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is another one.
    Wrong,
    /// It is the one.
    Right,
    /// It is the one, and this is its hash with today's parameters.
    Outdated(String),
}

type Work = Box<dyn FnOnce(&Argon2<'static>) + Send>;

/// The threads that hash passwords. They end when this is dropped.
#[derive(Debug)]
pub(super) struct Passwords {
    /// Read by the threads. Never full: whoever sends holds one of the `slots`.
    work: SyncSender<Work>,
    slots: Arc<Semaphore>,
    decoy: String,
}

/// A place in the queue.
pub(super) struct Slot<'a> {
    pool: &'a Passwords,
    permit: OwnedSemaphorePermit,
}

impl Passwords {
    pub fn start(settings: &Settings) -> Result<Self, crate::Error> {
        let params = Params::new(settings.password_memory_kib, settings.password_passes, 1, None)
            .map_err(|error| crate::Error::internal(error.to_string()))?;
        let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        // What no password matches, with the same parameters as those that do match.
        let decoy = hash(&hasher, &Password("decoy".into()), &[0; 16])?;
        let (work, queue) = sync_channel(PASSWORDS_WAITING_MAX);
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..THREADS {
            let (hasher, queue) = (hasher.clone(), Arc::clone(&queue));
            std::thread::Builder::new()
                .name("passwords".into())
                .spawn(move || serve(&hasher, &queue))
                .map_err(crate::Error::internal)?;
        }
        Ok(Self { work, slots: Arc::new(Semaphore::new(PASSWORDS_WAITING_MAX)), decoy })
    }

    /// Takes a place in the queue before anything else is done, or says when there may be one.
    pub fn reserve(&self, random: &dyn Random) -> Result<Slot<'_>, Error> {
        match Arc::clone(&self.slots).try_acquire_owned() {
            Ok(permit) => Ok(Slot { pool: self, permit }),
            Err(_) => {
                metrics::counter!("accounts_passwords_refused_total").increment(1);
                let waiting = u32::try_from(PASSWORDS_WAITING_MAX / THREADS).unwrap_or(u32::MAX);
                // Not all at the same time again.
                let scattered = random.below((HASH_TIME * waiting).as_millis() as u64);
                Err(Error::Busy { retry_after: HASH_TIME * waiting + Duration::from_millis(scattered) })
            }
        }
    }
}

impl Slot<'_> {
    /// The hash of a new password, as it is stored.
    pub async fn hash(self, password: Password, salt: [u8; 16]) -> Result<String, crate::Error> {
        self.run(move |hasher| hash(hasher, &password, &salt)).await?
    }

    /// Whether the password is that of the stored hash. Without one the answer is no, and costs the same.
    pub async fn verify(
        self,
        password: Password,
        stored: Option<String>,
        salt: [u8; 16],
    ) -> Result<Verdict, crate::Error> {
        let is_known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.pool.decoy.clone());
        self.run(move |hasher| {
            let parsed =
                PasswordHash::new(&stored).map_err(|error| crate::Error::internal(error.to_string()))?;
            // The parameters are those of the stored hash, not today's.
            let is_right = hasher.verify_password(password.0.as_bytes(), &parsed).is_ok() && is_known;
            if !is_right {
                return Ok(Verdict::Wrong);
            }
            let is_current = Params::try_from(&parsed).is_ok_and(|params| same(&params, hasher.params()))
                && parsed.algorithm == Algorithm::Argon2id.ident();
            if is_current {
                Ok(Verdict::Right)
            } else {
                Ok(Verdict::Outdated(hash(hasher, &password, &salt)?))
            }
        })
        .await?
    }

    async fn run<T: Send + 'static>(
        self,
        job: impl FnOnce(&Argon2<'static>) -> T + Send + 'static,
    ) -> Result<T, crate::Error> {
        let (answer, wait) = oneshot::channel();
        let permit = self.permit;
        let work: Work = Box::new(move |hasher| {
            // Whoever gave up waiting does not keep others waiting.
            if !answer.is_closed() {
                let _ = answer.send(job(hasher));
            }
            drop(permit);
        });
        self.pool.work.try_send(work).map_err(|_| crate::Error::Unavailable)?;
        wait.await.map_err(|_| crate::Error::Unavailable)
    }
}

fn serve(hasher: &Argon2<'static>, queue: &Mutex<Receiver<Work>>) {
    loop {
        // One thread waits for work, the other for its turn to wait.
        let work = queue.lock().recv();
        match work {
            Ok(work) => work(hasher),
            Err(_) => return,
        }
    }
}

fn hash(hasher: &Argon2<'_>, password: &Password, salt: &[u8; 16]) -> Result<String, crate::Error> {
    hasher
        .hash_password_with_salt(password.0.as_bytes(), salt)
        .map(|hash| hash.to_string())
        .map_err(|error| crate::Error::internal(error.to_string()))
}

fn same(one: &Params, other: &Params) -> bool {
    (one.m_cost(), one.t_cost(), one.p_cost()) == (other.m_cost(), other.t_cost(), other.p_cost())
}
