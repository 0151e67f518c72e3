//! What lets somebody into a lobby: its password, and the secret by which the game host knows a member.

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use moothall_protocol::LobbyId;
use ring::digest::{Context, SHA256};

use crate::Random;

/// What is kept of a password: its hash together with the lobby's id, so that the same password looks different in another lobby.
///
/// A fast hash, because a lobby's password is known to all who are in it, lives as long as the lobby, and is guessed only as often as
/// `codes.rs` lets.
pub(super) fn password_hash(lobby: LobbyId, password: &str) -> String {
    let mut context = Context::new(&SHA256);
    context.update(lobby.uuid().as_bytes());
    context.update(password.as_bytes());
    HEXLOWER.encode(context.finish().as_ref())
}

/// By which the game host knows a member.
pub(super) fn new_secret(random: &dyn Random) -> String {
    BASE64URL_NOPAD.encode(&random.bytes::<24>())
}
