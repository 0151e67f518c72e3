//! Secrets that the server makes: 256 random bits each, told once, and kept as SHA-256.
//!
//! A fast hash is right here: nobody can guess 256 bits, however fast the guesses. Passwords are another matter: see
//! `passwords.rs`.

use data_encoding::BASE64URL_NOPAD;
use ring::digest::{Context, SHA256};

use crate::Random;

/// What the database keeps of a secret.
pub(super) type Hash = [u8; 32];

/// A new secret. The prefix says what it is for, so that a leaked one is recognised where it turns up.
pub(super) fn make(random: &dyn Random, prefix: &str) -> (String, Hash) {
    let text = format!("{prefix}{}", BASE64URL_NOPAD.encode(&random.bytes::<32>()));
    let hash = hash(&[text.as_bytes()]);
    (text, hash)
}

/// SHA-256 of the parts, each behind its length, so that no two lists of parts are alike.
pub(super) fn hash(parts: &[&[u8]]) -> Hash {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_le_bytes());
        context.update(part);
    }
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}
