//! Idempotency keys: retrying is safe, because the key of a request and its answer are stored in the transaction of the
//! change they guard (RFC draft `Idempotency-Key`, with the claim inside the commit).
//!
//! Start at [`guard`]; [`answer_before`] is for calls whose checks the first one made fail. What is stored is no use to a thief:
//! the row is found by a hash of caller and key, and the answer, which may hold fresh tokens, is sealed with a key that only the
//! client's own key unlocks.

mod store;
#[cfg(test)]
mod tests;

use moothall_protocol::{Timestamp, UserId};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::cx::{Cx, Tx};
use crate::error::Error;

pub(crate) use store::STATEMENTS;
pub use store::sweep;

/// A request's claim on its idempotency key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Claim {
    /// Finds the row: a hash of caller and key.
    id: [u8; 32],
    /// A hash of operation and input: the same key must come with the same request.
    request: [u8; 32],
    /// Seals the answer.
    seal: [u8; 32],
}

impl Claim {
    /// The claim of `caller` on `key` for this operation with this input.
    pub fn new(caller: Option<UserId>, key: &str, operation: &str, input: &Value) -> Self {
        let caller = caller.map_or_else(|| "-".to_owned(), |user| user.to_string());
        let scoped = |purpose: &str| hash(&[purpose, &caller, key]);
        Self {
            id: scoped("id"),
            request: hash(&["request", operation, &canonical(input).to_string()]),
            seal: scoped("seal"),
        }
    }

    /// The claim on what is done about one of many in the same request, each in a transaction of its own.
    pub(crate) fn part(&self, of: UserId) -> Self {
        let hex = |bytes: &[u8; 32]| data_encoding::HEXLOWER.encode(bytes);
        let part = |whole: &[u8; 32]| hash(&["part", &hex(whole), &of.to_string()]);
        Self { id: part(&self.id), request: self.request, seal: part(&self.seal) }
    }

    /// The answer that was given before, if there is one.
    pub(crate) fn find<T: DeserializeOwned>(&self, tx: &mut Tx<'_, '_>) -> Result<Option<T>, Error> {
        let Some((request, sealed, kept_at)) = store::find(tx, &self.id)? else { return Ok(None) };
        if request != self.request {
            return Err(Error::IdempotencyMismatch);
        }
        let json = self.open(sealed, kept_at)?;
        serde_json::from_slice(&json).map(Some).map_err(Error::internal)
    }

    /// Keeps the answer. A racing request with the same key loses here, by the table's primary key.
    pub(crate) fn keep<T: Serialize>(&self, tx: &mut Tx<'_, '_>, answer: &T) -> Result<(), Error> {
        let json = serde_json::to_vec(answer).map_err(Error::internal)?;
        let now = tx.now();
        let sealed = self.close(json, now)?;
        store::insert(tx, &self.id, &self.request, &sealed, now)
    }

    fn cipher(&self) -> Result<LessSafeKey, Error> {
        UnboundKey::new(&AES_256_GCM, &self.seal).map(LessSafeKey::new).map_err(not_sealed)
    }

    fn close(&self, mut json: Vec<u8>, at: Timestamp) -> Result<Vec<u8>, Error> {
        self.cipher()?.seal_in_place_append_tag(nonce(at), Aad::empty(), &mut json).map_err(not_sealed)?;
        Ok(json)
    }

    fn open(&self, mut sealed: Vec<u8>, at: Timestamp) -> Result<Vec<u8>, Error> {
        let length =
            self.cipher()?.open_in_place(nonce(at), Aad::empty(), &mut sealed).map_err(not_sealed)?.len();
        sealed.truncate(length);
        Ok(sealed)
    }
}

/// Runs `work` once for a claim, and gives every repetition the first answer.
pub(crate) fn guard<T, E>(
    tx: &mut Tx<'_, '_>,
    claim: &Claim,
    work: &mut impl FnMut(&mut Tx<'_, '_>) -> Result<T, E>,
) -> Result<T, E>
where
    T: Serialize + DeserializeOwned,
    E: From<Error>,
{
    if let Some(answer) = claim.find(tx)? {
        return Ok(answer);
    }
    let answer = work(tx)?;
    claim.keep(tx, &answer)?;
    Ok(answer)
}

/// The answer this call was given before, if its key was used. For a call that was refused: asked only then, so that a key
/// costs a call nothing that succeeds, and puts nothing between two calls that were sent one after the other.
pub(crate) async fn answer_before(cx: &Cx) -> Result<Option<Value>, Error> {
    let Some(claim) = cx.claim().cloned() else { return Ok(None) };
    cx.read(move |tx| claim.find(tx)).await
}

/// A key seals one answer at a time: the next only when the time of the last is over. So the time makes a good nonce.
fn nonce(at: Timestamp) -> Nonce {
    let mut bytes = [0; 12];
    bytes[..8].copy_from_slice(&at.as_micros().to_le_bytes());
    Nonce::assume_unique_for_key(bytes)
}

fn not_sealed(_: ring::error::Unspecified) -> Error {
    Error::internal("the answer kept for an idempotency key cannot be sealed or opened")
}

fn hash(parts: &[&str]) -> [u8; 32] {
    let mut text = String::new();
    for part in parts {
        // The length first, so that no two lists of parts read the same.
        text.push_str(&format!("{}:{part}", part.len()));
    }
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    out
}

/// The same input whatever the order of its fields, and whether an absent field of it was written as `null`. Deeper down, in what may
/// be anything, a `null` is a value like others.
fn canonical(input: &Value) -> Value {
    match input {
        Value::Object(fields) => {
            let given = fields.iter().filter(|(_, value)| !value.is_null());
            sorted(&given.map(|(name, value)| (name.clone(), value.clone())).collect::<Map<_, _>>().into())
        }
        other => sorted(other),
    }
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| name.as_str());
            Value::Object(fields.into_iter().map(|(name, value)| (name.clone(), sorted(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}
