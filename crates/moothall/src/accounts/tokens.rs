//! Access tokens: JWTs of ten minutes, signed with Ed25519 (RFC 7519, RFC 8037), whose keys are published and change monthly.
//!
//! Start at [`Keyring::sign`] and [`Keyring::verify`]. This server is the only one that makes such tokens, so their header is
//! the same text for all tokens of a key, and verifying begins by finding that text: nothing a token says of itself, such as
//! its algorithm, is ever believed. That the session is still there is not a matter of the token: see `identities.rs`.

mod store;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use data_encoding::BASE64URL_NOPAD;
use moothall_protocol::accounts::{GetJwks, Jwk, Jwks, RotateSigningKeys, SessionKind};
use moothall_protocol::{SessionId, Timestamp, UserId};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

pub(super) use store::STATEMENTS;

use super::{KEYS, Settings, identities};
use crate::audit;
use crate::cx::Cx;
use crate::error::Error;

/// How much longer than its last token a key is kept, for clocks of verifiers that go wrong.
const OVERLAP: Duration = Duration::from_secs(3600);

/// For how many seconds a cache may keep the public keys. Who meets a token of a key they do not know asks anew.
pub(super) const PUBLISHED_FOR: u32 = 300;

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claims {
    iss: String,
    pub sub: UserId,
    pub sid: SessionId,
    pub kind: SessionKind,
    iat: i64,
    exp: i64,
}

impl Claims {
    /// From then on the token is no good.
    pub fn expires_at(&self) -> Timestamp {
        Timestamp::from_micros(self.exp.saturating_mul(1_000_000))
    }
}

/// The keys as they stand in the database.
#[derive(Debug)]
struct StoredKey {
    id: String,
    seed: [u8; 32],
    public: Vec<u8>,
    created_at: Timestamp,
}

#[derive(Default)]
struct Keys {
    /// The newest key, with the header of its tokens.
    signing: Option<(String, Ed25519KeyPair)>,
    /// Public keys by the header of their tokens.
    verifying: HashMap<String, UnparsedPublicKey<Vec<u8>>>,
    published: Vec<Jwk>,
    /// Counts how often a key was taken out of use: what it proved is void.
    taken_back: u64,
}

/// All keys that are in use.
#[derive(Default)]
pub(super) struct Keyring {
    keys: ArcSwap<Keys>,
    /// Held from the reading of the keys to their taking, so that none that was read earlier is taken later.
    taking: tokio::sync::Mutex<()>,
}

impl Keyring {
    /// A token for a session, and when it ends.
    pub fn sign(
        &self,
        cx: &Cx,
        user: UserId,
        session: SessionId,
        kind: SessionKind,
    ) -> Result<(String, Timestamp), Error> {
        let settings = &cx.hall().settings().accounts;
        let iat = cx.now().as_seconds();
        let exp = iat + i64::from(settings.access_token_minutes) * 60;
        let claims = Claims { iss: settings.issuer.clone(), sub: user, sid: session, kind, iat, exp };
        let keys = self.keys.load();
        let (header, pair) = keys.signing.as_ref().ok_or(Error::Unavailable)?;
        let json = serde_json::to_vec(&claims).map_err(Error::internal)?;
        let mut token = format!("{header}.{}", BASE64URL_NOPAD.encode(&json));
        let signature = pair.sign(token.as_bytes());
        token.push('.');
        BASE64URL_NOPAD.encode_append(signature.as_ref(), &mut token);
        Ok((token, claims.expires_at()))
    }

    /// What a token says, if a key of ours signed it and its time is not over.
    pub fn verify(&self, token: &str, settings: &Settings, now: Timestamp) -> Option<Claims> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).ok()?;
        self.keys.load().verifying.get(header)?.verify(signed.as_bytes(), &signature).ok()?;
        let claims: Claims = serde_json::from_slice(&BASE64URL_NOPAD.decode(claims.as_bytes()).ok()?).ok()?;
        (claims.iss == settings.issuer && now < claims.expires_at()).then_some(claims)
    }

    fn take(&self, mut keys: Keys) {
        let before = self.keys.load();
        let is_gone = |header: &String| !keys.verifying.contains_key(header);
        keys.taken_back = before.taken_back + u64::from(before.verifying.keys().any(is_gone));
        self.keys.store(Arc::new(keys));
    }

    /// How often a key was taken out of use.
    pub fn taken_back(&self) -> u64 {
        self.keys.load().taken_back
    }

    /// Whether a token has a header of ours; if not, another node may have made a new key.
    pub fn knows(&self, token: &str) -> bool {
        token.split_once('.').is_some_and(|(header, _)| self.keys.load().verifying.contains_key(header))
    }

    /// Takes the keys from the database, after making a new one there if the newest has served its time.
    pub async fn rotate(&self, cx: &Cx) -> Result<(), Error> {
        let settings = &cx.hall().settings().accounts;
        let term = Duration::from_secs(u64::from(settings.signing_key_days) * 24 * 3600);
        let token_life = Duration::from_secs(u64::from(settings.access_token_minutes) * 60);
        let _taking = self.taking.lock().await;
        let stored = cx
            .write(move |tx| {
                let now = tx.now();
                let mut keys = store::list(tx)?;
                if keys.first().is_none_or(|newest| newest.created_at + term <= now) {
                    let key = StoredKey::make(tx.cx())?;
                    store::insert(tx, &key)?;
                    keys.insert(0, key);
                }
                // A key is over when its successor has signed for longer than a token lives.
                let successors = keys.iter().map(|key| key.created_at).collect::<Vec<_>>();
                for (old, successor) in keys.iter().skip(1).zip(successors) {
                    if successor + token_life + OVERLAP <= now {
                        store::delete(tx, &old.id)?;
                    }
                }
                store::list(tx)
            })
            .await?;
        self.take(Keys::from_stored(&stored)?);
        Ok(())
    }

    /// Puts a new key in the place of all there are.
    async fn replace(&self, cx: &Cx, reason: &str) -> Result<(), Error> {
        let key = StoredKey::make(cx)?;
        let reason = reason.to_owned();
        cx.mutate(move |tx| {
            let old: Vec<String> = store::list(tx)?.into_iter().map(|key| key.id).collect();
            for id in &old {
                store::delete(tx, id)?;
            }
            store::insert(tx, &key)?;
            let entry =
                audit::Entry::new("accounts.rotate_signing_keys").target("signing_keys").reason(&reason);
            audit::record(tx, entry.change(&old, &[&key.id]))?;
            // Other processes take the keys anew when they read this.
            identities::forget_all(tx)
        })
        .await?;
        self.reload(cx).await
    }

    /// Takes the keys from the database as they are.
    pub async fn reload(&self, cx: &Cx) -> Result<(), Error> {
        let _taking = self.taking.lock().await;
        let stored = cx.read(store::list).await?;
        self.take(Keys::from_stored(&stored)?);
        Ok(())
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.keys.load().published.iter().map(|key| &key.kid)).finish()
    }
}

impl Keys {
    fn from_stored(stored: &[StoredKey]) -> Result<Self, Error> {
        let mut keys = Self::default();
        for key in stored {
            let header = format!(r#"{{"alg":"EdDSA","typ":"JWT","kid":"{}"}}"#, key.id);
            let header = BASE64URL_NOPAD.encode(header.as_bytes());
            if keys.signing.is_none() {
                keys.signing = Some((header.clone(), key.pair()?));
            }
            keys.verifying.insert(header, UnparsedPublicKey::new(&ED25519, key.public.clone()));
            keys.published.push(Jwk {
                kty: "OKP".into(),
                crv: "Ed25519".into(),
                alg: "EdDSA".into(),
                purpose: "sig".into(),
                kid: key.id.clone(),
                x: BASE64URL_NOPAD.encode(&key.public),
            });
        }
        Ok(keys)
    }
}

impl StoredKey {
    fn make(cx: &Cx) -> Result<Self, Error> {
        let mut key = Self {
            id: BASE64URL_NOPAD.encode(&cx.random().bytes::<12>()),
            seed: cx.random().bytes(),
            public: Vec::new(),
            created_at: cx.now(),
        };
        key.public = key.pair()?.public_key().as_ref().to_vec();
        Ok(key)
    }

    fn pair(&self) -> Result<Ed25519KeyPair, Error> {
        Ed25519KeyPair::from_seed_unchecked(&self.seed)
            .map_err(|error| Error::internal(format!("the signing key {}: {error}", self.id)))
    }
}

/// Signs with a new key from now on, and takes back those there were: for the day on which one got out. All access tokens are
/// void, and clients get another for their refresh token; sessions and sockets stay.
pub async fn rotate_signing_keys(cx: &Cx, input: RotateSigningKeys) -> Result<(), Error> {
    cx.require(KEYS)?;
    cx.hall().accounts().keyring.replace(cx, &input.reason).await
}

/// The public keys of access tokens, for services that check them on their own. They cannot see that a session ended: that
/// is why a token lives for minutes.
pub async fn jwks(cx: &Cx, _: GetJwks) -> Result<Jwks, Error> {
    Ok(Jwks { keys: cx.hall().accounts().keyring.keys.load().published.clone() })
}
